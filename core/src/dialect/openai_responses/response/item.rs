//! The items of an answer, as clients get them.

use crate::json::{Node, Text, Writer};

/// A string of an item.
#[derive(Clone, Copy)]
pub(in crate::dialect::openai_responses) enum Words<'w, 'a> {
    /// Made of these.
    Texts(&'w [&'w Text<'a>]),
    /// In JSON spelling, without quotes.
    Spelled(&'w [u8]),
    /// This JSON value, as text.
    Json(Node<'a>),
}

impl Words<'_, '_> {
    pub(in crate::dialect::openai_responses) fn write(self, w: &mut Writer<'_>) {
        match self {
            Self::Texts(texts) => {
                w.concat(texts.iter().copied());
            }
            Self::Spelled(spelled) => {
                let out = w.value();
                out.push(b'"');
                out.extend_from_slice(spelled);
                out.push(b'"');
            }
            Self::Json(node) => {
                w.json_as_string(node.raw_str());
            }
        }
    }
}

/// A part of a message.
pub(in crate::dialect::openai_responses) enum Part<'w, 'a> {
    /// What the model says; with its annotations and token probabilities, as members of JSON lists.
    Text { text: Words<'w, 'a>, annotations: &'w [u8], logprobs: &'w [u8] },
    /// A refusal.
    Refusal(Words<'w, 'a>),
}

impl Part<'_, '_> {
    /// Writes the part.
    pub(in crate::dialect::openai_responses) fn write(&self, w: &mut Writer<'_>) {
        w.begin_object().key("type");
        match self {
            Self::Text { text, annotations, logprobs } => {
                w.word("output_text").key("annotations");
                list(annotations, w);
                w.key("logprobs");
                list(logprobs, w);
                w.key("text");
                text.write(w);
            }
            Self::Refusal(text) => {
                w.word("refusal").key("refusal");
                text.write(w);
            }
        }
        w.end_object();
    }
}

fn list(members: &[u8], w: &mut Writer<'_>) {
    w.begin_array();
    if !members.is_empty() {
        w.raw(members);
    }
    w.end_array();
}

/// A call of a tool of the client's.
pub(in crate::dialect::openai_responses) struct Call<'w, 'a> {
    /// The tool takes free text.
    pub(in crate::dialect::openai_responses) custom: bool,
    /// The item's id.
    pub(in crate::dialect::openai_responses) id: &'w str,
    /// The id that the client answers.
    pub(in crate::dialect::openai_responses) call_id: &'w Text<'a>,
    /// The tool's name, and the namespace that it stands in.
    pub(in crate::dialect::openai_responses) name: &'w str,
    pub(in crate::dialect::openai_responses) namespace: Option<&'w str>,
    /// The arguments.
    pub(in crate::dialect::openai_responses) input: Words<'w, 'a>,
}

impl Call<'_, '_> {
    /// Writes the item.
    pub(in crate::dialect::openai_responses) fn write(&self, status: &str, w: &mut Writer<'_>) {
        let kind = if self.custom { "custom_tool_call" } else { "function_call" };
        w.begin_object().key("type").word(kind).key("id").str(self.id);
        w.key("call_id").text(self.call_id).key("name").str(self.name);
        if let Some(namespace) = self.namespace {
            w.key("namespace").str(namespace);
        }
        w.key(if self.custom { "input" } else { "arguments" });
        self.input.write(w);
        w.key("status").word(status).end_object();
    }
}

/// The id of a call's item, in the form that OpenAI gives its own.
pub(in crate::dialect::openai_responses) fn call_item_id(custom: bool, call_id: &str) -> String {
    let prefix = if custom { "ctc" } else { "fc" };
    if call_id.starts_with(prefix) { call_id.to_owned() } else { [prefix, "_", call_id].concat() }
}

/// Writes a message.
pub(in crate::dialect::openai_responses) fn write_message(
    id: &str,
    parts: &[Part<'_, '_>],
    status: &str,
    w: &mut Writer<'_>,
) {
    w.begin_object().key("type").word("message").key("id").str(id).key("role").word("assistant");
    w.key("content").begin_array();
    parts.iter().for_each(|part| part.write(w));
    w.end_array().key("status").word(status).end_object();
}

/// Writes reasoning: the texts that can be read, and what its provider needs to take it back, `blocks`, members of a JSON
/// list. That is LiteLLM's form, so that a conversation can go on with either.
pub(in crate::dialect::openai_responses) fn write_reasoning<'w>(
    id: &str,
    summary: impl Iterator<Item = Words<'w, 'w>>,
    blocks: &[u8],
    status: &str,
    w: &mut Writer<'_>,
) {
    w.begin_object().key("type").word("reasoning").key("id").str(id).key("summary").begin_array();
    for text in summary {
        write_summary_part(text, w);
    }
    w.end_array();
    if !blocks.is_empty() {
        let blocks = std::str::from_utf8(blocks).unwrap_or_default();
        w.key("encrypted_content").str(&["[", blocks, "]"].concat());
    }
    w.key("status").word(status).end_object();
}

/// Writes a part of a reasoning's summary.
pub(in crate::dialect::openai_responses) fn write_summary_part(text: Words<'_, '_>, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("summary_text").key("text");
    text.write(w);
    w.end_object();
}

/// Appends a thinking block to the members of a list, if its provider takes it back.
pub(in crate::dialect::openai_responses) fn append_thinking(
    text: Words<'_, '_>,
    signature: Words<'_, '_>,
    blocks: &mut Vec<u8>,
) {
    let mut w = after_members(blocks);
    w.begin_object().key("type").word("thinking").key("thinking");
    text.write(&mut w);
    w.key("signature");
    signature.write(&mut w);
    w.end_object();
}

/// Appends a redacted thinking block to the members of a list.
pub(in crate::dialect::openai_responses) fn append_redacted(data: &Text<'_>, blocks: &mut Vec<u8>) {
    let mut w = after_members(blocks);
    w.begin_object().key("type").word("redacted_thinking").key("data").text(data).end_object();
}

/// Appends to the members of a JSON list.
pub(in crate::dialect::openai_responses) fn after_members(list: &mut Vec<u8>) -> Writer<'_> {
    if !list.is_empty() {
        list.push(b',');
    }
    Writer::new(list)
}
