//! What a provider's own tools did → items of the API's own tools.

use crate::dialect::Dialect;
use crate::json::{Node, Text, Writer};

/// The id of a call of one of `anthropic_messages`' own tools that is a search.
pub(in crate::dialect::openai_responses) fn search<'a>(
    dialect: Dialect,
    node: Node<'a>,
) -> Option<(Text<'a>, Option<Node<'a>>)> {
    let is = |name: &str, word: &str| node.get_text(name).is_some_and(|text| text.is(word));
    if dialect != Dialect::AnthropicMessages || !is("type", "server_tool_use") || !is("name", "web_search") {
        return None;
    }
    Some((node.get_text("id")?, node.some("input")))
}

/// The id of the search that `node` is the result of.
pub(in crate::dialect::openai_responses) fn search_result<'a>(
    dialect: Dialect,
    node: Node<'a>,
) -> Option<Text<'a>> {
    let result = node.get_text("type").is_some_and(|kind| kind.is("web_search_tool_result"));
    node.get_text("tool_use_id").filter(|_| result && dialect == Dialect::AnthropicMessages)
}

/// Writes a search, with what it found.
pub(in crate::dialect::openai_responses) fn write_search(
    id: &Text<'_>,
    query: &Text<'_>,
    result: Option<Node<'_>>,
    w: &mut Writer<'_>,
) {
    let content = result.and_then(|result| result.some("content"));
    let failed = content.is_some_and(Node::is_object);
    let status = match result {
        None => "in_progress",
        Some(_) if failed => "failed",
        Some(_) => "completed",
    };
    w.begin_object().key("type").word("web_search_call").key("id").concat([&Text::new("ws_"), id]);
    w.key("status").word(status).key("action").begin_object();
    w.key("type").word("search").key("query").text(query).key("queries").begin_array();
    if !query.is_empty() {
        w.text(query);
    }
    w.end_array().key("sources").begin_array();
    for url in content.into_iter().flat_map(Node::items).filter_map(|found| found.get_text("url")) {
        w.begin_object().key("type").word("url").key("url").text(&url).end_object();
    }
    w.end_array().end_object().end_object();
}

/// Whether `node` begins a compacted conversation of `anthropic_messages`, or is one.
pub(in crate::dialect::openai_responses) fn is_compaction(dialect: Dialect, node: Node<'_>) -> bool {
    dialect == Dialect::AnthropicMessages && node.get_text("type").is_some_and(|kind| kind.is("compaction"))
}

/// Writes a compacted conversation: the block that its provider takes back, as LiteLLM hands it on.
pub(in crate::dialect::openai_responses) fn write_compaction(id: &str, block: &[u8], w: &mut Writer<'_>) {
    let block = std::str::from_utf8(block).unwrap_or_default();
    w.begin_object().key("type").word("compaction").key("id").str(id);
    w.key("encrypted_content").str(block).end_object();
}
