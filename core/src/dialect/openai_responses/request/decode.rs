//! `openai_responses` request → IR, for hosts that speak another dialect: what only the API's own provider could carry is
//! reported here as lost, or refused, by its place in the client's request.

use std::borrow::Cow;

use super::{decode_input, decode_tools};
use crate::controls;
use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::ir::chat::{Block, Format, Message, Param, Reasoning, Request, Role, TextBlock};
use crate::json::{Node, Text};
use crate::loss::Report;

/// Reads a request.
pub(crate) fn decode<'a>(root: Node<'a>, report: &mut Report) -> Result<Request<'a>, Refusal> {
    let mut request = Request::new(Dialect::OpenAiResponses);
    let (mut input, mut instructions, mut choice) = (None, None, None);
    for (key, value) in root.entries() {
        match &*key.name() {
            _ if value.is_null() => {}
            b"model" => {}
            b"input" => input = Some(value),
            b"instructions" => instructions = Some(value),
            b"tools" => decode_tools::tools(value, &mut request, report)?,
            b"tool_choice" => choice = Some(value),
            b"parallel_tool_calls" => request.parallel_tools = value.bool(),
            b"max_output_tokens" => request.max_tokens = Some(limit(value)?),
            b"reasoning" => request.reasoning.extend(effort(value, report).map(Reasoning::Effort)),
            b"text" => text(value, &mut request, report),
            b"user" => request.user = value.text(),
            b"stream" => request.stream = value.bool() == Some(true),
            b"background" if value.bool() == Some(false) => {}
            b"background" | b"conversation" | b"previous_response_id" | b"prompt" => {
                return Err(stateful(&key.unescape()));
            }
            b"stop" => request.stop = stop(value),
            name if said_by_the_answer(name) => {}
            name @ (b"truncation" | b"include" | b"store") => unheard(name, value, report),
            name if controls::is_host_control(name) => {}
            _ => request.params.push(Param { name: key.clone(), value }),
        }
    }
    if let Some(choice) = choice {
        decode_tools::choose(choice, &mut request, report)?;
    }
    if request.tools.iter().all(decode_tools::is_search) {
        // Without tools of the client's there is nothing to choose from.
        (request.tool_choice, request.parallel_tools) = (None, None);
    }
    request.messages.extend(instructions.map(instruct).transpose()?);
    let input = input.ok_or_else(|| Refusal::invalid("input", "input is required"))?;
    decode_input::read(input, &mut request.messages, report)?;
    Ok(request)
}

/// Members that the answer repeats or that shape only how it is handed out.
fn said_by_the_answer(name: &[u8]) -> bool {
    matches!(name, b"metadata" | b"stream_options")
}

/// What the provider would have to remember between requests.
fn stateful(name: &str) -> Refusal {
    let message = format!("{name} needs a provider that keeps responses, which this one does not");
    Refusal::unsupported(name, message)
}

fn limit(value: Node<'_>) -> Result<Cow<'_, str>, Refusal> {
    let name = "max_output_tokens";
    value
        .number()
        .map(Cow::Borrowed)
        .ok_or_else(|| Refusal::invalid(name, format!("{name} must be a number")))
}

/// The effort, as a word. Other hosts tell what they tell of their reasoning.
fn effort<'a>(value: Node<'a>, report: &mut Report) -> Option<Node<'a>> {
    if value.is_string() {
        return Some(value);
    }
    for (key, _) in value.entries().filter(|(key, value)| !key.is("effort") && !value.is_null()) {
        report.lose(format!("reasoning.{}", key.unescape()), "unsupported_parameter");
    }
    value.some("effort")
}

fn text<'a>(value: Node<'a>, request: &mut Request<'a>, report: &mut Report) {
    for (key, value) in value.entries().filter(|(_, value)| !value.is_null()) {
        match &*key.name() {
            b"format" => request.format = format(value, report),
            b"verbosity" => request.params.push(Param { name: key, value }),
            _ => report.lose(format!("text.{}", key.unescape()), "unsupported_parameter"),
        }
    }
}

/// Plain text, the default, is not said.
fn format<'a>(value: Node<'a>, report: &mut Report) -> Option<Format<'a>> {
    match &*value.get_text("type")?.name() {
        b"text" => None,
        b"json_object" => Some(Format::JsonObject { schema: None }),
        b"json_schema" => Some(Format::JsonSchema {
            name: value.get_text("name"),
            description: value.get_text("description"),
            schema: value.some("schema"),
            strict: value.some("strict"),
        }),
        _ => {
            report.lose("text.format", "unknown_form");
            None
        }
    }
}

fn stop(value: Node<'_>) -> Vec<Text<'_>> {
    value.text().map_or_else(|| value.items().filter_map(Node::text).collect(), |only| vec![only])
}

/// Wishes that other hosts do not know and that change nothing where they ask for what happens anyway.
fn unheard(name: &[u8], value: Node<'_>, report: &mut Report) {
    match name {
        b"truncation" if !value.is_text("disabled") => report.lose("truncation", "unsupported_parameter"),
        b"store" if value.bool() == Some(true) => report.lose("store", "unsupported_parameter"),
        b"include" => {
            for (index, item) in value.items().enumerate() {
                if !item.is_text("reasoning.encrypted_content") {
                    report.lose(format!("include[{index}]"), "unsupported_parameter");
                }
            }
        }
        _ => {}
    }
}

/// Instructions are a system message before all others.
fn instruct(value: Node<'_>) -> Result<Message<'_>, Refusal> {
    let text = value.text().ok_or_else(|| {
        Refusal::unsupported("instructions", "instructions must be a string for this provider")
    })?;
    let mut message = Message::new(Role::System, vec![Block::Text(TextBlock::new(text))]);
    (message.plain, message.top_level) = (true, true);
    Ok(message)
}
