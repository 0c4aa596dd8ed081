//! Tools and the choice among them.

use super::tool_search::ToolSearch;
use crate::dialect::Dialect;
use crate::dialect::openai_responses::schema;
use crate::edit::Patch;
use crate::error::Refusal;
use crate::ir::chat::{Request, Tool, ToolChoice};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::target::Target;

/// Refuses tools that only another provider has.
pub(super) fn check(tools: &[Tool<'_>]) -> Result<(), Refusal> {
    for (index, tool) in tools.iter().enumerate() {
        if let Tool::Native { dialect: Dialect::AnthropicMessages, node } = tool
            && !is_search(*node)
        {
            let why = "a server tool of anthropic_messages has no counterpart in openai_responses";
            return Err(Refusal::unsupported(format!("tools[{index}]"), why));
        }
    }
    Ok(())
}

fn is_search(node: Node<'_>) -> bool {
    node.get_text("type").is_some_and(|kind| kind.starts_with("web_search"))
}

/// The names of the tools that take free text.
pub(super) fn custom_names<'a>(tools: &[Tool<'a>]) -> Vec<Text<'a>> {
    tools
        .iter()
        .filter_map(|tool| match tool {
            Tool::Custom { name, .. } => Some(name.clone()),
            Tool::Native { dialect: Dialect::OpenAiChat, node } => custom(*node)?.get_text("name"),
            _ => None,
        })
        .collect()
}

/// What a custom tool of `openai_chat` says of itself.
fn custom(node: Node<'_>) -> Option<Node<'_>> {
    node.some("custom").filter(|custom| custom.is_object() && is_kind(node, "custom"))
}

fn is_kind(node: Node<'_>, kind: &str) -> bool {
    node.some("type").is_some_and(|found| found.is_text(kind))
}

/// Writes `tools`, the search that was asked for beside them among them.
pub(super) fn write(
    request: &Request<'_>,
    web_search: Option<Node<'_>>,
    target: &Target,
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    if request.tools.is_empty() && web_search.is_none() {
        return;
    }
    let search = ToolSearch::of(&request.tools);
    w.key("tools").begin_array();
    for (index, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { .. } => function(tool, (request.source, search), (index, target), w, report),
            Tool::Custom { .. } => custom_tool(tool, index, w, report),
            Tool::Native { dialect: Dialect::AnthropicMessages, node } => {
                anthropic_search(*node, index, w, report);
            }
            Tool::Native { node, .. } => match custom(*node) {
                Some(custom) => chat_custom_tool(custom, w),
                None => {
                    w.node(*node);
                }
            },
        }
    }
    if let Some(options) = web_search {
        w.begin_object().key("type").word("web_search");
        for (key, value) in options.entries().filter(|(key, _)| !key.is("type")) {
            w.key_text(&key).node(value);
        }
        w.end_object();
    }
    w.end_array();
}

fn function(
    tool: &Tool<'_>,
    (source, search): (Dialect, ToolSearch),
    (index, target): (usize, &Target),
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    let Tool::Function { name, description, parameters, strict, cache, extra } = tool else { return };
    // What a client leaves out is said to be nothing: the API would otherwise follow schemas strictly.
    let from_chat = source == Dialect::OpenAiChat;
    w.begin_object().key("type").word("function").key("name").text(name);
    match description {
        Some(description) => {
            w.key("description").text(description);
        }
        None if from_chat => {
            w.key("description").null();
        }
        None => {}
    }
    match parameters {
        Some(parameters) => {
            w.key("parameters");
            write_schema(*parameters, (index, target), w, report);
        }
        None if from_chat => {
            w.key("parameters").null();
        }
        None => {}
    }
    w.key("strict");
    match strict {
        Some(strict) => w.node(*strict),
        None if from_chat => w.null(),
        None => w.bool(false),
    };
    let deferred = search.deferred(extra).filter(|_| from_chat);
    if let Some(deferred) = deferred {
        w.key("defer_loading").node(deferred);
    }
    w.end_object();
    if cache.is_some() {
        report.lose(format!("tools[{index}].cache_control"), "cache_control");
    }
    for (key, value) in extra {
        let said = match deferred {
            Some(_) => key.is("defer_loading"),
            None => from_chat && search.goes_without_saying(key, *value),
        };
        if !said {
            lose_option(key, index, report);
        }
    }
}

fn write_schema(
    schema: Node<'_>,
    (index, target): (usize, &Target),
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    let mut patch = Patch::default();
    match schema::edit(schema, (index, target), &mut patch, report) {
        Some(other) => {
            w.raw(&other);
        }
        None => patch.write_node(schema, w),
    }
}

