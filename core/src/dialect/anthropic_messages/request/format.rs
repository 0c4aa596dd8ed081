//! The form of the answer: `response_format` → `output_format`, or a tool whose arguments are the answer.

use super::reasoning;
use crate::dialect::RequestContext;
use crate::error::Refusal;
use crate::ir::chat::{Format, Request};
use crate::json::{Node, Writer};
use crate::loss::Report;
use crate::policy::schema;

/// The name of the tool whose arguments are the answer.
pub(super) const JSON_TOOL: &str = "json_tool_call";

/// How the answer's form is asked for.
#[derive(Debug)]
pub(super) enum Plan<'a> {
    /// Not at all.
    Free,
    /// The API follows this schema (JSON).
    Native(Vec<u8>),
    /// A tool with this schema.
    Tool {
        schema: Node<'a>,
        /// The model has to call it.
        forced: bool,
    },
}

/// Plans the form of the answer.
pub(super) fn plan<'a>(
    request: &Request<'a>,
    context: RequestContext<'_>,
    report: &mut Report,
) -> Result<Plan<'a>, Refusal> {
    let given = match &request.format {
        Some(Format::JsonSchema { schema, .. } | Format::JsonObject { schema }) => *schema,
        Some(Format::Text) | None => None,
    };
    if let Some(Format::JsonSchema { name, description, .. }) = &request.format {
        for (field, given) in [("name", name), ("description", description)] {
            if given.is_some() {
                report.lose(format!("response_format.json_schema.{field}"), "schema_label");
            }
        }
    }
    let Some(node) = given.filter(|schema| schema.is_object()) else { return Ok(Plan::Free) };
    let capabilities = context.capabilities();
    let path = "response_format.json_schema.schema";
    if capabilities.native_structured_output {
        let tree = schema::tree(node, path)?;
        let forced_tool = schema::has_open_object(&tree)
            && !reasoning::is_requested(request)
            && !reasoning::rules_out_forced_tool(request, context)
            && request.tools.is_empty()
            && capabilities.forced_tool_use;
        if !forced_tool {
            return Ok(Plan::Native(schema::output_schema(tree, path)?.to_string().into_bytes()));
        }
    }
    report.rewrite("tools", "json_tool");
    let forced = capabilities.forced_tool_use && !reasoning::rules_out_forced_tool(request, context);
    Ok(Plan::Tool { schema: node, forced })
}

/// Writes the tool whose arguments are the answer.
pub(super) fn write_tool(schema: Node<'_>, w: &mut Writer<'_>) {
    w.begin_object().key("name").str(JSON_TOOL).key("input_schema");
    if schema.get("type").is_some() {
        w.node(schema);
    } else {
        w.begin_object().key("type").word("object");
        for (key, value) in schema.entries() {
            w.key_text(&key).node(value);
        }
        w.end_object();
    }
    w.end_object();
}
