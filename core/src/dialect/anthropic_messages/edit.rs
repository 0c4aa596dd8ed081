//! The edit lists of requests, answers and streams whose client and provider both speak `anthropic_messages`.

use super::{effort, history};
use crate::controls;
use crate::dialect::AnswerContext;
use crate::edit::{Decision, Patch};
use crate::error::Refusal;
use crate::http::{Headers, header};
use crate::json::Node;
use crate::loss::Report;
use crate::target::Target;

/// Collects the edits that `root` needs for `target`; returns the headers that go with it.
pub(crate) fn edit(
    root: Node<'_>,
    target: &Target,
    client: &Headers,
    patch: &mut Patch,
    report: &mut Report,
) -> Result<Headers, Refusal> {
    if !root.some("messages").is_some_and(Node::is_array) {
        return Err(Refusal::invalid("messages", "messages: a list of messages is required"));
    }
    if root.some("max_tokens").and_then(Node::number).is_none() {
        return Err(Refusal::invalid("max_tokens", "max_tokens: a number is required"));
    }
    refuse_sampling(root, target)?;
    let effort = effort::edits(root, target, report);
    patch.object(root, &effort.insert, |patch, key, value| match &*key.name() {
        b"messages" => {
            history::edit(value, patch, report);
            Decision::Keep
        }
        b"model" => Decision::string(&target.model),
        b"metadata" => Decision::Keep,
        b"thinking" if effort.thinking.is_some() => effort.thinking.clone().unwrap_or(Decision::Keep),
        b"output_config" if effort.output_config.is_some() => {
            effort.output_config.clone().unwrap_or(Decision::Keep)
        }
        b"temperature" if effort.drops_temperature(value) => {
            report.rewrite("temperature", "temperature_with_thinking");
            Decision::Remove
        }
        _ if value.is_null() => Decision::Remove,
        name if is_refused_sampling(name, value, target) => {
            report.lose(key.unescape(), "unsupported");
            Decision::Remove
        }
        name if controls::is_host_control(name) => Decision::Remove,
        _ => Decision::Keep,
    });
    let mut headers = Headers::new();
    if let Some(version) = header(client, "anthropic-version") {
        headers.push(("anthropic-version".to_owned(), version.to_owned()));
    }
    let betas = betas(root, header(client, "anthropic-beta"));
    if !betas.is_empty() {
        headers.push(("anthropic-beta".to_owned(), betas.join(",")));
    }
    Ok(headers)
}

/// Newer models sample as they think best; parameters for it are refused, or dropped with `drop_params`.
fn refuse_sampling(root: Node<'_>, target: &Target) -> Result<(), Refusal> {
    if target.capabilities.sampling_params || target.drop_params {
        return Ok(());
    }
    let refused = root.entries().find(|(key, value)| is_refused_sampling(&key.name(), *value, target));
    let Some((name, _)) = refused else { return Ok(()) };
    let name = name.unescape().into_owned();
    let message =
        format!("{} does not support this value of {name}. To drop it, set drop_params", target.model);
    Err(Refusal::unsupported(name, message))
}

fn is_refused_sampling(name: &[u8], value: Node<'_>, target: &Target) -> bool {
    let neutral = || name == b"temperature" && value.f64() == Some(1.0);
    !target.capabilities.sampling_params
        && matches!(name, b"temperature" | b"top_p" | b"top_k")
        && !value.is_null()
        && !neutral()
}

/// The client's `anthropic-beta` values and those that the body's features need, sorted.
fn betas(root: Node<'_>, client: Option<&str>) -> Vec<String> {
    let mut betas: Vec<String> = client
        .into_iter()
        .flat_map(|value| value.split(','))
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .collect();
    let mut add = |beta: &str| betas.push(beta.to_owned());
    for (key, value) in root.entries() {
        match &*key.name() {
            b"context_management" => {
                for edit in value.some("edits").into_iter().flat_map(Node::items) {
                    let compact = edit.some("type").is_some_and(|kind| kind.is_text("compact_20260112"));
                    add(if compact { "compact-2026-01-12" } else { "context-management-2025-06-27" });
                }
            }
            b"output_config" if value.some("format").is_some() => add("structured-outputs-2025-11-13"),
            b"output_format" if !value.is_null() => add("structured-outputs-2025-11-13"),
            b"speed" if value.is_text("fast") => add("fast-mode-2026-02-01"),
            b"tools" if value.items().any(searches_tools) => add("advanced-tool-use-2025-11-20"),
            b"messages" if value.items().any(changes_tools) => {
                add("mid-conversation-tool-changes-2026-07-01");
            }
            _ => {}
        }
    }
    betas.sort();
    betas.dedup();
    betas
}

fn searches_tools(tool: Node<'_>) -> bool {
    tool.get_text("type").is_some_and(|kind| kind.starts_with("tool_search_tool_"))
}

/// Whether a system message adds or removes tools.
fn changes_tools(message: Node<'_>) -> bool {
    message.some("role").is_some_and(|role| role.is_text("system"))
        && message.some("content").into_iter().flat_map(Node::items).any(|block| {
            block.get_text("type").is_some_and(|kind| kind.is("tool_addition") || kind.is("tool_removal"))
        })
}

/// Collects the edits of an answer: `model` becomes the requested name.
pub(crate) fn answer(root: Node<'_>, context: &AnswerContext, patch: &mut Patch) {
    patch.object(root, &[], |_, key, _| {
        if key.is("model") { Decision::string(&context.requested_model) } else { Decision::Keep }
    });
}
