//! What users and tools say, as content blocks.

use super::super::wire::tool_id;
use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::ir::chat::{Block, Media, MediaKind, Role, Source, ToolResult};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy::Turn;

/// Blocks of the API's own that clients of other dialects may send to it.
const OWN_INPUT: &[&str] = &["document", "image", "search_result", "container_upload", "tool_reference"];

/// Takes out of a turn what the API cannot carry, each a loss, so that everything left can be written.
pub(super) fn strip(turn: &mut Turn<'_>, drop_params: bool, report: &mut Report) -> Result<(), Refusal> {
    let source = turn.source;
    let message = &mut turn.message;
    if message.name.is_some() && message.role != Role::Tool {
        report.lose(format!("messages[{source}].name"), "speaker_name");
    }
    if message.cache.is_some() && !message.plain && !message.blocks.is_empty() {
        report.lose(format!("messages[{source}].cache_control"), "cache_control");
    }
    for (key, value) in &message.extra {
        if !key.is("provider_specific_fields") && !value.is_null() {
            report.lose(format!("messages[{source}].{}", key.unescape()), "message_field");
        }
    }
    let assistant = message.role == Role::Assistant;
    let mut refusal = None;
    let mut number = 0;
    message.blocks.retain(|block| {
        let path = || format!("messages[{source}].content[{number}]");
        let kept = if assistant {
            Ok(carries_assistant(block, &path, drop_params, report))
        } else {
            carries_user(block, &path, drop_params, report)
        };
        number += 1;
        kept.unwrap_or_else(|refused| {
            refusal.get_or_insert(refused);
            false
        })
    });
    refusal.map_or(Ok(()), Err)
}

type Path<'p> = &'p dyn Fn() -> String;

fn carries_assistant(block: &Block<'_>, path: Path<'_>, drop_params: bool, report: &mut Report) -> bool {
    let lost = match block {
        Block::Text(text) => {
            lose_extra(&text.extra, path, report);
            return true;
        }
        Block::ToolUse(call) => {
            lose_extra(&call.extra, path, report);
            return true;
        }
        Block::Thinking(thinking) if thinking.signature.is_none() => "unsigned_thinking",
        Block::Thinking(thinking) => {
            if thinking.cache.is_some() {
                report.lose(format!("{}.cache_control", path()), "cache_control");
            }
            return true;
        }
        Block::RedactedThinking { data } if drop_params && data.is_blank() => "empty_thinking",
        Block::RedactedThinking { .. } => return true,
        Block::Refusal(text) if text.is_blank() => return false,
        Block::Refusal(_) => return true,
        Block::Native { node, .. } if is_server_block(*node) => return true,
        Block::Native { .. } | Block::Media(_) | Block::ToolResult(_) => "block_kind",
    };
    report.lose(path(), lost);
    false
}

fn is_server_block(node: Node<'_>) -> bool {
    node.get_text("type").is_some_and(|kind| {
        let name = kind.name();
        &*name == b"server_tool_use" || name.ends_with(b"_tool_result")
    })
}

fn carries_user(
    block: &Block<'_>,
    path: Path<'_>,
    drop_params: bool,
    report: &mut Report,
) -> Result<bool, Refusal> {
    match block {
        Block::Text(text) => {
            lose_extra(&text.extra, path, report);
            Ok(true)
        }
        Block::Media(media) => carries_media(media, path, drop_params, report),
        Block::ToolResult(result) => {
            // Nested content is checked as well, but a result is never empty of meaning: it stays.
            for inner in &result.content {
                carries_user(inner, path, drop_params, report)?;
            }
            Ok(true)
        }
        Block::Native { dialect: Dialect::AnthropicMessages, .. } => Ok(true),
        Block::Native { node, .. } => {
            let own = OWN_INPUT.iter().any(|kind| node.get("type").is_some_and(|given| given.is_text(kind)));
            if !own {
                report.lose(path(), "block_kind");
            }
            Ok(own)
        }
        Block::ToolUse(_) | Block::Thinking(_) | Block::RedactedThinking { .. } | Block::Refusal(_) => {
            report.lose(path(), "block_kind");
            Ok(false)
        }
    }
}

fn lose_extra(extra: &[(Text<'_>, Node<'_>)], path: Path<'_>, report: &mut Report) {
    for (key, value) in extra {
        if !value.is_null() && !key.is("format") {
            report.lose(format!("{}.{}", path(), key.unescape()), "block_field");
        }
    }
}

fn carries_media(
    media: &Media<'_>,
    path: Path<'_>,
    drop_params: bool,
    report: &mut Report,
) -> Result<bool, Refusal> {
    if media.kind == MediaKind::Audio {
        if drop_params {
            report.lose(path(), "audio");
            return Ok(false);
        }
        return Err(Refusal::unsupported(path(), format!("{}: anthropic does not take audio", path())));
    }
    if let Source::Url(url) = &media.source {
        if url.starts_with("http://") {
            let message = format!(
                "{}: only https addresses can be passed on; this one would have to be fetched",
                path()
            );
            return Err(Refusal::decline("remote_media", message));
        }
        if !url.starts_with("https://") {
            return Err(Refusal::invalid(
                path(),
                format!("{}: neither an https address nor a data URL", path()),
            ));
        }
    }
    if media.detail.is_some() {
        report.lose(format!("{}.detail", path()), "image_detail");
    }
    if media.name.is_some() {
        report.lose(format!("{}.filename", path()), "file_name");
    }
    lose_extra(&media.extra, path, report);
    Ok(true)
}

