//! One message as input items.

use super::encode_input::{Input, is_free};
use super::encode_thoughts::{Thoughts, is_thought, reasoning_item};
use crate::dialect::Dialect;
use crate::dialect::place::Place;
use crate::error::Refusal;
use crate::ir::chat::{Block, Input as Arguments, Media, MediaKind, Message, Source, ToolUse};
use crate::json::{Node, Text, Writer};

/// Writes what the user or the operator said, tool results aside.
pub(super) fn said<'a>(
    role: &str,
    message: &Message<'a>,
    place: Place,
    w: &mut Writer<'_>,
    cx: &mut Input<'_, 'a>,
) -> Result<(), Refusal> {
    let is_result = |block: &Block<'_>| matches!(block, Block::ToolResult(_));
    if message.blocks.iter().all(is_result) {
        return Ok(());
    }
    if !message.blocks.iter().any(is_part) {
        return lose_all(&message.blocks, place, w, cx);
    }
    w.begin_object().key("type").word("message").key("role").word(role).key("content").begin_array();
    for (index, block) in message.blocks.iter().enumerate().filter(|(_, block)| !is_result(block)) {
        part(block, place.block(index), w, cx)?;
    }
    w.end_array().end_object();
    Ok(())
}

/// Whether a block has a counterpart among the parts.
fn is_part(block: &Block<'_>) -> bool {
    match block {
        Block::Text(_) | Block::Media(_) => true,
        Block::Native { dialect: Dialect::OpenAiChat | Dialect::OpenAiResponses, node } => {
            node.get_text("type").is_some_and(|kind| kind.starts_with("input_"))
        }
        _ => false,
    }
}

/// Says of each block that it is lost, or refuses it.
fn lose_all<'a>(
    blocks: &[Block<'a>],
    place: Place,
    w: &mut Writer<'_>,
    cx: &mut Input<'_, 'a>,
) -> Result<(), Refusal> {
    let mut lost = blocks.iter().enumerate().filter(|(_, block)| !matches!(block, Block::ToolResult(_)));
    lost.try_for_each(|(index, block)| part(block, place.block(index), w, cx))
}

/// Writes what came out of a tool as parts; nothing where none of it has a counterpart.
pub(super) fn output<'a>(
    blocks: &[Block<'a>],
    place: Place,
    w: &mut Writer<'_>,
    cx: &mut Input<'_, 'a>,
) -> Result<(), Refusal> {
    if !blocks.iter().any(is_part) {
        w.word("");
        return lose_all(blocks, place, w, cx);
    }
    w.begin_array();
    for (index, block) in blocks.iter().enumerate() {
        part(block, place.block(index), w, cx)?;
    }
    w.end_array();
    Ok(())
}

/// Writes a text as a part of that type.
pub(super) fn text_part(kind: &str, text: &Text<'_>, w: &mut Writer<'_>) {
    w.begin_object().key("type").word(kind).key("text").text(text).end_object();
}

/// Writes a block as a part of the input.
pub(super) fn part<'a>(
    block: &Block<'a>,
    place: Place,
    w: &mut Writer<'_>,
    cx: &mut Input<'_, 'a>,
) -> Result<(), Refusal> {
    match block {
        Block::Text(text) => {
            text_part("input_text", &text.text, w);
            cx.lose_of_text(text, place);
        }
        Block::Media(media) => return media_part(media, place, w, cx),
        Block::Native { node, .. } if is_part(block) => {
            w.node(*node);
        }
        Block::Native { dialect: Dialect::AnthropicMessages, node } => {
            refuse_compaction(*node, place)?;
            cx.report.lose(place.to_string(), "block_without_counterpart");
        }
        _ => cx.report.lose(place.to_string(), "block_without_counterpart"),
    }
    Ok(())
}

/// A summary that stands for a conversation: leaving it out would change what was said.
fn refuse_compaction(node: Node<'_>, place: Place) -> Result<(), Refusal> {
    if !node.some("type").is_some_and(|kind| kind.is_text("compaction")) {
        return Ok(());
    }
    let path = place.to_string();
    Err(Refusal::unsupported(
        path.clone(),
        format!("{path}: a compacted conversation cannot go to another provider"),
    ))
}

