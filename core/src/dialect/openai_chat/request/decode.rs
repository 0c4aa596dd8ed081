//! `openai_chat` request → IR.

use std::borrow::Cow;

use crate::controls;
use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::ir::chat::{
    Block, Format, Input, Media, MediaKind, Message, Param, Reasoning, Request, Role, Source, TextBlock,
    Thinking, Tool, ToolChoice, ToolResult, ToolUse,
};
use crate::json::{Node, Text};
use crate::loss::Report;

/// Reads a request.
pub(crate) fn decode<'a>(root: Node<'a>, report: &mut Report) -> Result<Request<'a>, Refusal> {
    if root.get("messages").is_none() {
        return Err(Refusal::invalid("messages", "messages is required"));
    }
    let mut request = Request::new(Dialect::OpenAiChat);
    let (mut max_completion_tokens, mut end_user) = (None, None);
    for (key, value) in root.entries() {
        match &*key.name() {
            b"messages" => request.messages = messages(value, report)?,
            _ if value.is_null() => {}
            b"model" => {}
            b"tools" => {
                request.tools.reserve_exact(value.items().count());
                request.tools.extend(list(value, "tools")?.map(tool));
            }
            b"tool_choice" => {
                super::super::edit::check_tool_choice(value)?;
                request.tool_choice = tool_choice(value);
            }
            b"parallel_tool_calls" => request.parallel_tools = value.bool(),
            b"max_tokens" => request.max_tokens = Some(limit(value, "max_tokens")?),
            b"max_completion_tokens" => max_completion_tokens = Some(limit(value, "max_completion_tokens")?),
            b"stop" => request.stop = stop(value)?,
            b"response_format" => request.format = format(value),
            b"reasoning_effort" => request.reasoning.push(Reasoning::Effort(value)),
            b"thinking" => request.reasoning.push(Reasoning::Thinking(value)),
            b"user" => request.user = value.text(),
            b"stream" => request.stream = value.bool() == Some(true),
            b"metadata" => end_user = value.get_text("user_id"),
            name if controls::is_host_control(name) => {}
            _ => request.params.push(Param { name: key.clone(), value }),
        }
    }
    request.max_tokens = max_completion_tokens.or(request.max_tokens);
    request.user = end_user.or(request.user);
    Ok(request)
}

fn list<'a>(value: Node<'a>, name: &str) -> Result<impl Iterator<Item = Node<'a>>, Refusal> {
    if value.is_array() {
        Ok(value.items())
    } else {
        Err(Refusal::invalid(name, format!("{name} must be a list")))
    }
}

fn limit<'a>(value: Node<'a>, name: &str) -> Result<Cow<'a, str>, Refusal> {
    value
        .number()
        .map(Cow::Borrowed)
        .ok_or_else(|| Refusal::invalid(name, format!("{name} must be a number")))
}

fn stop(value: Node<'_>) -> Result<Vec<Text<'_>>, Refusal> {
    if let Some(only) = value.text() {
        return Ok(vec![only]);
    }
    Ok(list(value, "stop")?.filter_map(Node::text).collect())
}

fn format(value: Node<'_>) -> Option<Format<'_>> {
    let kind = value.get_text("type")?;
    match &*kind.name() {
        b"text" => Some(Format::Text),
        b"json_object" => Some(Format::JsonObject { schema: value.some("response_schema") }),
        b"json_schema" => {
            let inner = value.some("json_schema").unwrap_or(value);
            Some(Format::JsonSchema {
                name: inner.get_text("name"),
                description: inner.get_text("description"),
                schema: inner.some("schema").or_else(|| value.some("response_schema")),
                strict: inner.some("strict"),
            })
        }
        _ => None,
    }
}

fn tool(node: Node<'_>) -> Tool<'_> {
    let [kind, function, cache] = node.fields(["type", "function", "cache_control"]);
    let own = kind.is_none_or(|kind| kind.is_text("function"));
    match function.filter(|function| own && function.is_object()) {
        Some(function) => function_tool(function, node, cache),
        None => Tool::Native { dialect: Dialect::OpenAiChat, node },
    }
}

fn function_tool<'a>(function: Node<'a>, outer: Node<'a>, outer_cache: Option<Node<'a>>) -> Tool<'a> {
    let mut extra: Vec<_> = outer
        .entries()
        .filter(|(key, _)| !matches!(&*key.name(), b"type" | b"function" | b"cache_control"))
        .collect();
    let (mut name, mut description, mut parameters, mut strict, mut cache) = (None, None, None, None, None);
    for (key, value) in function.entries() {
        match &*key.name() {
            b"name" => name = value.text(),
            b"description" => description = value.text(),
            b"parameters" => parameters = Some(value).filter(|value| !value.is_null()),
            b"strict" => strict = Some(value).filter(|value| !value.is_null()),
            b"cache_control" => cache = Some(value),
            _ => extra.push((key, value)),
        }
    }
    Tool::Function {
        name: name.unwrap_or_else(|| Text::new("")),
        description,
        parameters,
        strict,
        cache: outer_cache.or(cache),
        extra,
    }
}

fn tool_choice(value: Node<'_>) -> Option<ToolChoice<'_>> {
    if let Some(word) = value.text() {
        return match &*word.name() {
            b"auto" => Some(ToolChoice::Auto),
            b"none" => Some(ToolChoice::None),
            b"required" | b"any" => Some(ToolChoice::Required),
            _ => Some(ToolChoice::Native { dialect: Dialect::OpenAiChat, node: value }),
        };
    }
    let named = value.some("function").unwrap_or(value).get_text("name");
    Some(named.map_or(ToolChoice::Native { dialect: Dialect::OpenAiChat, node: value }, ToolChoice::Named))
}

fn messages<'a>(value: Node<'a>, report: &mut Report) -> Result<Vec<Message<'a>>, Refusal> {
    let items = list(value, "messages")?;
    let mut messages = Vec::with_capacity(value.items().count());
    for (index, node) in items.enumerate() {
        messages.push(message(node, index, report)?);
    }
    Ok(messages)
}

