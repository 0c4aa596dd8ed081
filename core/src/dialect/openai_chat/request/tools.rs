//! Tools and the choice among them, as a host takes them.

use crate::dialect::{AnswerHints, Dialect, RequestContext};
use crate::edit::Patch;
use crate::error::Refusal;
use crate::ir::chat::{Tool, ToolChoice};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy::custom_tools;
use crate::provider::ChatRules;
use crate::tool_names;

/// Longest tool name that OpenAI takes.
const LONGEST_TOOL_NAME: usize = 64;

/// Refuses tools that only another provider has.
pub(super) fn check(tools: &[Tool<'_>], context: RequestContext<'_>) -> Result<(), Refusal> {
    if tools.iter().any(is_search) {
        refuse_search(context)?;
    }
    for (index, tool) in tools.iter().enumerate().filter(|(_, tool)| !is_search(tool)) {
        if let Tool::Native { dialect, .. } = tool
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

/// Writes `tools`.
pub(super) fn write(
    tools: &[Tool<'_>],
    context: RequestContext<'_>,
    hints: &mut AnswerHints,
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    let rules = context.target.provider.chat_rules();
    w.key("tools").begin_array();
    for (index, tool) in tools.iter().enumerate() {
        match tool {
            Tool::Function { .. } => function(tool, index, rules, hints, w, report),
            Tool::Custom { .. } => custom(tool, index, hints, w, report),
            Tool::Native { dialect: Dialect::OpenAiChat, node } => {
                w.node(*node);
            }
            Tool::Native { .. } => {}
        }
    }
    w.end_array();
}

fn function(
    tool: &Tool<'_>,
    index: usize,
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
    if let Some(parameters) = parameters {
        w.key("parameters");
        write_schema(*parameters, rules, w);
    }
    if let Some(description) = description {
        w.key("description").text(description);
    }
    if let Some(strict) = strict.filter(|_| !rules.drop_strict) {
        w.key("strict").node(strict);
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
    if let Some(description) = custom_tools::description(description.as_ref(), grammar.as_ref()) {
        w.key("description").text(&description);
    }
    w.end_object().end_object();
    for (key, _) in extra {
        report.lose(format!("tools[{index}].{}", key.unescape()), "tool_option");
    }
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
    w.key("tool_choice").str(word);
    Ok(())
}
