//! IR → `openai_chat` request.

use serde_json::Value;

use super::super::{edit, effort};
use super::encode_message;
use crate::dialect::{AnswerHints, Dialect, Encoded, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::{Block, Format, Message, Reasoning, Request, Source, Tool, ToolChoice};
use crate::json::{Document, Limits, Node, Text, Writer};
use crate::loss::Report;
use crate::provider::ChatRules;
use crate::tool_names;

/// Longest tool name that OpenAI takes.
const LONGEST_TOOL_NAME: usize = 64;

/// Writes a request, then applies the host's edit list to it.
pub(crate) fn encode(
    request: Request<'_>,
    context: RequestContext<'_>,
    out: &mut Vec<u8>,
    report: &mut Report,
) -> Result<Encoded, Refusal> {
    let mut hints = AnswerHints::default();
    let mut body = Vec::with_capacity(4096);
    write(&request, context, &mut hints, &mut body, report)?;
    let document = Document::parse(body.as_slice(), &Limits::default())
        .map_err(|error| Refusal::invalid("", format!("request cannot be translated: {error}")))?;
    let edited = edit::edit(document.root(), context.target, report)?;
    hints.json_tool = edited.json_tool;
    edited.patch.write(&body, out);
    Ok(Encoded { headers: Vec::new(), hints, whole: edited.whole })
}

fn write(
    request: &Request<'_>,
    context: RequestContext<'_>,
    hints: &mut AnswerHints,
    body: &mut Vec<u8>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let mut w = Writer::new(body);
    w.begin_object();
    w.key("model").str(&context.target.model);
    w.key("messages").begin_array();
    let rules = context.target.provider.chat_rules();
    let claude = rules.openrouter && is_claude(&context.target.model);
    let beside = request.messages.iter().take_while(|message| message.top_level).count();
    for (index, message) in request.messages.iter().enumerate() {
        let path =
            if message.top_level { "system".to_owned() } else { format!("messages[{}]", index - beside) };
        refuse_unportable(message, &path)?;
        let mut shared = encode_message::Context { rules, reads_cache_marks: claude, hints, report };
        encode_message::message(message, &path, &mut w, &mut shared);
    }
    w.end_array();
    if let Some(user) = &request.user {
        w.key("user").text(user);
    }
    tools(request, context, hints, &mut w, report)?;
    if let Some(choice) = &request.tool_choice {
        tool_choice(choice, hints, &mut w)?;
    }
    if request.parallel_tools == Some(false) && !request.tools.is_empty() {
        if rules.unsupported.contains(&"parallel_tool_calls") {
            report.lose("tool_choice.disable_parallel_tool_use", "unsupported_parameter");
        } else {
            w.key("parallel_tool_calls").bool(false);
        }
    }
    reasoning(&request.reasoning, claude, rules, &mut w);
    if !request.stop.is_empty() {
        w.key("stop").begin_array();
        request.stop.iter().for_each(|text| {
            w.text(text);
        });
        w.end_array();
    }
    if let Some(format) = &request.format {
        response_format(format, &mut w);
    }
    if let Some(max_tokens) = &request.max_tokens {
        w.key("max_tokens").raw(max_tokens.as_bytes());
    }
    params(request, context, &mut w, report)?;
    if request.stream {
        w.key("stream").bool(true);
        if !context.target.provider.chat_rules().unsupported.contains(&"stream_options") {
            w.key("stream_options").begin_object().key("include_usage").bool(true).end_object();
        }
    }
    w.end_object();
    Ok(())
}

/// Whether the model behind a router is Anthropic's, which takes thinking and cache marks as they are.
fn is_claude(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    model.contains("claude") || model.contains("anthropic/")
}

/// What only means something to the provider that it was made for: leaving it out would change the conversation.
fn refuse_unportable(message: &Message<'_>, path: &str) -> Result<(), Refusal> {
    for (index, block) in message.blocks.iter().enumerate() {
        let reason = match block {
            Block::Media(media) if matches!(media.source, Source::FileId(_)) => "an uploaded file",
            Block::Native { dialect: Dialect::AnthropicMessages, node } if is_compaction(*node) => {
                "a compacted conversation"
            }
            _ => continue,
        };
        let path = format!("{path}.content[{index}]");
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

/// Hosts that search elsewhere, or not at all.
fn refuse_search(context: RequestContext<'_>) -> Result<(), Refusal> {
    let provider = context.target.provider;
    if provider.name() == "xai" {
        return Err(Refusal::decline(
            "responses_dialect",
            "web search at xai goes through /v1/responses, which is not built yet",
        ));
    }
    if provider.chat_rules().unsupported.contains(&"web_search_options") {
        let why = format!("{} does not support parameters: ['web_search_options']", provider.name());
        return Err(Refusal::unsupported("tools", why));
    }
    Ok(())
}

fn tools(
    request: &Request<'_>,
    context: RequestContext<'_>,
    hints: &mut AnswerHints,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let is_search = |tool: &&Tool<'_>| matches!(tool, Tool::Native { node, .. } if is_web_search(*node));
    if request.tools.iter().any(|tool| is_search(&tool)) {
        refuse_search(context)?;
        w.key("web_search_options").begin_object().end_object();
    }
    if request.tools.iter().all(|tool| is_search(&tool)) {
        return Ok(());
    }
    w.key("tools").begin_array();
    for (index, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { .. } => function(tool, index, hints, w, report),
            Tool::Native { dialect: Dialect::OpenAiChat, node } => {
                w.node(*node);
            }
            Tool::Native { node, .. } if is_web_search(*node) => {}
            Tool::Native { dialect, .. } => {
                return Err(Refusal::unsupported(
                    format!("tools[{index}]"),
                    format!("a server tool of {} has no counterpart in openai_chat", dialect.name()),
                ));
            }
        }
    }
    w.end_array();
    Ok(())
}

/// Anthropic's web search, which OpenAI-like hosts know as `web_search_options`.
fn is_web_search(node: Node<'_>) -> bool {
    node.get_text("type").is_some_and(|kind| kind.starts_with("web_search"))
}

fn function(tool: &Tool<'_>, index: usize, hints: &mut AnswerHints, w: &mut Writer<'_>, report: &mut Report) {
    let Tool::Function { name, description, parameters, strict, cache, extra } = tool else { return };
    w.begin_object().key("type").str("function").key("function").begin_object();
    let sent = sent_name(name, hints);
    if sent != *name {
        report.rewrite(format!("tools[{index}].name"), "tool_name_shortened");
    }
    w.key("name").text(&sent);
    if let Some(parameters) = parameters {
        w.key("parameters").node(*parameters);
    }
    if let Some(description) = description {
        w.key("description").text(description);
    }
    if let Some(strict) = strict {
        w.key("strict").node(*strict);
    }
    w.end_object().end_object();
    if cache.is_some() {
        report.lose(format!("tools[{index}].cache_control"), "cache_control");
    }
    for (key, _) in extra {
        report.lose(format!("tools[{index}].{}", key.unescape()), "tool_option");
    }
}

/// The name by which the provider gets to know a tool: shortened where it is too long, and noted for the way back.
pub(super) fn sent_name<'a>(name: &Text<'a>, hints: &mut AnswerHints) -> Text<'a> {
    if name.spelled_len() <= LONGEST_TOOL_NAME {
        return name.clone();
    }
    let original = name.unescape();
    let short = tool_names::shorten(&original, LONGEST_TOOL_NAME);
    if short != original && hints.client_tool_name(&short).is_none() {
        hints.tool_names.push((short.clone(), original.into_owned()));
    }
    Text::new(short)
}

