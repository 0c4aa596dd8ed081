//! IR → `openai_chat` request.

use serde_json::Value;

use super::super::{edit, effort};
use super::{encode_message, tools};
use crate::dialect::openai_responses::wire::is_own_parameter;
use crate::dialect::place::Place;
use crate::dialect::{AnswerHints, Dialect, Encoded, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::{Block, Format, Message, Reasoning, Request, Source};
use crate::json::{Document, Limits, Node, Text, Writer};
use crate::loss::Report;
use crate::provider::ChatRules;
use crate::target::Target;

/// Writes a request as its host takes it. Messages and tools, nearly all of a request, are written by the host's rules
/// directly; the few bytes of all other fields are written apart and edited like those of a client.
pub(crate) fn encode(
    request: Request<'_>,
    context: RequestContext<'_>,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<Encoded, Refusal> {
    let mut hints = AnswerHints::default();
    w.begin_object().key("model").str(&context.target.model);
    let unfit = messages(&request, context, &mut hints, w, report)?;
    tools::check(&request, context, report)?;
    let mut later = Report::default();
    let mut fields = Vec::with_capacity(512);
    write_fields(&request, context, &mut hints, &mut fields, &mut later)?;
    unfit.map_or(Ok(()), Err)?;
    let document = Document::parse(fields.as_slice(), &Limits::default())
        .map_err(|error| Refusal::invalid("", format!("request cannot be translated: {error}")))?;
    let mut edited = edit::fields(document.root(), context.target, &mut later)?;
    hints.json_tool = edited.json_tool;
    if edited.tools {
        tools::write(&request, context, &mut hints, w, report);
    }
    report.append(later);
    let mut members = Vec::with_capacity(fields.len() + 64);
    edited.patch.write(&fields, &mut members);
    w.members(&members).end_object();
    Ok(Encoded { headers: Vec::new(), hints, whole: edited.whole })
}

/// Writes the messages. Returns why the host does not take them, if it does not.
fn messages(
    request: &Request<'_>,
    context: RequestContext<'_>,
    hints: &mut AnswerHints,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<Option<Refusal>, Refusal> {
    let beside = request.messages.iter().take_while(|message| message.top_level).count();
    let mut shared = encode_message::Context::new(request, context, hints, report);
    w.key("messages").begin_array();
    for (index, message) in request.messages.iter().enumerate() {
        let place = Place::new((!message.top_level).then(|| index - beside));
        refuse_unportable(message, place)?;
        encode_message::message(message, place, w, &mut shared);
    }
    w.end_array();
    Ok(shared.unfit)
}

/// Writes everything but the messages and the tools, for which a stub stands.
fn write_fields(
    request: &Request<'_>,
    context: RequestContext<'_>,
    hints: &mut AnswerHints,
    fields: &mut Vec<u8>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let rules = context.target.provider.chat_rules();
    let mut w = Writer::new(fields);
    w.begin_object();
    if let Some(user) = &request.user {
        w.key("user").text(user);
    }
    if let Some(search) = tools::search(&request.tools).filter(|_| tools::searches(request, context)) {
        tools::write_search(search, &mut w, report);
    }
    if !request.tools.iter().all(tools::is_search) {
        w.key("tools").raw(edit::TOOLS_STUB);
    }
    if let Some(choice) = &request.tool_choice {
        tools::write_choice(choice, hints, &mut w)?;
    }
    if let Some(parallel) = request.parallel_tools.filter(|_| request.source == Dialect::OpenAiResponses) {
        w.key("parallel_tool_calls").bool(parallel);
    } else if request.parallel_tools == Some(false) && !request.tools.is_empty() {
        if rules.unsupported.contains(&"parallel_tool_calls") {
            report.lose("tool_choice.disable_parallel_tool_use", "unsupported_parameter");
        } else {
            w.key("parallel_tool_calls").bool(false);
        }
    }
    reasoning(&request.reasoning, is_claude(context.target), rules, &mut w);
    if !request.stop.is_empty() {
        w.key("stop").begin_array();
        request.stop.iter().for_each(|text| {
            w.text(text);
        });
        w.end_array();
    }
    if let Some(format) = &request.format {
        response_format(format, request.source, &mut w);
    }
    if let Some(max_tokens) = &request.max_tokens {
        w.key("max_tokens").raw(max_tokens.as_bytes());
    }
    params(request, context, &mut w, report)?;
    if request.stream {
        w.key("stream").bool(true);
        if !rules.unsupported.contains(&"stream_options") {
            w.key("stream_options").begin_object().key("include_usage").bool(true).end_object();
        }
    }
    w.end_object();
    Ok(())
}

/// Whether the model behind a router is Anthropic's, which takes thinking and cache marks as they are.
pub(super) fn is_claude(target: &Target) -> bool {
    if !target.provider.chat_rules().openrouter {
        return false;
    }
    let model = target.model.to_ascii_lowercase();
    model.contains("claude") || model.contains("anthropic/")
}

/// What only means something to the provider that it was made for: leaving it out would change the conversation.
fn refuse_unportable(message: &Message<'_>, place: Place) -> Result<(), Refusal> {
    for (index, block) in message.blocks.iter().enumerate() {
        let reason = match block {
            Block::Media(media) if matches!(media.source, Source::FileId(_)) => "an uploaded file",
            Block::Native { dialect: Dialect::AnthropicMessages, node } if is_compaction(*node) => {
                "a compacted conversation"
            }
            _ => continue,
        };
        let path = place.block(index).to_string();
        return Err(Refusal::unsupported(
            path.clone(),
            format!("{path}: {reason} cannot go to another provider"),
        ));
    }
    Ok(())
}

fn is_compaction(node: Node<'_>) -> bool {
    node.some("type").is_some_and(|kind| kind.is_text("compaction"))
}

fn reasoning(list: &[Reasoning<'_>], claude: bool, rules: &ChatRules, w: &mut Writer<'_>) {
    let declared = list.iter().find_map(|reasoning| match reasoning {
        Reasoning::OutputEffort(effort) => Some(effort),
        _ => None,
    });
    for reasoning in list {
        match reasoning {
            Reasoning::Effort(effort) => {
                w.key("reasoning_effort").node(*effort);
            }
            Reasoning::Thinking(thinking) if claude => {
                w.key("thinking").node(*thinking);
                if let Some(effort) = declared {
                    w.key("reasoning_effort").text(effort);
                }
            }
            Reasoning::Thinking(thinking) => {
                let kind = thinking.get_text("type");
                let is = |name: &str| kind.as_ref().is_some_and(|kind| kind.is(name));
                let adaptive = declared.filter(|_| is("adaptive"));
                let budget = thinking.some("budget_tokens").and_then(Node::u64).unwrap_or(0);
                let effort = match adaptive {
                    // vLLM knows no effort above high.
                    Some(effort) if rules.thinking_as_effort && (effort.is("xhigh") || effort.is("max")) => {
                        Text::new("high")
                    }
                    Some(effort) => effort.clone(),
                    None if is("adaptive") => Text::new("medium"),
                    None if is("enabled") => Text::new(effort::budget_effort(budget)),
                    None => Text::new("none"),
                };
                w.key("reasoning_effort");
                match thinking.get_text("summary").filter(|_| !is("disabled")) {
                    Some(summary) => {
                        w.begin_object()
                            .key("effort")
                            .text(&effort)
                            .key("summary")
                            .text(&summary)
                            .end_object();
                    }
                    None => {
                        w.text(&effort);
                    }
                }
            }
            Reasoning::OutputEffort(_) => {}
        }
    }
}

fn response_format(format: &Format<'_>, source: Dialect, w: &mut Writer<'_>) {
    match format {
        Format::JsonSchema { name, description, schema, strict } if source == Dialect::OpenAiResponses => {
            w.key("response_format").begin_object().key("type").word("json_schema");
            w.key("json_schema").begin_object();
            w.key("name").text(name.as_ref().unwrap_or(&Text::new("response_schema")));
            if let Some(description) = description {
                w.key("description").text(description);
            }
            w.key("schema");
            match schema {
                Some(schema) => w.node(*schema),
                None => w.begin_object().end_object(),
            };
            w.key("strict").bool(strict.and_then(Node::bool) == Some(true));
            w.end_object().end_object();
        }
        Format::Text => {
            w.key("response_format").begin_object().key("type").word("text").end_object();
        }
        Format::JsonObject { .. } => {
            w.key("response_format").begin_object().key("type").word("json_object").end_object();
        }
        Format::JsonSchema { name, schema, strict, .. } => {
            w.key("response_format").begin_object().key("type").word("json_schema");
            w.key("json_schema").begin_object();
            w.key("name").text(&name.clone().unwrap_or_else(|| Text::new("structured_output")));
            if let Some(schema) = schema {
                w.key("schema").raw(&strict_schema(*schema));
            }
            match strict {
                Some(strict) => w.key("strict").node(*strict),
                None => w.key("strict").bool(true),
            };
            w.end_object().end_object();
        }
    }
}

/// The schema as OpenAI's strict mode wants it: every object closed and all its properties required
/// (<https://platform.openai.com/docs/guides/structured-outputs>).
fn strict_schema(schema: Node<'_>) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(schema.raw()) else { return schema.raw().to_vec() };
    close_objects(&mut value);
    serde_json::to_vec(&value).unwrap_or_else(|_| schema.raw().to_vec())
}

fn close_objects(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    let is_object = map.get("type").and_then(Value::as_str) == Some("object");
    if let Some(Value::Object(properties)) = map.get_mut("properties").filter(|_| is_object) {
        let names: Vec<Value> = properties.keys().map(|name| Value::String(name.clone())).collect();
        properties.values_mut().for_each(close_objects);
        map.insert("additionalProperties".to_owned(), Value::Bool(false));
        map.insert("required".to_owned(), Value::Array(names));
    }
    if let Some(items) = map.get_mut("items") {
        close_objects(items);
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(list)) = map.get_mut(key) {
            list.iter_mut().for_each(close_objects);
        }
    }
    for key in ["$defs", "definitions"] {
        if let Some(Value::Object(definitions)) = map.get_mut(key) {
            definitions.values_mut().for_each(close_objects);
        }
    }
}

/// Fields of `anthropic_messages` that say nothing to an OpenAI-like host and can be left out.
const LOSSES: &[&str] =
    &["cache_control", "context_management", "service_tier", "metadata", "inference_geo", "speed"];
/// Fields of `anthropic_messages` without which the answer would be another one.
const UNSUPPORTED: &[&str] = &["mcp_servers", "container"];

fn params(
    request: &Request<'_>,
    context: RequestContext<'_>,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    for param in &request.params {
        let name = param.name.unescape();
        if request.source == Dialect::OpenAiResponses {
            // What the API shares with `openai_chat` has its names there, beside some of its own.
            if !is_own_parameter(&name) {
                w.key_text(&param.name).node(param.value);
                continue;
            }
            refuse_or_lose(&name, context, report)?;
        } else if name == "service_tier" {
            // The same idea under another name: anything but the standard tier is the provider's choice.
            let standard = param.value.is_text("standard_only");
            w.key("service_tier").str(if standard { "default" } else { "auto" });
        } else if LOSSES.contains(&&*name) {
            report.lose(&*name, "unsupported_parameter");
        } else if UNSUPPORTED.contains(&&*name) {
            refuse_or_lose(&name, context, report)?;
        } else {
            w.key_text(&param.name).node(param.value);
        }
    }
    Ok(())
}

fn refuse_or_lose(name: &str, context: RequestContext<'_>, report: &mut Report) -> Result<(), Refusal> {
    if !context.target.drop_params {
        let why = format!("{} does not support parameters: ['{name}']", context.target.provider.name());
        return Err(Refusal::unsupported(name, why));
    }
    report.lose(name, "unsupported_parameter");
    Ok(())
}
