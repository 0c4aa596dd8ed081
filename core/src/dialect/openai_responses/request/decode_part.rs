//! Content of messages and of tool outputs → blocks.

use std::fmt;

use crate::error::Refusal;
use crate::ir::chat::{Block, Media, MediaKind, Source, TextBlock};
use crate::json::{Node, Text};
use crate::loss::Report;

/// Where something stands in the client's request.
#[derive(Clone, Copy)]
enum Place {
    /// A part of an item's content.
    Content(usize, usize),
    /// A part of an item's output.
    Output(usize, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(item, part) => write!(f, "input[{item}].content[{part}]"),
            Self::Output(item, part) => write!(f, "input[{item}].output[{part}]"),
        }
    }
}

/// Reads the content of the message that is the item of this number; says as well whether it is a plain string.
pub(super) fn content<'a>(
    content: Node<'a>,
    item: usize,
    report: &mut Report,
) -> Result<(Vec<Block<'a>>, bool), Refusal> {
    if let Some(text) = content.text() {
        return Ok((vec![Block::Text(TextBlock::new(text))], true));
    }
    let mut blocks = Vec::with_capacity(content.items().count());
    for (index, node) in content.items().enumerate() {
        blocks.push(part(node, Place::Content(item, index), report)?);
    }
    Ok((blocks, false))
}

/// Reads what a tool gave. A list of texts is as good as the text that they are together.
pub(super) fn output<'a>(
    output: Node<'a>,
    item: usize,
    report: &mut Report,
) -> Result<(Vec<Block<'a>>, bool), Refusal> {
    if let Some(text) = output.text() {
        return Ok((vec![Block::Text(TextBlock::new(text))], true));
    }
    if !output.is_array() {
        return Ok((vec![Block::Text(TextBlock::new(Text::new(output.raw_str())))], true));
    }
    let mut blocks = Vec::with_capacity(output.items().count());
    for (index, node) in output.items().enumerate() {
        blocks.push(part(node, Place::Output(item, index), report)?);
    }
    let texts = || {
        blocks.iter().filter_map(|block| match block {
            Block::Text(text) if text.cache.is_none() => Some(&text.text),
            _ => None,
        })
    };
    if texts().count() < blocks.len() {
        return Ok((blocks, false));
    }
    if blocks.len() == 1 {
        return Ok((blocks, true));
    }
    let joined: String = texts().map(Text::unescape).collect();
    Ok((vec![Block::Text(TextBlock::new(Text::new(joined)))], true))
}

fn part<'a>(node: Node<'a>, place: Place, report: &mut Report) -> Result<Block<'a>, Refusal> {
    if let Some(text) = node.text() {
        return Ok(Block::Text(TextBlock::new(text)));
    }
    let [kind, text] = node.fields(["type", "text"]).map(|member| member.and_then(Node::text));
    let kind = kind.unwrap_or_else(|| Text::new("input_text"));
    let block = match &*kind.name() {
        b"input_image" | b"image_url" | b"computer_screenshot" => image(node),
        b"input_file" | b"file" => file(node),
        b"input_audio" => audio(node),
        b"refusal" => node.get_text("refusal").map(Block::Refusal),
        _ => text.map(|text| self::text(node, text, place, report)),
    };
    block.ok_or_else(|| {
        let why = format!("{place}: content of type '{}' cannot be read", kind.unescape());
        Refusal::invalid(place.to_string(), why)
    })
}

fn text<'a>(node: Node<'a>, text: Text<'a>, place: Place, report: &mut Report) -> Block<'a> {
    let mut block = TextBlock::new(text);
    for (key, value) in node.entries() {
        match &*key.name() {
            b"type" | b"text" => {}
            b"cache_control" => block.cache = Some(value).filter(|value| !value.is_null()),
            b"logprobs" | b"annotations" if value.is_empty() => {}
            _ if value.is_null() => {}
            b"annotations" => report.lose(format!("{place}.annotations"), "citations"),
            _ => report.lose(format!("{place}.{}", key.unescape()), "part_field"),
        }
    }
    Block::Text(block)
}

fn image(node: Node<'_>) -> Option<Block<'_>> {
    let [url, older, id, detail] = node.fields(["image_url", "url", "file_id", "detail"]);
    let given = url.or(older);
    let url = given.and_then(|given| given.text().or_else(|| given.get_text("url")));
    let detail = detail.and_then(Node::text).or_else(|| given?.get_text("detail"));
    let source = match (url, id.and_then(Node::text)) {
        (Some(url), _) => located(url),
        (None, Some(id)) => Source::FileId(id),
        (None, None) => return None,
    };
    Some(media(MediaKind::Image, source, node, detail, None))
}

fn file(node: Node<'_>) -> Option<Block<'_>> {
    let inner = node.some("file").unwrap_or(node);
    let [data, url, id, name, detail] =
        inner.fields(["file_data", "file_url", "file_id", "filename", "detail"]);
    let source = match (data.and_then(Node::text), url.and_then(Node::text), id.and_then(Node::text)) {
        (Some(data), ..) => match data.split_data_url() {
            Some((media_type, data)) => Source::Base64 { media_type, data },
            None => Source::Base64 { media_type: Text::new("application/pdf"), data },
        },
        (None, Some(url), _) => located(url),
        (None, None, Some(id)) if id.starts_with("https://") || id.starts_with("http://") => Source::Url(id),
        (None, None, Some(id)) => Source::FileId(id),
        (None, None, None) => return None,
    };
    Some(media(MediaKind::File, source, node, detail.and_then(Node::text), name.and_then(Node::text)))
}

fn located(url: Text<'_>) -> Source<'_> {
    match url.split_data_url() {
        Some((media_type, data)) => Source::Base64 { media_type, data },
        None => Source::Url(url),
    }
}

fn audio(node: Node<'_>) -> Option<Block<'_>> {
    let inner = node.some("input_audio")?;
    let source = Source::Base64 { media_type: inner.get_text("format")?, data: inner.get_text("data")? };
    Some(media(MediaKind::Audio, source, node, None, None))
}

fn media<'a>(
    kind: MediaKind,
    source: Source<'a>,
    part: Node<'a>,
    detail: Option<Text<'a>>,
    name: Option<Text<'a>>,
) -> Block<'a> {
    Block::Media(Media { kind, source, detail, name, cache: part.some("cache_control"), extra: Vec::new() })
}
