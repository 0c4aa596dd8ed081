//! How much to think: `reasoning_effort` and `thinking` → `thinking` and `output_config.effort`.

use super::super::effort;
use super::betas::Betas;
use crate::dialect::RequestContext;
use crate::error::Refusal;
use crate::ir::chat::{Reasoning, Request};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;

/// The smallest budget that the API takes.
const LEAST_BUDGET: u64 = 1024;

/// What a request says about thinking, in the API's terms.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) thinking: Option<Thinking<'a>>,
    pub(super) effort: Option<Text<'a>>,
}

/// `thinking`, as the client spelled it or anew.
#[derive(Debug)]
pub(super) enum Thinking<'a> {
    Given(Node<'a>),
    /// `{type: enabled}` with this budget.
    Budget(u64),
    /// JSON of ours.
    Built(Vec<u8>),
}

impl Plan<'_> {
    /// The budget that `thinking: {type: enabled}` sets.
    pub(super) fn budget(&self) -> Option<u64> {
        match self.thinking.as_ref()? {
            Thinking::Given(node) if node.get("type")?.is_text("enabled") => node.get("budget_tokens")?.u64(),
            Thinking::Given(_) | Thinking::Built(_) => None,
            Thinking::Budget(tokens) => Some(*tokens),
        }
    }

    /// The betas that fields of `thinking` need.
    pub(super) fn add_betas(&self, betas: &mut Betas) {
        let Some(Thinking::Given(node)) = self.thinking else { return };
        if node.get("display").is_some_and(|display| display.is_text("updates")) {
            betas.add("thinking-display-updates-2026-08-18");
        }
        if node.get("block_binding").is_some() {
            betas.add("thinking-binding-controls-2026-08-01");
        }
    }

    pub(super) fn write_thinking(&self, w: &mut Writer<'_>) {
        match &self.thinking {
            None => {}
            Some(Thinking::Given(node)) => {
                w.key("thinking").node(*node);
            }
            Some(Thinking::Budget(tokens)) => {
                w.key("thinking").begin_object().key("type").word("enabled");
                w.key("budget_tokens").number(*tokens).end_object();
            }
            Some(Thinking::Built(json)) => {
                w.key("thinking").raw(json);
            }
        }
    }
}

/// Whether the client asks for thinking at all. An effort other than `none` does.
pub(super) fn is_requested(request: &Request<'_>) -> bool {
    request.reasoning.iter().any(|reasoning| match reasoning {
        Reasoning::Thinking(node) => {
            node.bool() == Some(true)
                || node.get("type").is_some_and(|kind| kind.is_text("enabled") || kind.is_text("adaptive"))
        }
        Reasoning::Effort(node) => !node.is_text("none"),
        Reasoning::OutputEffort(_) => false,
    })
}

/// Whether thinking rules out a forced tool, in LiteLLM's reading: any effort does, even `none`.
pub(super) fn rules_out_forced_tool(request: &Request<'_>, context: RequestContext<'_>) -> bool {
    is_supported(context)
        && request.reasoning.iter().any(|reasoning| match reasoning {
            Reasoning::Thinking(node) => {
                node.bool() == Some(true) || node.get("type").is_some_and(|kind| kind.is_text("enabled"))
            }
            Reasoning::Effort(_) => true,
            Reasoning::OutputEffort(_) => false,
        })
}

/// Whether the model knows thinking; without that, the fields are unsupported parameters.
pub(super) fn is_supported(context: RequestContext<'_>) -> bool {
    let capabilities = context.capabilities();
    capabilities.reasoning || capabilities.adaptive_thinking
}

/// Plans the thinking. An explicit `thinking` wins over an effort.
pub(super) fn plan<'a>(
    request: &Request<'a>,
    context: RequestContext<'_>,
    report: &mut Report,
) -> Result<Plan<'a>, Refusal> {
    let mut plan = Plan::default();
    if !is_supported(context) {
        return Ok(plan);
    }
    for reasoning in &request.reasoning {
        match reasoning {
            Reasoning::Effort(node) => plan_effort(*node, context, &mut plan, report)?,
            Reasoning::OutputEffort(level) => plan.effort = Some(level.clone()),
            Reasoning::Thinking(_) => {}
        }
    }
    for reasoning in &request.reasoning {
        if let Reasoning::Thinking(node) = reasoning {
            thinking(*node, request, context, &mut plan, report)?;
        }
    }
    let disabled = matches!(&plan.thinking, Some(Thinking::Given(node))
        if node.get("type").is_some_and(|kind| kind.is_text("disabled")));
    if disabled && context.capabilities().thinking_always_on {
        plan.thinking = None;
        report.lose("thinking", "thinking_always_on");
    }
    Ok(plan)
}