fn role(given: Option<Text<'_>>, index: usize) -> Result<Role, Refusal> {
    let path = || format!("messages[{index}]");
    let given = given.ok_or_else(|| Refusal::invalid(path(), "message without a role"))?;
    Ok(match &*given.name() {
        b"system" => Role::System,
        b"developer" => Role::Developer,
        b"user" => Role::User,
        b"assistant" => Role::Assistant,
        b"tool" | b"function" => Role::Tool,
        _ => return Err(Refusal::invalid(format!("{}.role", path()), "unknown role")),
    })
}

fn message<'a>(node: Node<'a>, index: usize, report: &mut Report) -> Result<Message<'a>, Refusal> {
    if !node.is_object() {
        return Err(Refusal::invalid(format!("messages[{index}]"), "each message must be an object"));
    }
    let mut message = Message::new(Role::User, Vec::new());
    let (mut given_role, mut content, mut thinking, mut calls, mut refusal, mut call_id) =
        (None, None, None, Vec::new(), None, None);
    for (key, value) in node.entries() {
        match &*key.name() {
            b"role" => given_role = value.text(),
            b"content" => content = Some(value),
            b"cache_control" => message.cache = Some(value).filter(|value| !value.is_null()),
            b"name" => message.name = value.text(),
            b"tool_call_id" => call_id = value.text(),
            b"thinking_blocks" => thinking = Some(value).filter(|value| value.is_array()),
            b"tool_calls" => calls.extend(value.items().map(tool_call)),
            b"function_call" if value.is_object() => {
                calls.push(function_call(value, Text::new(""), Vec::new()))
            }
            b"refusal" => refusal = value.text(),
            _ if value.is_null() => {}
            _ => message.extra.push((key, value)),
        }
    }
    let (blocks, plain) = content.map(|content| blocks(content, index, report)).unwrap_or_default();
    message.role = role(given_role, index)?;
    message.plain = plain;
    if message.role == Role::Tool {
        message.blocks.push(Block::ToolResult(ToolResult {
            tool_use_id: call_id.or_else(|| message.name.clone()).unwrap_or_else(|| Text::new("")),
            content: blocks,
            plain,
            is_error: None,
            cache: message.cache.take(),
            extra: Vec::new(),
        }));
        return Ok(message);
    }
    message.blocks = blocks;
    if let Some(thinking) = thinking {
        message.blocks.splice(0..0, thinking.items().filter_map(thinking_block));
    }
    message.blocks.extend(refusal.map(Block::Refusal));
    message.blocks.reserve_exact(calls.len());
    message.blocks.extend(calls.into_iter().map(Block::ToolUse));
    Ok(message)
}

