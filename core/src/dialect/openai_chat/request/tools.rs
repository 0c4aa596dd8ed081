//! Tools and the choice among them, as a host takes them.

use crate::dialect::{AnswerHints, Dialect, RequestContext};
use crate::edit::Patch;
use crate::error::Refusal;
use crate::ir::chat::{Request, Tool, ToolChoice};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy::custom_tools;
use crate::provider::ChatRules;
use crate::tool_names;

/// Longest tool name that OpenAI takes.
const LONGEST_TOOL_NAME: usize = 64;

/// Refuses tools that only another provider has.
pub(super) fn check(
    request: &Request<'_>,
    context: RequestContext<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    if let Some(at) = request.tools.iter().position(is_search) {
        if request.source == Dialect::OpenAiResponses && !searches(request, context) {
            report.lose(format!("tools[{at}]"), "server_tool");
        } else {
            refuse_search(context)?;
        }
    }
    for (index, tool) in request.tools.iter().enumerate().filter(|(_, tool)| !is_search(tool)) {
        if searches_tools(tool) {
            // Tools that would have to be searched for are told of from the start.
            report.lose(format!("tools[{index}]"), "server_tool");
        } else if let Tool::Native { dialect, .. } = tool
            && *dialect != Dialect::OpenAiChat
        {
            return Err(Refusal::unsupported(
                format!("tools[{index}]"),
                format!("a server tool of {} has no counterpart in openai_chat", dialect.name()),
            ));
        }
    }
    Ok(())
}

/// Whether this is the provider's search among tools that the model is not told of at first.
fn searches_tools(tool: &Tool<'_>) -> bool {
    matches!(tool, Tool::Native { dialect: Dialect::OpenAiResponses, node }
        if node.get_text("type").is_some_and(|kind| kind.is("tool_search"))
            && !node.get_text("execution").is_some_and(|execution| execution.is("client")))
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

/// Whether this is Anthropic's web search, which OpenAI-like hosts know as `web_search_options`.
pub(super) fn is_search(tool: &Tool<'_>) -> bool {
    matches!(tool, Tool::Native { node, .. }
        if node.get_text("type").is_some_and(|kind| kind.starts_with("web_search")))
}

/// The last search among the tools, which is the one that counts.
pub(super) fn search<'r, 'a>(tools: &'r [Tool<'a>]) -> Option<&'r Tool<'a>> {
    tools.iter().rev().find(|tool| is_search(tool))
}

/// Whether the host is asked to search. Clients of `openai_responses` offer it everywhere; a host without it does without,
/// as in LiteLLM.
pub(super) fn searches(request: &Request<'_>, context: RequestContext<'_>) -> bool {
    let rules = context.target.provider.chat_rules();
    request.source != Dialect::OpenAiResponses || !rules.unsupported.contains(&"web_search_options")
}

/// Writes `web_search_options`. Anthropic's search has options that OpenAI-like hosts do not know; those of
/// `openai_responses` are theirs, in another form.
pub(super) fn write_search(search: &Tool<'_>, w: &mut Writer<'_>, report: &mut Report) {
    w.key("web_search_options").begin_object();
    if let Tool::Native { dialect: Dialect::OpenAiResponses, node } = search {
        for (key, value) in node.entries().filter(|(key, value)| !value.is_null() && !key.is("type")) {
            match &*key.name() {
                b"search_context_size" => {
                    w.key("search_context_size").node(value);
                }
                b"user_location" => write_location(value, w),
                _ => report.lose(format!("tools.web_search.{}", key.unescape()), "tool_option"),
            }
        }
    }
    w.end_object();
}

fn write_location(location: Node<'_>, w: &mut Writer<'_>) {
    w.key("user_location").begin_object().key("type").word("approximate");
    w.key("approximate").begin_object();
    for (key, value) in location.entries().filter(|(key, value)| !value.is_null() && !key.is("type")) {
        w.key_text(&key).node(value);
    }
    w.end_object().end_object();
}