fn lose_option(key: &Text<'_>, index: usize, report: &mut Report) {
    report.lose(format!("tools[{index}].{}", key.unescape()), "tool_option");
}

fn custom_tool(tool: &Tool<'_>, index: usize, w: &mut Writer<'_>, report: &mut Report) {
    let Tool::Custom { name, description, grammar, extra } = tool else { return };
    w.begin_object().key("type").word("custom").key("name").text(name);
    if let Some(description) = description {
        w.key("description").text(description);
    }
    if let Some((syntax, definition)) = grammar {
        w.key("format").begin_object().key("type").word("grammar");
        w.key("syntax").text(syntax).key("definition").text(definition).end_object();
    }
    w.end_object();
    for (key, _) in extra {
        lose_option(key, index, report);
    }
}

/// A custom tool of `openai_chat`, which nests what this dialect has flat.
fn chat_custom_tool(custom: Node<'_>, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("custom");
    for (key, value) in custom.entries() {
        match value.some("grammar").filter(|grammar| key.is("format") && grammar.is_object()) {
            Some(grammar) => {
                w.key("format").begin_object().key("type").word("grammar");
                for (key, value) in grammar.entries() {
                    w.key_text(&key).node(value);
                }
                w.end_object();
            }
            None => {
                w.key_text(&key).node(value);
            }
        }
    }
    w.end_object();
}

/// Anthropic's web search, under the name that LiteLLM gives it; a search within some domains only is told apart.
fn anthropic_search(node: Node<'_>, index: usize, w: &mut Writer<'_>, report: &mut Report) {
    let domains = node.some("allowed_domains").filter(|domains| domains.is_array());
    let kind = if domains.is_some() { "web_search" } else { "web_search_preview" };
    w.begin_object().key("type").word(kind);
    if let Some(domains) = domains {
        w.key("filters").begin_object().key("allowed_domains").node(domains).end_object();
    }
    if let Some(place) = node.some("user_location") {
        w.key("user_location").node(place);
    }
    w.end_object();
    for (key, value) in node.entries().filter(|(_, value)| !value.is_null()) {
        let carried = ["type", "name", "user_location"].iter().any(|known| key.is(known))
            || (key.is("allowed_domains") && value.is_array());
        if !carried {
            report.lose(format!("tools[{index}].{}", key.unescape()), "tool_option");
        }
    }
}

/// Writes `tool_choice`.
pub(super) fn write_choice(request: &Request<'_>, w: &mut Writer<'_>) -> Result<(), Refusal> {
    let Some(choice) = &request.tool_choice else { return Ok(()) };
    match choice {
        ToolChoice::Auto => w.key("tool_choice").word("auto"),
        ToolChoice::None => w.key("tool_choice").word("none"),
        ToolChoice::Required => w.key("tool_choice").word("required"),
        ToolChoice::Named(name) => {
            let kind = if custom_names(&request.tools).contains(name) { "custom" } else { "function" };
            w.key("tool_choice").begin_object().key("type").word(kind);
            w.key("name").text(name).end_object()
        }
        ToolChoice::Native { dialect: Dialect::OpenAiChat, node } => {
            w.key("tool_choice");
            native_choice(*node, w)
        }
        ToolChoice::Native { .. } => return Err(Refusal::invalid("tool_choice", "unknown tool_choice")),
    };
    Ok(())
}

/// A choice in the words of `openai_chat`, which nests what this dialect has flat.
fn native_choice<'w, 'o>(node: Node<'_>, w: &'w mut Writer<'o>) -> &'w mut Writer<'o> {
    if let Some(name) = custom(node).and_then(|custom| custom.get_text("name")) {
        return w.begin_object().key("type").word("custom").key("name").text(&name).end_object();
    }
    let Some(allowed) = node.some("allowed_tools").filter(|_| is_kind(node, "allowed_tools")) else {
        return w.node(node);
    };
    w.begin_object().key("type").word("allowed_tools");
    if let Some(mode) = allowed.some("mode") {
        w.key("mode").node(mode);
    }
    w.key("tools").begin_array();
    for tool in allowed.some("tools").into_iter().flat_map(Node::items) {
        let named =
            tool.some("function").or_else(|| tool.some("custom")).and_then(|inner| inner.get_text("name"));
        match (tool.some("type"), named) {
            (Some(kind), Some(name)) => {
                w.begin_object().key("type").node(kind).key("name").text(&name).end_object()
            }
            _ => w.node(tool),
        };
    }
    w.end_array().end_object()
}
