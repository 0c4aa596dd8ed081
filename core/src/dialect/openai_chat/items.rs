//! What chat clients get of an answer of `openai_responses` beyond text and function calls.

use crate::dialect::{AnswerContext, Dialect};
use crate::json::{Node, Text, Writer};
use crate::usage::Usage;

/// What stands between the parts of a summary in `reasoning_content`; LiteLLM's clients know it so.
pub(super) const BETWEEN_PARTS: &str = " ";

/// Whether the provider answers in `openai_responses`.
pub(super) fn is_upstream(context: &AnswerContext) -> bool {
    context.upstream == Dialect::OpenAiResponses
}

/// Writes a `usage` object but for its end: what the provider counted and nothing else.
pub(super) fn usage(usage: &Usage, w: &mut Writer<'_>) {
    w.begin_object().key("completion_tokens").number(usage.output);
    w.key("prompt_tokens").number(usage.input).key("total_tokens").number(usage.total());
    if let Some(reasoning) = usage.reasoning {
        w.key("completion_tokens_details").begin_object();
        w.key("reasoning_tokens").number(reasoning).end_object();
    }
    if usage.cache_read.is_none() && usage.cache_write.is_none() {
        return;
    }
    w.key("prompt_tokens_details").begin_object();
    if let Some(read) = usage.cache_read {
        w.key("cached_tokens").number(read);
    }
    if let Some(written) = usage.cache_write {
        w.key("cache_write_tokens").number(written).key("cache_creation_tokens").number(written);
    }
    w.end_object();
}

/// Writes a reasoning item as the client has to send it back, in `reasoning_items`.
pub(super) fn reasoning_item(item: Node<'_>, w: &mut Writer<'_>) {
    let [id, summary, encrypted] = item.fields(["id", "summary", "encrypted_content"]);
    w.begin_object().key("type").word("reasoning");
    if let Some(id) = id {
        w.key("id").node(id);
    }
    if let Some(encrypted) = encrypted {
        w.key("encrypted_content").node(encrypted);
    }
    w.key("summary");
    match summary {
        Some(summary) => w.node(summary),
        None => w.begin_array().end_array(),
    };
    w.end_object();
}

/// Whether chat clients have a type for the annotation.
pub(super) fn is_annotation(annotation: Node<'_>) -> bool {
    annotation.some("type").is_some_and(|kind| kind.is_text("url_citation"))
}

/// Writes a source of the text, whose part begins behind `offset` characters.
pub(super) fn annotation(annotation: Node<'_>, offset: u64, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("url_citation").key("url_citation").begin_object();
    for (key, value) in annotation.entries().filter(|(key, _)| !key.is("type")) {
        w.key_text(&key);
        match value.u64().filter(|_| key.is("start_index") || key.is("end_index")) {
            Some(index) => w.number(index + offset),
            None => w.node(value),
        };
    }
    w.end_object().end_object();
}

/// Writes the namespace of a called tool, which the client has to send back.
pub(super) fn namespace(namespace: Node<'_>, w: &mut Writer<'_>) {
    w.key("provider_specific_fields").begin_object().key("namespace").node(namespace).end_object();
}

/// Writes the members of a tool call that takes free text; in a stream's later chunks without a name.
pub(super) fn custom_call(name: Option<&Text<'_>>, input: &Text<'_>, w: &mut Writer<'_>) {
    w.key("custom").begin_object().key("input").text(input);
    if let Some(name) = name {
        w.key("name").text(name);
    }
    w.end_object().key("type").word("custom");
}