fn tool_choice(choice: &ToolChoice<'_>, hints: &mut AnswerHints, w: &mut Writer<'_>) -> Result<(), Refusal> {
    let word = match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::None => "none",
        ToolChoice::Required => "required",
        ToolChoice::Named(name) => {
            let name = sent_name(name, hints);
            w.key("tool_choice").begin_object().key("type").str("function");
            w.key("function").begin_object().key("name").text(&name).end_object().end_object();
            return Ok(());
        }
        ToolChoice::Native { dialect: Dialect::OpenAiChat, node } => {
            w.key("tool_choice").node(*node);
            return Ok(());
        }
        ToolChoice::Native { .. } => {
            return Err(Refusal::invalid("tool_choice", "unknown tool_choice"));
        }
    };
    w.key("tool_choice").str(word);
    Ok(())
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

fn response_format(format: &Format<'_>, w: &mut Writer<'_>) {
    match format {
        Format::Text => {
            w.key("response_format").begin_object().key("type").str("text").end_object();
        }
        Format::JsonObject { .. } => {
            w.key("response_format").begin_object().key("type").str("json_object").end_object();
        }
        Format::JsonSchema { name, schema, strict, .. } => {
            w.key("response_format").begin_object().key("type").str("json_schema");
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
        if name == "service_tier" {
            // The same idea under another name: anything but the standard tier is the provider's choice.
            let standard = param.value.is_text("standard_only");
            w.key("service_tier").str(if standard { "default" } else { "auto" });
        } else if LOSSES.contains(&&*name) {
            report.lose(&*name, "unsupported_parameter");
        } else if UNSUPPORTED.contains(&&*name) {
            if !context.target.drop_params {
                let provider = context.target.provider.name();
                return Err(Refusal::unsupported(
                    &*name,
                    format!("{provider} does not support parameters: ['{name}']"),
                ));
            }
            report.lose(&*name, "unsupported_parameter");
        } else {
            w.key_text(&param.name).node(param.value);
        }
    }
    Ok(())
}