/// Writes `tools`.
pub(super) fn write(
    request: &Request<'_>,
    context: RequestContext<'_>,
    hints: &mut AnswerHints,
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    let rules = context.target.provider.chat_rules();
    w.key("tools").begin_array();
    let complete = request.source == Dialect::OpenAiResponses;
    for (index, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { .. } => function(tool, (index, complete), rules, hints, w, report),
            Tool::Custom { .. } => custom(tool, index, hints, w, report),
            Tool::Native { dialect: Dialect::OpenAiChat, node } => {
                w.node(*node);
            }
            Tool::Native { .. } => {}
        }
    }
    w.end_array();
}

/// Writes a function; `complete`: with every member, as LiteLLM writes those of `openai_responses`.
fn function(
    tool: &Tool<'_>,
    (index, complete): (usize, bool),
    rules: &ChatRules,
    hints: &mut AnswerHints,
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    let Tool::Function { name, description, parameters, strict, cache, extra } = tool else { return };
    w.begin_object().key("type").word("function").key("function").begin_object();
    let sent = sent_name(name, hints);
    if sent != *name {
        report.rewrite(format!("tools[{index}].name"), "tool_name_shortened");
    }
    w.key("name").text(&sent);
    match parameters {
        Some(parameters) if !complete || parameters.get("type").is_some() => {
            w.key("parameters");
            write_schema(*parameters, rules, w);
        }
        Some(parameters) => write_typed_schema(*parameters, w),
        None if complete => {
            w.key("parameters").begin_object().key("type").word("object").end_object();
        }
        None => {}
    }
    match description {
        Some(description) => {
            w.key("description").text(description);
        }
        None if complete => {
            w.key("description").word("");
        }
        None => {}
    }
    match strict.filter(|_| !rules.drop_strict) {
        Some(strict) => {
            w.key("strict").node(strict);
        }
        None if complete && !rules.drop_strict => {
            w.key("strict").bool(false);
        }
        None => {}
    }
    w.end_object().end_object();
    if cache.is_some() {
        report.lose(format!("tools[{index}].cache_control"), "cache_control");
    }
    for (key, _) in extra {
        report.lose(format!("tools[{index}].{}", key.unescape()), "tool_option");
    }
}

/// A tool that takes free text: a function with one argument.
fn custom(tool: &Tool<'_>, index: usize, hints: &mut AnswerHints, w: &mut Writer<'_>, report: &mut Report) {
    let Tool::Custom { name, description, grammar, extra } = tool else { return };
    w.begin_object().key("type").word("function").key("function").begin_object();
    w.key("name").text(&sent_name(name, hints)).key("parameters");
    custom_tools::write_schema(name, w);
    let description = custom_tools::description(description.as_ref(), grammar.as_ref());
    w.key("description").text(&description.unwrap_or_else(|| Text::new("")));
    w.end_object().end_object();
    for (key, _) in extra {
        report.lose(format!("tools[{index}].{}", key.unescape()), "tool_option");
    }
}

/// A schema that does not say what it is for: arguments are an object.
fn write_typed_schema(schema: Node<'_>, w: &mut Writer<'_>) {
    w.key("parameters").begin_object();
    for (key, value) in schema.entries() {
        w.key_text(&key).node(value);
    }
    w.key("type").word("object").end_object();
}

fn write_schema(schema: Node<'_>, rules: &ChatRules, w: &mut Writer<'_>) {
    let mut patch = Patch::default();
    if rules.drop_additional_properties {
        patch.remove_everywhere(schema, "additionalProperties");
    }
    patch.write_node(schema, w);
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

/// Writes `tool_choice`.
pub(super) fn write_choice(
    choice: &ToolChoice<'_>,
    hints: &mut AnswerHints,
    w: &mut Writer<'_>,
) -> Result<(), Refusal> {
    let word = match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::None => "none",
        ToolChoice::Required => "required",
        ToolChoice::Named(name) => {
            let name = sent_name(name, hints);
            w.key("tool_choice").begin_object().key("type").word("function");
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
    w.key("tool_choice").word(word);
    Ok(())
}
