//! Content blocks, as they stand in requests and answers alike.

use crate::dialect::Dialect;
use crate::ir::chat::{
    Block, Citations, Input, Media, MediaKind, Source, TextBlock, Thinking, ToolResult, ToolUse,
};
use crate::json::{Node, Text};

/// Fields of an object that no one else reads.
pub(super) fn others<'a>(node: Node<'a>, known: &[&str]) -> Vec<(Text<'a>, Node<'a>)> {
    node.entries().filter(|(key, _)| !known.iter().any(|name| key.is(name))).collect()
}

/// Reads a block. A block of a kind (or with a source) that the IR does not know stays whole.
pub(super) fn decode(node: Node<'_>) -> Block<'_> {
    let native = Block::Native { dialect: Dialect::AnthropicMessages, node };
    let Some(kind) = node.get_text("type") else { return native };
    match &*kind.name() {
        b"text" => text(node).map_or(native, Block::Text),
        b"image" => media(MediaKind::Image, node).map_or(native, Block::Media),
        b"document" => media(MediaKind::File, node).map_or(native, Block::Media),
        b"tool_use" => tool_use(node).map_or(native, Block::ToolUse),
        b"tool_result" => tool_result(node).map_or(native, Block::ToolResult),
        b"thinking" => Block::Thinking(Thinking {
            text: node.get_text("thinking").unwrap_or(Text::new("")),
            signature: node.get_text("signature").filter(|signature| !signature.is_empty()),
            cache: node.some("cache_control"),
        }),
        b"redacted_thinking" => node.get_text("data").map_or(native, |data| Block::RedactedThinking { data }),
        _ => native,
    }
}

fn text(node: Node<'_>) -> Option<TextBlock<'_>> {
    let list = node.some("citations").filter(|list| !list.is_empty());
    Some(TextBlock {
        text: node.get_text("text")?,
        cache: node.some("cache_control"),
        citations: list.map(|node| Citations { dialect: Dialect::AnthropicMessages, node }),
        extra: others(node, &["type", "text", "cache_control", "citations"]),
    })
}

fn media(kind: MediaKind, node: Node<'_>) -> Option<Media<'_>> {
    let source = node.some("source")?;
    let source = match &*source.get_text("type")?.name() {
        b"base64" => {
            Source::Base64 { media_type: source.get_text("media_type")?, data: source.get_text("data")? }
        }
        b"url" => Source::Url(source.get_text("url")?),
        b"file" => Source::FileId(source.get_text("file_id")?),
        b"text" => Source::Text(source.get_text("data")?),
        b"content" => Source::Blocks(source.get("content")?),
        _ => return None,
    };
    Some(Media {
        kind,
        source,
        detail: None,
        name: node.get_text("title"),
        cache: node.some("cache_control"),
        extra: others(node, &["type", "source", "title", "cache_control"]),
    })
}

fn tool_use(node: Node<'_>) -> Option<ToolUse<'_>> {
    Some(ToolUse {
        id: node.get_text("id")?,
        name: node.get_text("name")?,
        input: node.get("input").map_or_else(|| Input::Encoded(Text::new("{}")), Input::Json),
        cache: node.some("cache_control"),
        extra: others(node, &["type", "id", "name", "input", "cache_control"]),
    })
}

fn tool_result(node: Node<'_>) -> Option<ToolResult<'_>> {
    let content = node.some("content");
    let plain = content.and_then(Node::text);
    Some(ToolResult {
        tool_use_id: node.get_text("tool_use_id")?,
        plain: plain.is_some() || content.is_none(),
        content: match plain {
            Some(text) => vec![Block::Text(TextBlock::new(text))],
            None => content.map(|list| list.items().map(part).collect()).unwrap_or_default(),
        },
        is_error: node.get("is_error").and_then(Node::bool),
        cache: node.some("cache_control"),
        extra: others(node, &["type", "tool_use_id", "content", "is_error", "cache_control"]),
    })
}

/// A list element: a block, or a bare string, which clients send although the documentation has no such thing.
pub(super) fn part(node: Node<'_>) -> Block<'_> {
    node.text().map_or_else(|| decode(node), |text| Block::Text(TextBlock::new(text)))
}