/// Writes a user's or tool's block.
pub(super) fn write(block: &Block<'_>, w: &mut Writer<'_>) {
    match block {
        Block::Text(text) => {
            w.begin_object().key("type").word("text").key("text").text(&text.text);
            write_cache(text.cache, w);
            w.end_object();
        }
        Block::Media(media) => write_media(media, w),
        Block::ToolResult(result) => write_result(result, w),
        Block::Native { node, .. } => {
            w.node(*node);
        }
        Block::ToolUse(_) | Block::Thinking(_) | Block::RedactedThinking { .. } | Block::Refusal(_) => {}
    }
}

/// Writes a cache breakpoint.
pub(super) fn write_cache(cache: Option<Node<'_>>, w: &mut Writer<'_>) {
    if let Some(cache) = cache.filter(|cache| cache.is_object()) {
        w.key("cache_control").node(cache);
    }
}

/// Whether the medium was named by an id (clients of `openai_chat` put addresses there, too).
pub(super) fn is_file_by_id(block: &Block<'_>) -> bool {
    matches!(block, Block::Media(media) if match media.source {
        Source::FileId(_) => true,
        Source::Url(_) => media.kind == MediaKind::File,
        _ => false,
    })
}

/// Whether the medium is a file that only code can see.
pub(super) fn is_upload(block: &Block<'_>) -> bool {
    matches!(block, Block::Media(media) if media.kind == MediaKind::File && matches!(media.source, Source::FileId(_))
    && !media.extra.iter().any(|(key, node)| {
        key.is("format") && node.text().as_ref().and_then(kind_of_file).is_some()
    })) || matches!(block, Block::Native { node, .. }
            if node.get("type").is_some_and(|kind| kind.is_text("container_upload")))
}

fn write_media(media: &Media<'_>, w: &mut Writer<'_>) {
    let format = media.extra.iter().find(|(key, _)| key.is("format")).and_then(|(_, node)| node.text());
    let pdf = matches!(&media.source, Source::Base64 { media_type, .. } if media_type.is("application/pdf"));
    let kind = if media.kind == MediaKind::Image && !pdf { "image" } else { "document" };
    w.begin_object();
    match &media.source {
        Source::FileId(id) if media.kind == MediaKind::File => match format.as_ref().and_then(kind_of_file) {
            Some(kind) => {
                w.key("type").str(kind).key("source");
                write_source(&media.source, w);
            }
            None => {
                w.key("type").word("container_upload").key("file_id").text(id);
            }
        },
        source => {
            w.key("type").str(kind).key("source");
            write_source(source, w);
        }
    }
    write_cache(media.cache, w);
    w.end_object();
}

/// The kind of block that shows an uploaded file of this media type to the model; without one, only code sees it.
fn kind_of_file(format: &Text<'_>) -> Option<&'static str> {
    match &*format.name() {
        b"application/pdf" | b"text/plain" => Some("document"),
        b"image/jpeg" | b"image/png" | b"image/gif" | b"image/webp" => Some("image"),
        _ => None,
    }
}

fn write_source(source: &Source<'_>, w: &mut Writer<'_>) {
    w.begin_object().key("type");
    match source {
        Source::Url(url) => w.word("url").key("url").text(url),
        Source::Base64 { media_type, data } => {
            w.word("base64").key("media_type").text(media_type).key("data").text(data)
        }
        Source::FileId(id) => w.word("file").key("file_id").text(id),
        Source::Text(text) => w.word("text").key("media_type").word("text/plain").key("data").text(text),
        Source::Blocks(node) => w.word("content").key("content").node(*node),
    };
    w.end_object();
}

fn write_result(result: &ToolResult<'_>, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("tool_result").key("tool_use_id").text(&tool_id(&result.tool_use_id));
    w.key("content");
    match result.content.as_slice() {
        [Block::Text(text)] if result.plain => {
            w.text(&text.text);
        }
        [] if result.plain => {
            w.word("");
        }
        blocks => {
            w.begin_array();
            for block in blocks.iter().filter(|block| is_written(block)) {
                write(block, w);
            }
            w.end_array();
        }
    }
    if let Some(is_error) = result.is_error {
        w.key("is_error").bool(is_error);
    }
    write_cache(result.cache, w);
    w.end_object();
}

fn is_written(block: &Block<'_>) -> bool {
    match block {
        Block::Text(_) | Block::ToolResult(_) => true,
        Block::Media(media) => media.kind != MediaKind::Audio,
        Block::Native { dialect: Dialect::AnthropicMessages, .. } => true,
        Block::Native { node, .. } => {
            OWN_INPUT.iter().any(|kind| node.get("type").is_some_and(|given| given.is_text(kind)))
        }
        _ => false,
    }
}
