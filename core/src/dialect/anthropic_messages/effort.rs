//! The newer way to ask for reasoning (`thinking: {type: adaptive}`, `output_config.effort`) for models that only know the
//! older one (`thinking: {type: enabled, budget_tokens}`). Clients send the newer one to every model
//! (<https://docs.anthropic.com/en/docs/build-with-claude/effort>).

use crate::edit::Decision;
use crate::json::{Node, Writer};
use crate::loss::Report;
use crate::target::Target;

/// What becomes of the fields that ask for reasoning; `None` leaves a field alone.
#[derive(Debug, Default)]
pub(super) struct Edits {
    pub(super) thinking: Option<Decision>,
    pub(super) output_config: Option<Decision>,
    pub(super) insert: Vec<(&'static str, Vec<u8>)>,
    thinks: bool,
}

impl Edits {
    /// Whether this temperature has to go: with thinking the provider takes none but 1.
    pub(super) fn drops_temperature(&self, temperature: Node<'_>) -> bool {
        self.thinks && !temperature.is_null() && temperature.f64() != Some(1.0)
    }
}

/// The smallest thinking budget that the provider takes.
const SMALLEST_BUDGET: u64 = 1024;

/// The budget that an effort stands for; the figures are LiteLLM's.
fn budget(effort: &str) -> u64 {
    match effort {
        "minimal" | "low" => 1024,
        "high" => 4096,
        "xhigh" => 8192,
        "max" => 16_384,
        _ => 2048,
    }
}

/// What `target`'s model needs changed in `root`.
pub(super) fn edits(root: Node<'_>, target: &Target, report: &mut Report) -> Edits {
    let mut edits = Edits::default();
    let capabilities = &target.capabilities;
    if capabilities.adaptive_thinking {
        return edits;
    }
    let thinking = root.some("thinking");
    let is = |kind: &str| {
        thinking.and_then(|thinking| thinking.some("type")).is_some_and(|node| node.is_text(kind))
    };
    let config = root.some("output_config");
    let effort = config.and_then(|config| config.some("effort")?.str());
    edits.thinks = is("enabled") || (effort.is_some() && capabilities.output_config);
    let adaptive = is("adaptive");
    if effort.is_none() && !adaptive {
        return edits;
    }
    let known = matches!(effort.as_deref(), None | Some("low" | "medium" | "high"));
    if capabilities.output_config && (!adaptive || known) {
        if adaptive {
            report.rewrite("thinking", "adaptive_thinking_dropped");
            edits.thinking = Some(Decision::Remove);
        }
        return edits;
    }
    let limit = root.some("max_tokens").and_then(Node::u64).unwrap_or(u64::MAX);
    let tokens = budget(effort.as_deref().unwrap_or("medium")).min(limit.saturating_sub(1));
    let fits = capabilities.reasoning && tokens >= SMALLEST_BUDGET && effort.as_deref() != Some("none");
    report.rewrite("thinking", "effort_as_thinking_budget");
    let legacy = format!(r#"{{"type":"enabled","budget_tokens":{tokens}}}"#).into_bytes();
    edits.thinks = fits;
    match (thinking.is_some(), fits) {
        (true, true) => edits.thinking = Some(Decision::Replace(legacy)),
        (true, false) => edits.thinking = Some(Decision::Remove),
        (false, true) => edits.insert.push(("thinking", legacy)),
        (false, false) => {}
    }
    edits.output_config = config.filter(|_| effort.is_some()).map(without_effort);
    edits
}

/// `output_config` without its effort; nothing where nothing else is in it.
fn without_effort(config: Node<'_>) -> Decision {
    let mut json = Vec::with_capacity(config.raw().len());
    let mut w = Writer::new(&mut json);
    w.begin_object();
    let mut kept = 0;
    for (key, value) in config.entries().filter(|(key, _)| !key.is("effort")) {
        w.key_text(&key).node(value);
        kept += 1;
    }
    w.end_object();
    if kept == 0 { Decision::Remove } else { Decision::Replace(json) }
}
