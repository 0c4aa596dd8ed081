//! Names and small readers of `openai_chat`.

use crate::ir::chat::Finish;
use crate::json::{Node, Text, Writer};
use crate::usage::Usage;

/// Whether LiteLLM checks the parameter against what a provider takes. Any other top-level field is sent as it is.
pub(crate) fn is_checked(name: &[u8]) -> bool {
    matches!(
        name,
        b"audio"
            | b"context_management"
            | b"frequency_penalty"
            | b"function_call"
            | b"functions"
            | b"logit_bias"
            | b"logprobs"
            | b"max_completion_tokens"
            | b"max_tokens"
            | b"modalities"
            | b"n"
            | b"parallel_tool_calls"
            | b"prediction"
            | b"presence_penalty"
            | b"prompt_cache_key"
            | b"prompt_cache_retention"
            | b"reasoning_effort"
            | b"response_format"
            | b"safety_identifier"
            | b"seed"
            | b"service_tier"
            | b"stop"
            | b"store"
            | b"stream"
            | b"stream_options"
            | b"temperature"
            | b"thinking"
            | b"tool_choice"
            | b"tools"
            | b"top_logprobs"
            | b"top_p"
            | b"verbosity"
            | b"web_search_options"
    )
}

/// Of the parameters that are checked, the ones that a provider does not take unless its row says so.
pub(crate) const OPT_IN: &[&str] = &["context_management", "reasoning_effort", "thinking", "verbosity"];

/// `finish_reason` → [`Finish`].
pub(crate) fn finish(reason: Option<Text<'_>>) -> Finish<'_> {
    let Some(reason) = reason else { return Finish::Unknown };
    match &*reason.name() {
        b"stop" => Finish::Stop,
        b"length" => Finish::Length,
        b"tool_calls" | b"function_call" => Finish::ToolUse,
        b"content_filter" => Finish::ContentFilter,
        _ => Finish::Other(reason),
    }
}

/// [`Finish`] → `finish_reason`. Reasons that the dialect does not know become the closest one that it does, as in
/// LiteLLM's table (LiteLLM: `core_helpers._FINISH_REASON_MAP`).
pub(crate) fn finish_reason(finish: &Finish<'_>) -> &'static str {
    match finish {
        Finish::Length | Finish::Pause | Finish::ContextWindow => "length",
        Finish::ToolUse => "tool_calls",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
        Finish::Other(reason) => match &*reason.name() {
            b"compaction" => "length",
            b"sensitive" | b"guardrail_intervened" => "content_filter",
            _ => "stop",
        },
        Finish::Stop | Finish::StopSequence | Finish::Unknown => "stop",
    }
}

fn count(node: Option<Node<'_>>) -> Option<u64> {
    node.and_then(Node::u64)
}

/// `usage` → [`Usage`]. `prompt_tokens` includes cached tokens, `completion_tokens` includes reasoning.
pub(crate) fn usage(node: Node<'_>) -> Usage {
    let [input, output, total, prompt, completion, cache_hit] = node.fields([
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "prompt_cache_hit_tokens",
    ]);
    let [cached, created, written] = prompt.map_or([None; 3], |prompt| {
        prompt.fields(["cached_tokens", "cache_creation_tokens", "cache_write_tokens"])
    });
    let reasoning = completion.and_then(|completion| completion.get("reasoning_tokens")?.u64());
    let (input, output, total) = (count(input).unwrap_or(0), count(output).unwrap_or(0), count(total));
    // xAI counts reasoning beside the completion, which only its total shows.
    let beside =
        reasoning.filter(|&reasoning| total == Some(input.saturating_add(output).saturating_add(reasoning)));
    Usage {
        input,
        output: output.saturating_add(beside.unwrap_or(0)),
        total,
        cache_read: count(cached).or_else(|| count(cache_hit)),
        cache_write: count(created).or_else(|| count(written)),
        cache_write_5m: None,
        cache_write_1h: None,
        reasoning,
        web_searches: None,
    }
}

/// Writes a `usage` object, with the details under LiteLLM's names. `thought` says whether the answer has reasoning in it:
/// without any, reasoning tokens are known to be none; with some, only the provider knows how many.
pub(crate) fn write_usage(usage: &Usage, thought: bool, node: Option<Node<'_>>, w: &mut Writer<'_>) {
    write_counts(usage, thought, w);
    let extra = node.map_or([None; USAGE_EXTRA.len()], |node| node.fields(USAGE_EXTRA));
    for (name, value) in USAGE_EXTRA.into_iter().zip(extra) {
        if let Some(value) = value {
            w.key(name).node(value);
        }
    }
    w.end_object();
}

/// The same without the end, for more members.
pub(crate) fn write_counts(usage: &Usage, thought: bool, w: &mut Writer<'_>) {
    w.begin_object();
    w.key("completion_tokens").number(usage.output);
    w.key("prompt_tokens").number(usage.input);
    w.key("total_tokens").number(usage.total());
    let reasoning = usage.reasoning.or((!thought).then_some(0));
    if let Some(reasoning) = reasoning {
        w.key("completion_tokens_details").begin_object();
        w.key("reasoning_tokens").number(reasoning);
        w.key("text_tokens").number(usage.output.saturating_sub(reasoning));
        w.end_object();
    }
    if usage.cache_read.is_some() || usage.cache_write.is_some() {
        let (read, written) = (usage.cache_read.unwrap_or(0), usage.cache_write.unwrap_or(0));
        w.key("prompt_tokens_details").begin_object();
        w.key("cache_write_tokens").number(written);
        w.key("cached_tokens").number(read);
        w.key("text_tokens").number(usage.uncached_input());
        w.key("cache_creation_tokens").number(written);
        if usage.cache_write_5m.is_some() || usage.cache_write_1h.is_some() {
            w.key("cache_creation_token_details").begin_object();
            w.key("ephemeral_5m_input_tokens").number(usage.cache_write_5m.unwrap_or(0));
            w.key("ephemeral_1h_input_tokens").number(usage.cache_write_1h.unwrap_or(0));
            w.end_object();
        }
        w.end_object();
        w.key("cache_creation_input_tokens").number(written);
        w.key("cache_read_input_tokens").number(read);
    }
}

/// What clients get of an Anthropic provider's usage object beyond the counts.
const USAGE_EXTRA: [&str; 5] = ["server_tool_use", "service_tier", "inference_geo", "iterations", "speed"];
/// The same for streams, whose last usage object tells no tier.
pub(crate) const STREAMED_USAGE_EXTRA: [&str; 4] =
    ["server_tool_use", "inference_geo", "iterations", "speed"];
