//! The schemas of tools, as OpenAI's validator takes them.

use super::wire;
use crate::edit::Patch;
use crate::json::Node;
use crate::loss::Report;
use crate::policy::schema::{drop_foreign_patterns, flattened};
use crate::target::Target;

/// Models whose validator takes no alternatives at the top of a schema.
const NO_ALTERNATIVES: [&str; 6] = ["gpt-4", "gpt-3.5", "chatgpt-4o", "o1", "o3", "o4"];

/// Collects the edits of the schema of tool `index`. Returns the schema that comes in its place instead, where it changes
/// as a whole.
pub(super) fn edit(
    schema: Node<'_>,
    (index, target): (usize, &Target),
    patch: &mut Patch,
    report: &mut Report,
) -> Option<Vec<u8>> {
    if target.provider.name() != "openai" {
        return None;
    }
    let place = || format!("tools[{index}].parameters");
    let model = wire::sent_model(target);
    let model = model.strip_prefix("ft:").unwrap_or(model);
    if NO_ALTERNATIVES.iter().any(|family| model.starts_with(family))
        && let Some(flat) = flattened(schema)
    {
        report.rewrite(place(), "schema_flattened");
        return Some(flat);
    }
    if drop_foreign_patterns(schema, patch) > 0 {
        report.rewrite(place(), "schema_pattern");
    }
    None
}
