//! A client's request → the IR.

use std::borrow::Cow;

use super::super::blocks;
use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::ir::chat::{Block, Format, Message, Param, Reasoning, Request, Role, TextBlock, Tool, ToolChoice};
use crate::json::{Node, Text};
use crate::loss::Report;
use crate::policy::empty_text;

/// Reads a request.
pub(crate) fn decode<'a>(root: Node<'a>, report: &mut Report) -> Result<Request<'a>, Refusal> {
    if !root.is_object() {
        return Err(Refusal::invalid("body", "the request must be a JSON object"));
    }
    let mut request = Request::new(Dialect::AnthropicMessages);
    let mut messages = None;
    let mut system = None;
    for (name, value) in root.entries() {
        match &*name.name() {
            b"messages" => messages = Some(value),
            b"system" => system = Some(value),
            _ if value.is_null() => {}
            _ => field(&mut request, name.clone(), value, report)?,
        }
    }
    let Some(messages) = messages.filter(|messages| messages.is_array()) else {
        return Err(Refusal::invalid("messages", "messages: a list of messages is required"));
    };
    if let Some(system) = system.filter(|system| !system.is_null()) {
        let mut message = content(system, Role::System, || "system".to_owned())?;
        if let Some(message) = &mut message {
            message.top_level = true;
        }
        request.messages.extend(message);
    }
    request.messages.reserve_exact(messages.items().count());
    for (index, node) in messages.items().enumerate() {
        let mut message = message(node, index, report)?;
        if empty_text::drop_blank(&mut message, index, report) {
            request.messages.push(message);
        }
    }
    Ok(request)
}

fn field<'a>(
    request: &mut Request<'a>,
    name: Text<'a>,
    value: Node<'a>,
    report: &mut Report,
) -> Result<(), Refusal> {
    match &*name.clone().name() {
        b"model" => {}
        b"max_tokens" => {
            let number = value.number().ok_or_else(|| wrong("max_tokens", "a number"))?;
            request.max_tokens = Some(Cow::Borrowed(number));
        }
        b"stream" => request.stream = value.bool().ok_or_else(|| wrong("stream", "a boolean"))?,
        b"stop_sequences" => {
            for stop in list(value, "stop_sequences")? {
                request.stop.push(stop.text().ok_or_else(|| wrong("stop_sequences", "a list of strings"))?);
            }
        }
        b"tools" => {
            request.tools.reserve_exact(value.items().count());
            for (index, node) in list(value, "tools")?.enumerate() {
                request.tools.push(tool(node, index)?);
            }
        }
        b"tool_choice" => tool_choice(request, value)?,
        b"thinking" => request.reasoning.push(Reasoning::Thinking(value)),
        b"output_config" => output_config(request, name, value),
        b"output_format" => match format(value) {
            Some(format) => request.format = Some(format),
            None => request.params.push(Param { name, value }),
        },
        b"metadata" => {
            request.user = value.get_text("user_id");
            for (other, _) in blocks::others(value, &["user_id"]) {
                report.lose(format!("metadata.{}", other.unescape()), "metadata");
            }
        }
        _ => request.params.push(Param { name, value }),
    }
    Ok(())
}

fn wrong(field: &str, expected: &str) -> Refusal {
    Refusal::invalid(field, format!("{field}: must be {expected}"))
}

fn list<'a>(node: Node<'a>, field: &str) -> Result<crate::json::Items<'a>, Refusal> {
    if node.is_array() { Ok(node.items()) } else { Err(wrong(field, "a list")) }
}

fn output_config<'a>(request: &mut Request<'a>, name: Text<'a>, value: Node<'a>) {
    if let Some(effort) = value.get_text("effort") {
        request.reasoning.push(Reasoning::OutputEffort(effort));
    }
    // The older field wins where a client sends both.
    if request.format.is_none() {
        request.format = value.some("format").and_then(format);
    }
    if value.entries().any(|(key, _)| !key.is("effort") && !key.is("format")) {
        request.params.push(Param { name, value });
    }
}

fn format(node: Node<'_>) -> Option<Format<'_>> {
    if !node.get("type")?.is_text("json_schema") {
        return None;
    }
    let schema = node.some("schema").filter(|schema| schema.is_object() && !schema.is_empty())?;
    Some(Format::JsonSchema { name: None, description: None, schema: Some(schema), strict: None })
}

fn tool<'a>(node: Node<'a>, index: usize) -> Result<Tool<'a>, Refusal> {
    if !node.is_object() {
        return Err(wrong(&format!("tools[{index}]"), "an object"));
    }
    let custom = node.some("type").is_none_or(|kind| kind.is_text("custom"));
    let native = Tool::Native { dialect: Dialect::AnthropicMessages, node };
    if !custom {
        return Ok(native);
    }
    let ([_, name, description, parameters, strict, cache], extra) =
        blocks::pick(node, ["type", "name", "description", "input_schema", "strict", "cache_control"]);
    let some = |node: Option<Node<'a>>| node.filter(|node| !node.is_null());
    let Some(name) = name.and_then(Node::text) else {
        return Err(wrong(&format!("tools[{index}].name"), "a string"));
    };
    Ok(Tool::Function {
        name,
        description: description.and_then(Node::text),
        parameters: some(parameters),
        strict: some(strict),
        cache: some(cache),
        extra,
    })
}