fn media_part<'a>(
    media: &Media<'a>,
    place: Place,
    w: &mut Writer<'_>,
    cx: &mut Input<'_, 'a>,
) -> Result<(), Refusal> {
    if matches!(media.source, Source::FileId(_)) && cx.source == Dialect::AnthropicMessages {
        let path = place.to_string();
        let why = format!("{path}: an uploaded file cannot go to another provider");
        return Err(Refusal::unsupported(path, why));
    }
    if media.cache.is_some() {
        cx.report.lose(format!("{place}.cache_control"), "cache_control");
    }
    match (media.kind, &media.source) {
        (MediaKind::Audio, Source::Base64 { media_type, data }) => {
            w.begin_object().key("type").word("input_audio").key("input_audio").begin_object();
            w.key("data").text(data).key("format").text(media_type).end_object().end_object();
        }
        (MediaKind::Image, Source::Base64 { .. } | Source::Url(_) | Source::FileId(_)) => image(media, w),
        (MediaKind::File, Source::Blocks(_)) | (MediaKind::Image | MediaKind::Audio, _) => {
            cx.report.lose(place.to_string(), "block_without_counterpart");
        }
        // The API takes no files of plain text.
        (MediaKind::File, Source::Text(text)) => {
            text_part("input_text", text, w);
            cx.report.lose(place.to_string(), "document_as_text");
        }
        (MediaKind::File, _) => {
            file(media, w);
            if media.detail.is_some() {
                cx.report.lose(format!("{place}.detail"), "block_field");
            }
        }
    }
    Ok(())
}

fn image(media: &Media<'_>, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("input_image");
    match &media.source {
        Source::FileId(id) => {
            w.key("file_id").text(id);
        }
        source => {
            w.key("image_url");
            url(source, w);
        }
    }
    w.key("detail");
    match &media.detail {
        Some(detail) => w.text(detail),
        None => w.word("auto"),
    };
    w.end_object();
}

fn file(media: &Media<'_>, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("input_file");
    match &media.source {
        Source::FileId(id) => {
            w.key("file_id").text(id);
        }
        Source::Url(url) => {
            w.key("file_url").text(url);
        }
        source => {
            w.key("file_data");
            url(source, w);
        }
    }
    match (&media.name, &media.source) {
        (Some(name), Source::Base64 { .. } | Source::FileId(_)) => {
            w.key("filename").text(name);
        }
        (None, Source::Base64 { .. }) => {
            w.key("filename").word("document.pdf");
        }
        _ => {}
    }
    w.end_object();
}

fn url(source: &Source<'_>, w: &mut Writer<'_>) {
    match source {
        Source::Base64 { media_type, data } => {
            w.concat([&Text::new("data:"), media_type, &Text::new(";base64,"), data]);
        }
        Source::Url(url) => {
            w.text(url);
        }
        Source::FileId(_) | Source::Text(_) | Source::Blocks(_) => {
            w.null();
        }
    }
}

/// Writes what the model said: an item for each piece, in order.
pub(super) fn assistant<'a>(
    message: &Message<'a>,
    place: Place,
    w: &mut Writer<'_>,
    cx: &mut Input<'_, 'a>,
) -> Result<(), Refusal> {
    let mut kept = Kept::of(message, place, cx);
    for item in &kept.searched {
        w.node(*item);
    }
    for item in kept.items.iter().filter(|item| !kept.is_searched(**item)) {
        reasoning_item(*item, w);
    }
    let calls = message.blocks.iter().any(|block| matches!(block, Block::ToolUse(_)));
    let silent = |block: &Block<'_>| matches!(block, Block::Text(text) if text.text.is_empty());
    let mut blocks = message.blocks.iter().enumerate().peekable();
    while let Some((index, block)) = blocks.next() {
        match block {
            Block::Thinking(_) | Block::RedactedThinking { .. } if !kept.items.is_empty() => {}
            Block::Thinking(_) | Block::RedactedThinking { .. } => {
                let mut group = Thoughts::default();
                let mut next = Some((index, block));
                while let Some((index, block)) = next {
                    group.add(block, place.block(index), w, cx);
                    next = blocks.next_if(|(_, block)| is_thought(block));
                }
                group.flush(w);
            }
            block if silent(block) && calls && message.plain => {}
            Block::Text(_) | Block::Refusal(_) => {
                begin_message(w);
                spoken(block, place.block(index), w, cx);
                while let Some((index, block)) = blocks.next_if(|(_, block)| is_spoken(block)) {
                    spoken(block, place.block(index), w, cx);
                }
                end_message(kept.phase.as_ref(), w);
            }
            Block::ToolUse(call) => tool_call(call, place.block(index), w, cx),
            Block::Native { node, .. } => {
                refuse_compaction(*node, place.block(index))?;
                cx.report.lose(place.block(index).to_string(), "block_without_counterpart");
            }
            Block::Media(_) | Block::ToolResult(_) => {
                cx.report.lose(place.block(index).to_string(), "block_without_counterpart");
            }
        }
    }
    if message.blocks.is_empty() && kept.items.is_empty() && cx.source == Dialect::OpenAiChat {
        begin_message(w);
        text_part("output_text", &Text::new(""), w);
        end_message(kept.phase.take().as_ref(), w);
    }
    Ok(())
}

