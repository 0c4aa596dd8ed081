//! Tools and the choice among them → IR.

use crate::dialect::{Dialect, Namespaced};
use crate::error::Refusal;
use crate::ir::chat::{Request, Tool, ToolChoice};
use crate::json::{Node, Text};
use crate::loss::Report;

/// Tools of OpenAI's without which a conversation goes on: other hosts are not told of them, as LiteLLM does not.
const LEFT_OUT: &[&str] = &["computer_use", "image_generation", "local_shell", "shell"];

/// Reads `tools`.
pub(super) fn tools<'a>(
    value: Node<'a>,
    request: &mut Request<'a>,
    report: &mut Report,
) -> Result<(), Refusal> {
    if !value.is_array() {
        return Err(Refusal::invalid("tools", "tools must be a list"));
    }
    request.tools.reserve_exact(value.items().count());
    for (index, node) in value.items().enumerate() {
        let kind = node.get_text("type").unwrap_or_else(|| Text::new("function"));
        match &*kind.name() {
            b"function" => request.tools.push(function(node, None)),
            b"custom" => request.tools.push(custom(node, None, index, report)),
            b"namespace" => namespace(node, index, request, report),
            _ if LEFT_OUT.iter().any(|name| kind.is(name)) => {
                report.lose(format!("tools[{index}]"), "server_tool");
            }
            _ => request.tools.push(Tool::Native { dialect: Dialect::OpenAiResponses, node }),
        }
    }
    Ok(())
}

/// Whether the provider is to search.
pub(super) fn is_search(tool: &Tool<'_>) -> bool {
    matches!(tool, Tool::Native { node, .. }
        if node.get_text("type").is_some_and(|kind| kind.starts_with("web_search")))
}

/// Reads a function; `namespace` holds its namespace's name and description.
fn function<'a>(node: Node<'a>, namespace: Option<(&str, &str)>) -> Tool<'a> {
    let (mut name, mut description, mut parameters, mut strict, mut cache, mut extra) =
        (None, None, None, None, None, Vec::new());
    for (key, value) in node.entries().filter(|(_, value)| !value.is_null()) {
        match &*key.name() {
            b"name" => name = value.text(),
            b"description" => description = value.text(),
            b"parameters" => parameters = Some(value),
            b"strict" => strict = Some(value),
            b"cache_control" => cache = Some(value),
            // Some clients write tools as `openai_chat` has them.
            b"function" if value.is_object() => return function(value, namespace),
            b"type" => {}
            b"async" | b"defer_loading" if value.bool() == Some(false) => {}
            _ => extra.push((key, value)),
        }
    }
    let name = name.unwrap_or_else(|| Text::new(""));
    Tool::Function {
        name: namespace.map_or_else(|| name.clone(), |(space, _)| qualified(space, &name)),
        description: match namespace {
            Some((_, about)) => described(about, description.as_ref()),
            None => description,
        },
        parameters,
        strict,
        cache,
        extra,
    }
}

fn custom<'a>(node: Node<'a>, about: Option<&str>, index: usize, report: &mut Report) -> Tool<'a> {
    let (mut name, mut description, mut grammar, mut extra) = (None, None, None, Vec::new());
    for (key, value) in node.entries().filter(|(_, value)| !value.is_null()) {
        match &*key.name() {
            b"name" => name = value.text(),
            b"description" => description = value.text(),
            b"format" => grammar = self::grammar(value, index, report),
            b"type" => {}
            b"async" | b"defer_loading" if value.bool() == Some(false) => {}
            _ => extra.push((key, value)),
        }
    }
    Tool::Custom {
        name: name.unwrap_or_else(|| Text::new("")),
        description: match about {
            Some(about) => described(about, description.as_ref()),
            None => description,
        },
        grammar,
        extra,
    }
}

fn grammar<'a>(format: Node<'a>, index: usize, report: &mut Report) -> Option<(Text<'a>, Text<'a>)> {
    // In `openai_chat` the grammar is an object of its own.
    let inner = format.some("grammar").unwrap_or(format);
    match (inner.get_text("syntax"), inner.get_text("definition")) {
        (Some(syntax), Some(definition)) => Some((syntax, definition)),
        _ => {
            if !format.get_text("type").is_some_and(|kind| kind.is("text")) {
                report.lose(format!("tools[{index}].format"), "unknown_form");
            }
            None
        }
    }
}