fn tool_choice<'a>(request: &mut Request<'a>, node: Node<'a>) -> Result<(), Refusal> {
    let kind = node.get_text("type").ok_or_else(|| wrong("tool_choice.type", "a string"))?;
    request.tool_choice = Some(match &*kind.name() {
        b"auto" => ToolChoice::Auto,
        b"any" => ToolChoice::Required,
        b"none" => ToolChoice::None,
        b"tool" => {
            ToolChoice::Named(node.get_text("name").ok_or_else(|| wrong("tool_choice.name", "a string"))?)
        }
        _ => ToolChoice::Native { dialect: Dialect::AnthropicMessages, node },
    });
    request.parallel_tools =
        node.get("disable_parallel_tool_use").and_then(Node::bool).map(|disable| !disable);
    Ok(())
}

fn message<'a>(node: Node<'a>, index: usize, report: &mut Report) -> Result<Message<'a>, Refusal> {
    let path = |field: &str| format!("messages[{index}].{field}");
    let ([role, body], extra) = blocks::pick(node, ["role", "content"]);
    let role = match role.and_then(Node::text).as_ref().map(Text::name).as_deref() {
        Some(b"user") => Role::User,
        Some(b"assistant") => Role::Assistant,
        Some(b"system") => Role::System,
        _ => {
            return Err(Refusal::invalid(
                path("role"),
                format!("{}: must be user or assistant", path("role")),
            ));
        }
    };
    let Some(body) = body.filter(|body| !body.is_null()) else {
        return Err(Refusal::invalid(path("content"), format!("{}: is required", path("content"))));
    };
    let mut message = content(body, role, || path("content"))?
        .unwrap_or_else(|| Message { plain: body.is_string(), ..Message::new(role, Vec::new()) });
    message.extra = extra;
    for (name, _) in &message.extra {
        report.lose(path(&name.unescape()), "message_field");
    }
    Ok(message)
}

/// Content as a string or a list of blocks; `None` where there is none.
fn content<'a>(
    node: Node<'a>,
    role: Role,
    path: impl Fn() -> String,
) -> Result<Option<Message<'a>>, Refusal> {
    if let Some(text) = node.text() {
        let blocks = vec![Block::Text(TextBlock::new(text))];
        return Ok(Some(Message { plain: true, ..Message::new(role, blocks) }));
    }
    if !node.is_array() {
        return Err(wrong(&path(), "a string or a list"));
    }
    let mut blocks = Vec::with_capacity(node.items().count());
    blocks.extend(node.items().map(blocks::part));
    Ok((!blocks.is_empty()).then(|| Message::new(role, blocks)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::chat::{Input, MediaKind, Source};
    use crate::json::{Document, Limits};

    fn with<T>(json: &str, look: impl FnOnce(Result<Request<'_>, Refusal>, &Report) -> T) -> T {
        let document = Document::parse(json.as_bytes(), &Limits::default()).expect("valid JSON");
        let mut report = Report::default();
        let request = decode(document.root(), &mut report);
        look(request, &report)
    }

    #[test]
    fn a_tool_loop_keeps_signatures_ids_and_errors() {
        let json = r#"{"model":"m","max_tokens":64,"system":"be brief","messages":[
            {"role":"user","content":"hi"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},
                {"type":"redacted_thinking","data":"eA=="},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]}]}"#;
        with(json, |request, report| {
            let request = request.expect("valid request");
            assert_eq!(request.messages.len(), 4);
            assert_eq!(request.messages[0].role, Role::System);
            let Block::Thinking(thinking) = &request.messages[2].blocks[0] else { panic!("thinking") };
            assert!(thinking.signature.as_ref().is_some_and(|signature| signature.is("c2ln")));
            assert!(
                matches!(&request.messages[2].blocks[2], Block::ToolUse(tool) if matches!(tool.input, Input::Json(_)))
            );
            let Block::ToolResult(result) = &request.messages[3].blocks[0] else { panic!("result") };
            assert!(result.plain && result.is_error == Some(true));
            let Block::Media(media) = &request.messages[3].blocks[1] else { panic!("image") };
            assert!(media.kind == MediaKind::Image && matches!(media.source, Source::Base64 { .. }));
            assert!(report.losses.is_empty());
        });
    }

    #[test]
    fn fields_without_a_place_keep_their_names() {
        let json = r#"{"max_tokens":1,"messages":[],"top_k":3,"output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}}},
            "metadata":{"user_id":"u","x":1},"tool_choice":{"type":"any","disable_parallel_tool_use":true},"zz":null}"#;
        with(json, |request, report| {
            let request = request.expect("valid request");
            assert_eq!(request.params.len(), 1);
            assert!(request.params[0].name.is("top_k"));
            assert!(matches!(request.reasoning[0], Reasoning::OutputEffort(_)));
            assert!(matches!(request.format, Some(Format::JsonSchema { .. })));
            assert!(matches!(request.tool_choice, Some(ToolChoice::Required)));
            assert_eq!(request.parallel_tools, Some(false));
            assert_eq!(report.losses[0].path, "metadata.x");
        });
    }

    #[test]
    fn wrong_types_are_the_clients_fault() {
        for json in [
            r#"[]"#,
            r#"{"messages":{}}"#,
            r#"{"messages":[{"role":"robot","content":"x"}]}"#,
            r#"{"messages":[{"role":"user","content":1}]}"#,
            r#"{"messages":[],"max_tokens":"1"}"#,
            r#"{"messages":[],"tools":[{"description":"no name"}]}"#,
        ] {
            with(json, |request, _| assert!(matches!(request, Err(Refusal::Invalid(_))), "{json}"));
        }
    }
}