fn begin_message(w: &mut Writer<'_>) {
    w.begin_object().key("type").word("message").key("role").word("assistant").key("content").begin_array();
}

fn end_message(phase: Option<&Text<'_>>, w: &mut Writer<'_>) {
    w.end_array();
    if let Some(phase) = phase {
        w.key("phase").text(phase);
    }
    w.end_object();
}

/// What a client keeps of an answer of this API beside the text and the calls.
struct Kept<'a> {
    items: Vec<Node<'a>>,
    /// Searches for tools, and the reasoning before the last of them.
    searched: Vec<Node<'a>>,
    phase: Option<Text<'a>>,
}

impl<'a> Kept<'a> {
    fn of(message: &Message<'a>, place: Place, cx: &mut Input<'_, 'a>) -> Self {
        let mut kept = Self { items: Vec::new(), searched: Vec::new(), phase: None };
        let mut reasoning = false;
        for (key, value) in &message.extra {
            match &*key.name() {
                b"reasoning_items" => kept.items.extend(value.items()),
                b"phase" => kept.phase = value.text(),
                b"reasoning_content" => reasoning = true,
                b"provider_specific_fields" if cx.source == Dialect::OpenAiChat => {
                    kept.phase = kept.phase.or(value.get_text("phase"));
                    match value.some("tool_search_items") {
                        Some(items) if cx.searches => kept.searched.extend(items.items()),
                        // The API takes them beside a tool that searches only.
                        Some(_) => cx
                            .report
                            .lose(format!("{place}.{}.tool_search_items", key.unescape()), "message_field"),
                        None => {}
                    }
                }
                _ if cx.source == Dialect::AnthropicMessages => {}
                _ => cx.report.lose(format!("{place}.{}", key.unescape()), "message_field"),
            }
        }
        // The items and the blocks say the same, with what the provider needs to read it.
        if reasoning && kept.items.is_empty() && !message.blocks.iter().any(is_thought) {
            cx.report.lose(format!("{place}.reasoning_content"), "thinking_replay");
        }
        kept
    }

    /// Whether a reasoning item stands among the searches too.
    fn is_searched(&self, item: Node<'_>) -> bool {
        let id = item.get_text("id");
        id.is_some_and(|id| self.searched.iter().any(|other| other.get_text("id").as_ref() == Some(&id)))
    }
}

fn is_spoken(block: &Block<'_>) -> bool {
    matches!(block, Block::Text(_) | Block::Refusal(_))
}

fn spoken<'a>(block: &Block<'a>, place: Place, w: &mut Writer<'_>, cx: &mut Input<'_, 'a>) {
    match block {
        Block::Text(text) => {
            text_part("output_text", &text.text, w);
            cx.lose_of_text(text, place);
        }
        Block::Refusal(text) => {
            w.begin_object().key("type").word("refusal").key("refusal").text(text).end_object();
        }
        _ => {}
    }
}

fn tool_call<'a>(call: &ToolUse<'a>, place: Place, w: &mut Writer<'_>, cx: &mut Input<'_, 'a>) {
    let free = is_free(&call.input, &call.name, &cx.custom_tools);
    let id = if call.id.is_empty() { &call.name } else { &call.id };
    w.begin_object().key("type").word(if free { "custom_tool_call" } else { "function_call" });
    w.key("call_id").text(id).key("name").text(&call.name);
    w.key(if free { "input" } else { "arguments" });
    match &call.input {
        Arguments::Json(node) => w.json_as_string(node.raw_str()),
        Arguments::Encoded(text) | Arguments::Free(text) => w.text(text),
    };
    for (key, value) in &call.extra {
        match value.some("namespace").filter(|_| key.is("provider_specific_fields")) {
            Some(namespace) => {
                w.key("namespace").node(namespace);
            }
            None => cx.report.lose(format!("{place}.{}", key.unescape()), "tool_field"),
        }
    }
    w.end_object();
    if call.cache.is_some() {
        cx.report.lose(format!("{place}.cache_control"), "cache_control");
    }
}
