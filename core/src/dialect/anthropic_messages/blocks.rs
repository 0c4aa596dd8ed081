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
            item: None,
        }),
        b"redacted_thinking" => node.get_text("data").map_or(native, |data| Block::RedactedThinking { data }),
        _ => native,
    }
}

/// The fields with these names, and all others; of a field that stands several times, the last.
pub(super) fn pick<'a, const N: usize>(
    node: Node<'a>,
    names: [&str; N],
) -> ([Option<Node<'a>>; N], Vec<(Text<'a>, Node<'a>)>) {
    let (mut picked, mut others) = ([None; N], Vec::new());
    let mut entries = node.entries();
    while let Some((key, value)) = entries.next_with_key() {
        match names.iter().position(|name| key.is_name(name)) {
            Some(index) => picked[index] = Some(value),
            None => others.extend(key.text().map(|key| (key, value))),
        }
    }
    (picked, others)
}

fn some(node: Option<Node<'_>>) -> Option<Node<'_>> {
    node.filter(|node| !node.is_null())
}

fn text(node: Node<'_>) -> Option<TextBlock<'_>> {
    let ([_, text, cache, citations], extra) = pick(node, ["type", "text", "cache_control", "citations"]);
    let list = some(citations).filter(|list| !list.is_empty());
    Some(TextBlock {
        text: text?.text()?,
        cache: some(cache),
        citations: list.map(|node| Citations { dialect: Dialect::AnthropicMessages, node }),
        extra,
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
    let ([_, id, name, input, cache], extra) = pick(node, ["type", "id", "name", "input", "cache_control"]);
    Some(ToolUse {
        id: id?.text()?,
        name: name?.text()?,
        input: input.map_or_else(|| Input::Encoded(Text::new("{}")), Input::Json),
        cache: some(cache),
        extra,
    })
}

fn tool_result(node: Node<'_>) -> Option<ToolResult<'_>> {
    let ([_, id, content, is_error, cache], extra) =
        pick(node, ["type", "tool_use_id", "content", "is_error", "cache_control"]);
    let content = some(content);
    let plain = content.and_then(Node::text);
    Some(ToolResult {
        tool_use_id: id?.text()?,
        plain: plain.is_some() || content.is_none(),
        content: match plain {
            Some(text) => vec![Block::Text(TextBlock::new(text))],
            None => content.map(|list| list.items().map(part).collect()).unwrap_or_default(),
        },
        is_error: is_error.and_then(Node::bool),
        cache: some(cache),
        extra,
    })
}

/// A list element: a block, or a bare string, which clients send although the documentation has no such thing.
pub(super) fn part(node: Node<'_>) -> Block<'_> {
    node.text().map_or_else(|| decode(node), |text| Block::Text(TextBlock::new(text)))
}