/// Tools under a common name; elsewhere it is part of theirs.
fn namespace<'a>(node: Node<'a>, index: usize, request: &mut Request<'a>, report: &mut Report) {
    let said = |name: &str| node.get_text(name).map(|text| text.unescape()).unwrap_or_default();
    let (space, about) = (said("name"), said("description"));
    for (number, tool) in node.get("tools").into_iter().flat_map(Node::items).enumerate() {
        let kind = tool.get_text("type").unwrap_or_else(|| Text::new("function"));
        match &*kind.name() {
            b"function" => {
                let name = tool.get_text("name").unwrap_or_else(|| Text::new(""));
                request.namespaces.push((Text::new(space.clone()), name));
                request.tools.push(function(tool, Some((&space, &about))));
            }
            b"custom" => request.tools.push(custom(tool, Some(&about), index, report)),
            _ => report.lose(format!("tools[{index}].tools[{number}]"), "server_tool"),
        }
    }
}

/// The name of a tool in a namespace, where there are none.
pub(super) fn qualified<'a>(namespace: &str, name: &Text<'_>) -> Text<'a> {
    Text::new([namespace, "__", &name.unescape()].concat())
}

/// The functions of a request that have a namespace, for the way back.
pub(crate) fn namespaces(request: &Request<'_>) -> Vec<Namespaced> {
    let known = |(namespace, name): &(Text<'_>, Text<'_>)| {
        let namespace = namespace.unescape().into_owned();
        let qualified = qualified(&namespace, name).unescape().into_owned();
        Namespaced { qualified, namespace, name: name.unescape().into_owned() }
    };
    request.namespaces.iter().map(known).collect()
}

fn described<'a>(about: &str, description: Option<&Text<'a>>) -> Option<Text<'a>> {
    match description.filter(|text| !text.is_empty()) {
        Some(text) if about.is_empty() => Some(text.clone()),
        Some(text) => Some(Text::new([about, "\n\n", &text.unescape()].concat())),
        None => Some(Text::new(about.to_owned())),
    }
}

/// Reads `tool_choice`, once the tools are known.
pub(super) fn choose<'a>(
    value: Node<'a>,
    request: &mut Request<'a>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let word = value.text().or_else(|| value.get_text("type"));
    let Some(word) = word else {
        return Err(Refusal::invalid("tool_choice", "tool_choice must be a word or have a type"));
    };
    request.tool_choice = Some(match &*word.name() {
        b"auto" => ToolChoice::Auto,
        b"none" => ToolChoice::None,
        // `tool` and `any` are what some clients say for it.
        b"required" | b"tool" | b"any" => ToolChoice::Required,
        b"function" | b"custom" => named(value).map_or(ToolChoice::Required, ToolChoice::Named),
        b"allowed_tools" => allowed(value, request, report),
        _ => {
            let why = format!("tool_choice '{}' has no counterpart at this provider", word.unescape());
            return Err(Refusal::unsupported("tool_choice", why));
        }
    });
    Ok(())
}

fn named(value: Node<'_>) -> Option<Text<'_>> {
    let inner = value.some("function").or_else(|| value.some("custom")).unwrap_or(value);
    inner.get_text("name").filter(|name| !name.is_empty())
}

/// Only some of the tools may be called: only those are offered.
fn allowed<'a>(value: Node<'a>, request: &mut Request<'a>, report: &mut Report) -> ToolChoice<'a> {
    let inner = value.some("allowed_tools").unwrap_or(value);
    let list: Vec<Node<'a>> = inner.get("tools").into_iter().flat_map(Node::items).collect();
    let before = request.tools.len();
    request.tools.retain(|tool| match tool {
        Tool::Function { name, .. } | Tool::Custom { name, .. } => list
            .iter()
            .any(|allowed| self::named(*allowed).is_some_and(|allowed| allowed.is(&name.unescape()))),
        Tool::Native { node, .. } => {
            let kind = node.get_text("type").map(|kind| kind.unescape()).unwrap_or_default();
            list.iter().any(|allowed| allowed.get_text("type").is_some_and(|allowed| allowed.is(&kind)))
        }
    });
    if request.tools.len() < before {
        report.rewrite("tools", "allowed_tools");
    }
    match inner.get_text("mode") {
        Some(mode) if mode.is("required") => ToolChoice::Required,
        _ => ToolChoice::Auto,
    }
}