fn thinking_block(node: Node<'_>) -> Option<Block<'_>> {
    match &*node.get_text("type")?.name() {
        b"thinking" => Some(Block::Thinking(Thinking {
            text: node.get_text("thinking").unwrap_or_else(|| Text::new("")),
            signature: node.get_text("signature").filter(|signature| !signature.is_empty()),
            cache: node.some("cache_control"),
            item: None,
        })),
        b"redacted_thinking" => Some(Block::RedactedThinking { data: node.get_text("data")? }),
        _ => None,
    }
}

fn tool_call(node: Node<'_>) -> ToolUse<'_> {
    let (mut id, mut function, mut custom, mut cache, mut extra) = (None, None, None, None, Vec::new());
    for (key, value) in node.entries() {
        match &*key.name() {
            b"id" => id = value.text(),
            b"function" => function = Some(value).filter(|value| !value.is_null()),
            b"custom" => custom = Some(value).filter(|value| value.is_object()),
            b"cache_control" => cache = Some(value).filter(|value| !value.is_null()),
            b"type" | b"index" => {}
            _ => extra.push((key, value)),
        }
    }
    let id = id.unwrap_or_else(|| Text::new(""));
    if let Some(custom) = custom {
        let text = |name| custom.get_text(name).unwrap_or_else(|| Text::new(""));
        return ToolUse { id, name: text("name"), input: Input::Free(text("input")), cache, extra };
    }
    ToolUse { cache, ..function_call(function.unwrap_or(node), id, extra) }
}

fn function_call<'a>(function: Node<'a>, id: Text<'a>, extra: Vec<(Text<'a>, Node<'a>)>) -> ToolUse<'a> {
    let (mut name, mut arguments, mut cache) = (None, None, None);
    for (key, value) in function.entries() {
        match &*key.name() {
            b"name" => name = value.text(),
            b"arguments" => arguments = Some(value).filter(|value| !value.is_null()),
            b"cache_control" => cache = Some(value).filter(|value| !value.is_null()),
            _ => {}
        }
    }
    let input = match arguments {
        Some(arguments) => arguments.text().map_or(Input::Json(arguments), Input::Encoded),
        None => Input::Encoded(Text::new("")),
    };
    ToolUse { id, name: name.unwrap_or_else(|| Text::new("")), input, cache, extra }
}

/// Content → blocks, and whether it was a plain string.
fn blocks<'a>(content: Node<'a>, message: usize, report: &mut Report) -> (Vec<Block<'a>>, bool) {
    if let Some(text) = content.text() {
        return (vec![Block::Text(TextBlock::new(text))], true);
    }
    if !content.is_array() && !content.is_null() {
        report.lose(format!("messages[{message}].content"), "content_type");
    }
    let mut blocks = Vec::with_capacity(content.items().count());
    blocks.extend(content.items().enumerate().filter_map(|(index, part)| {
        if let Some(text) = part.text() {
            return Some(Block::Text(TextBlock::new(text)));
        }
        let block = part_block(part);
        if block.is_none() {
            report.lose(format!("messages[{message}].content[{index}]"), "malformed_part");
        }
        block
    }));
    (blocks, false)
}

fn part_block(part: Node<'_>) -> Option<Block<'_>> {
    let kind = part.get_text("type")?;
    match &*kind.name() {
        b"text" | b"input_text" | b"output_text" => Some(text_block(part)),
        b"refusal" => Some(Block::Refusal(part.get_text("refusal")?)),
        b"image_url" => image(part),
        b"input_audio" => audio(part),
        b"file" => file(part),
        b"thinking" | b"redacted_thinking" => thinking_block(part),
        _ => Some(Block::Native { dialect: Dialect::OpenAiChat, node: part }),
    }
}

fn text_block(part: Node<'_>) -> Block<'_> {
    let mut block = TextBlock::new(Text::new(""));
    for (key, value) in part.entries() {
        match &*key.name() {
            b"type" => {}
            b"text" => block.text = value.text().unwrap_or_else(|| Text::new("")),
            b"cache_control" => block.cache = Some(value).filter(|value| !value.is_null()),
            _ => block.extra.push((key, value)),
        }
    }
    Block::Text(block)
}

fn image(part: Node<'_>) -> Option<Block<'_>> {
    let node = part.some("image_url")?;
    let url = node.text().or_else(|| node.get_text("url"))?;
    let format = node.get_text("format");
    let source = match url.split_data_url() {
        Some((media_type, data)) => Source::Base64 { media_type: format.unwrap_or(media_type), data },
        None => Source::Url(url),
    };
    Some(media(MediaKind::Image, source, part, node.get_text("detail"), None))
}

fn audio(part: Node<'_>) -> Option<Block<'_>> {
    let node = part.some("input_audio")?;
    let source = Source::Base64 { media_type: node.get_text("format")?, data: node.get_text("data")? };
    Some(media(MediaKind::Audio, source, part, None, None))
}

fn file(part: Node<'_>) -> Option<Block<'_>> {
    let node = part.some("file")?;
    let source = match (node.get_text("file_data"), node.get_text("file_id")) {
        (Some(data), _) => match data.split_data_url() {
            Some((media_type, data)) => {
                Source::Base64 { media_type: node.get_text("format").unwrap_or(media_type), data }
            }
            None => Source::Base64 {
                media_type: node.get_text("format").unwrap_or_else(|| Text::new("application/pdf")),
                data,
            },
        },
        (None, Some(id)) if id.starts_with("https://") || id.starts_with("http://") => Source::Url(id),
        (None, Some(id)) => Source::FileId(id),
        (None, None) => return None,
    };
    let mut block = media(MediaKind::File, source, part, node.get_text("detail"), node.get_text("filename"));
    if let (Block::Media(media), Some(format)) = (&mut block, node.some("format")) {
        media.extra.push((Text::new("format"), format));
    }
    Some(block)
}

fn media<'a>(
    kind: MediaKind,
    source: Source<'a>,
    part: Node<'a>,
    detail: Option<Text<'a>>,
    name: Option<Text<'a>>,
) -> Block<'a> {
    let extra = part
        .entries()
        .filter(|(key, _)| {
            !matches!(&*key.name(), b"type" | b"image_url" | b"input_audio" | b"file" | b"cache_control")
        })
        .collect();
    Block::Media(Media { kind, source, detail, name, cache: part.some("cache_control"), extra })
}
