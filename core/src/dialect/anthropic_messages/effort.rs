//! The newer way to ask for reasoning (`thinking: {type: adaptive}`, `output_config.effort`) for models that only know the
//! older one (`thinking: {type: enabled, budget_tokens}`). Clients send the newer one to every model
//! (<https://docs.anthropic.com/en/docs/build-with-claude/effort>).

use crate::capabilities::Capabilities;
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
    /// Newer models take no budget: it becomes an effort, unless the client set one.
    fn make_adaptive(
        &mut self,
        thinking: Node<'_>,
        config: Option<Node<'_>>,
        capabilities: &Capabilities,
        report: &mut Report,
    ) {
        let Some(effort) = effort_of_budget(thinking, capabilities) else { return };
        report.rewrite("thinking", "reasoning_effort");
        self.thinking = Some(Decision::Replace(adaptive(thinking)));
        if config.is_some_and(|config| config.some("effort").is_some()) {
            return;
        }
        let mut json = Vec::new();
        let mut w = Writer::new(&mut json);
        w.begin_object().key("effort").str(effort);
        for (key, value) in config.into_iter().flat_map(Node::entries).filter(|(key, _)| !key.is("effort")) {
            w.key_text(&key).node(value);
        }
        w.end_object();
        match config {
            Some(_) => self.output_config = Some(Decision::Replace(json)),
            None => self.insert.push(("output_config", json)),
        }
    }

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

/// The effort that a budget stands for; `None` where it is not a number.
pub(super) fn effort_of_budget(thinking: Node<'_>, capabilities: &Capabilities) -> Option<&'static str> {
    let tokens = match thinking.some("budget_tokens") {
        Some(tokens) => tokens.f64()?,
        None => 0.0,
    };
    Some(match tokens {
        tokens if tokens >= 8192.0 && capabilities.xhigh_effort => "xhigh",
        tokens if tokens >= 4096.0 => "high",
        tokens if tokens >= 2048.0 => "medium",
        _ => "low",
    })
}

/// `thinking` with a budget → the newer form, everything else in it kept.
pub(super) fn adaptive(thinking: Node<'_>) -> Vec<u8> {
    let mut json = Vec::new();
    let mut w = Writer::new(&mut json);
    w.begin_object();
    for (key, value) in thinking.entries() {
        let display = key.is("display") && !value.is_text("summarized") && !value.is_text("omitted");
        if !key.is("type") && !key.is("budget_tokens") && !display {
            w.key_text(&key).node(value);
        }
    }
    w.key("type").word("adaptive").end_object();
    json
}

/// What `target`'s model needs changed in `root`.
pub(super) fn edits(root: Node<'_>, target: &Target, report: &mut Report) -> Edits {
    let mut edits = Edits::default();
    let capabilities = &target.capabilities;
    let thinking = root.some("thinking");
    let is = |kind: &str| {
        thinking.and_then(|thinking| thinking.some("type")).is_some_and(|node| node.is_text(kind))
    };
    let config = root.some("output_config");
    if is("disabled") && capabilities.thinking_always_on {
        report.rewrite("thinking", "thinking_always_on");
        edits.thinking = Some(Decision::Remove);
        return edits;
    }
    if capabilities.adaptive_thinking {
        if let Some(thinking) = thinking.filter(|_| is("enabled") && !capabilities.legacy_thinking) {
            edits.make_adaptive(thinking, config, capabilities, report);
        }
        return edits;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits};

    fn edited(json: &str, model: &str) -> Edits {
        let document = Document::parse(json.as_bytes(), &Limits::default()).expect("valid JSON");
        let target = Target::new("anthropic", model, None).expect("a known provider");
        edits(document.root(), &target, &mut Report::default())
    }

    #[test]
    fn budgets_become_efforts_where_models_take_no_budget() {
        let json = r#"{"thinking":{"type":"enabled","budget_tokens":5000,"display":"omitted"}}"#;
        let edits = edited(json, "claude-opus-4-7");
        let thinking = br#"{"display":"omitted","type":"adaptive"}"#.to_vec();
        assert_eq!(edits.thinking, Some(Decision::Replace(thinking)));
        assert_eq!(edits.insert, [("output_config", br#"{"effort":"high"}"#.to_vec())]);
        assert_eq!(edited(json, "claude-opus-4-6").thinking, None);
        assert_eq!(edited(json, "claude-sonnet-4-5").thinking, None);
    }

    #[test]
    fn models_that_always_think_are_not_told_to_stop() {
        let json = r#"{"thinking":{"type":"disabled"}}"#;
        assert_eq!(edited(json, "claude-fable-5").thinking, Some(Decision::Remove));
        assert_eq!(edited(json, "claude-opus-4-7").thinking, None);
    }
}