fn plan_effort<'a>(
    node: Node<'a>,
    context: RequestContext<'_>,
    plan: &mut Plan<'a>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let Some(level) = node.text().or_else(|| node.get_text("effort")) else {
        report.lose("reasoning_effort", "not_a_word");
        return Ok(());
    };
    let budget = match &*level.name() {
        b"none" => {
            *plan = Plan::default();
            return Ok(());
        }
        b"minimal" | b"low" => 1024,
        b"medium" => 2048,
        b"high" => 4096,
        b"xhigh" => 8192,
        b"max" => 16384,
        _ => {
            let message =
                "Invalid reasoning_effort. Must be one of: minimal, low, medium, high, xhigh, max, none";
            return Err(Refusal::invalid("reasoning_effort", message));
        }
    };
    report.rewrite("thinking", "reasoning_effort");
    if context.capabilities().adaptive_thinking {
        // Without `display` the API would leave the summary out.
        plan.thinking = Some(Thinking::Built(br#"{"type":"adaptive","display":"summarized"}"#.to_vec()));
        plan.effort = Some(if level.is("minimal") { Text::new("low") } else { level });
    } else {
        plan.thinking = Some(Thinking::Budget(budget));
    }
    Ok(())
}

fn thinking<'a>(
    node: Node<'a>,
    request: &Request<'_>,
    context: RequestContext<'_>,
    plan: &mut Plan<'a>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let capabilities = context.capabilities();
    let is = |kind: &str| node.get("type").is_some_and(|given| given.is_text(kind));
    if is("adaptive") && !capabilities.adaptive_thinking {
        let limit = request.max_tokens.as_ref().and_then(|limit| limit.parse::<u64>().ok());
        plan.thinking = match limit {
            Some(limit) if limit <= LEAST_BUDGET => {
                report.lose("thinking", "max_tokens_too_small");
                None
            }
            limit => Some(Thinking::Budget(limit.map_or(2048, |limit| (limit - 1).min(2048)))),
        };
        report.rewrite("thinking", "reasoning_effort");
        return Ok(());
    }
    if !is("enabled") || !capabilities.adaptive_thinking || capabilities.legacy_thinking {
        plan.thinking = Some(Thinking::Given(node));
        return Ok(());
    }
    adaptive_from_budget(node, context, plan, report)
}

/// Newer models take no budgets: the budget becomes an effort.
fn adaptive_from_budget<'a>(
    node: Node<'a>,
    context: RequestContext<'_>,
    plan: &mut Plan<'a>,
    report: &mut Report,
) -> Result<(), Refusal> {
    plan.thinking = Some(Thinking::Built(effort::adaptive(node)));
    report.rewrite("thinking", "reasoning_effort");
    match effort::effort_of_budget(node, context.capabilities()) {
        Some(level) => {
            plan.effort.get_or_insert(Text::new(level));
        }
        None if context.target.drop_params => report.lose("thinking.budget_tokens", "not_a_number"),
        None => {
            return Err(Refusal::invalid(
                "thinking.budget_tokens",
                "thinking.budget_tokens must be a number",
            ));
        }
    }
    Ok(())
}

/// Writes `output_config`: the client's own over what the effort asks for.
pub(super) fn write_output_config(
    plan: &Plan<'_>,
    given: Option<Node<'_>>,
    context: RequestContext<'_>,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let given = given.filter(|given| given.is_object());
    let own = given.and_then(|given| given.get_text("effort"));
    if let Some(effort) = own.as_ref().or(plan.effort.as_ref()) {
        check_effort(effort, context)?;
    }
    if own.is_some() && context.target.drop_params && !takes_effort(context) {
        report.lose("output_config.effort", "unsupported");
        if let Some(format) = given.and_then(|given| given.some("format")) {
            w.key("output_config").begin_object().key("format").node(format).end_object();
        }
        return Ok(());
    }
    match (given, &plan.effort) {
        (Some(given), _) => {
            w.key("output_config").node(given);
        }
        (None, Some(effort)) => {
            w.key("output_config").begin_object().key("effort").text(effort).end_object();
        }
        (None, None) => {}
    }
    Ok(())
}

fn takes_effort(context: RequestContext<'_>) -> bool {
    let known = context.capabilities();
    known.output_config || known.max_effort || known.xhigh_effort || known.minimal_effort
}

fn check_effort(effort: &Text<'_>, context: RequestContext<'_>) -> Result<(), Refusal> {
    let known = context.capabilities();
    let fits = match &*effort.name() {
        b"low" | b"medium" | b"high" => true,
        b"xhigh" => known.xhigh_effort,
        b"max" => known.adaptive_thinking || known.max_effort,
        _ => false,
    };
    let message = || format!("this effort is not supported by {}", context.target.model);
    if fits { Ok(()) } else { Err(Refusal::invalid("output_config.effort", message())) }
}
