//! Tools, the choice among them, and MCP servers.

use super::betas::Betas;
use super::fields::Fields;
use super::format::{self, Plan};
use crate::dialect::{Dialect, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::{Request, Tool, ToolChoice};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy::{custom_tools, schema};

/// Tools that the provider runs, by the beginning of their type. They are sent as they are.
const HOSTED: &[&str] = &[
    "web_search",
    "bash",
    "text_editor",
    "code_execution",
    "web_fetch",
    "memory",
    "tool_search_tool",
    "computer_",
];

/// Fields of a function that the API knows beside the usual ones.
const FIELDS: &[&str] = &["defer_loading", "allowed_callers", "input_examples", "eager_input_streaming"];

/// Writes `tools` and `mcp_servers`.
pub(super) fn write(
    request: &Request<'_>,
    plan: &Plan<'_>,
    fields: &Fields<'_>,
    uploads: bool,
    betas: &mut Betas,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let json_tool = match plan {
        Plan::Tool { schema, .. } => Some(*schema),
        Plan::Free | Plan::Native(_) => None,
    };
    let uploads = uploads && !request.tools.iter().any(runs_code);
    let mut servers = Vec::new();
    if json_tool.is_some() || !request.tools.is_empty() || fields.web_search.is_some() || uploads {
        w.key("tools").begin_array();
        if let Some(schema) = json_tool {
            format::write_tool(schema, w);
        }
        for (index, tool) in request.tools.iter().enumerate() {
            let complete = request.source == Dialect::OpenAiResponses;
            write_tool(tool, (index, complete), &mut servers, betas, w, report)?;
        }
        if let Some(search) = &fields.web_search {
            w.raw(search);
        }
        if uploads {
            // Uploaded files are only seen by code.
            w.begin_object()
                .key("type")
                .word("code_execution_20250522")
                .key("name")
                .word("code_execution")
                .end_object();
        }
        w.end_array();
    }
    if !servers.is_empty() || !fields.mcp_servers.is_empty() {
        betas.add("mcp-client-2025-04-04");
        w.key("mcp_servers").begin_array();
        fields.mcp_servers.iter().for_each(|server| {
            w.node(*server);
        });
        servers.iter().for_each(|server| {
            w.raw(server);
        });
        w.end_array();
    }
    Ok(())
}

fn runs_code(tool: &Tool<'_>) -> bool {
    matches!(tool, Tool::Native { node, .. }
        if node.get_text("type").is_some_and(|kind| kind.name().starts_with(b"code_execution")))
}

/// Writes a tool; `complete`: with a description, as LiteLLM writes those of `openai_responses`.
fn write_tool(
    tool: &Tool<'_>,
    (index, complete): (usize, bool),
    servers: &mut Vec<Vec<u8>>,
    betas: &mut Betas,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    match tool {
        Tool::Function { name, description, parameters, strict, cache, extra } => {
            w.begin_object().key("name").text(name).key("input_schema");
            schema::write_tool_schema(
                *parameters,
                || format!("tools[{index}].function.parameters"),
                w,
                report,
            )?;
            w.key("type").word("custom");
            if let Some(description) = description.clone().or(complete.then(|| Text::new(""))) {
                w.key("description").text(&description);
            }
            if let Some(cache) = cache.filter(|cache| !cache.is_null()) {
                w.key("cache_control").node(cache);
            }
            write_extra(extra, index, betas, w, report);
            if strict.is_some() {
                report.lose(format!("tools[{index}].function.strict"), "strict_tool");
            }
            w.end_object();
            Ok(())
        }
        Tool::Custom { name, description, grammar, extra } => {
            w.begin_object().key("name").text(name).key("input_schema");
            custom_tools::write_schema(name, w);
            w.key("type").word("custom");
            let description = custom_tools::description(description.as_ref(), grammar.as_ref());
            w.key("description").text(&description.unwrap_or_else(|| Text::new("")));
            write_extra(extra, index, betas, w, report);
            w.end_object();
            Ok(())
        }
        Tool::Native { dialect: Dialect::AnthropicMessages, node } => {
            betas.of_tool(*node);
            w.node(*node);
            Ok(())
        }
        Tool::Native { dialect, node } => write_native((*dialect, *node), index, servers, betas, w, report),
    }
}

fn write_extra(
    extra: &[(Text<'_>, Node<'_>)],
    index: usize,
    betas: &mut Betas,
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    for (at, (key, value)) in extra.iter().enumerate() {
        let known = FIELDS.iter().find(|field| key.is(field));
        // The tool's own field stands before its function's.
        let first = !extra[..at].iter().any(|(earlier, _)| earlier == key);
        match known {
            Some(field) if first && !value.is_null() => {
                betas.of_tool_field(field.as_bytes(), *value);
                w.key(field).node(*value);
            }
            Some(_) => {}
            None => report.lose(format!("tools[{index}].{}", key.unescape()), "tool_field"),
        }
    }
}

/// A tool in the API's own form, or an MCP server in OpenAI's.
fn write_native(
    (dialect, node): (Dialect, Node<'_>),
    index: usize,
    servers: &mut Vec<Vec<u8>>,
    betas: &mut Betas,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let kind = node.get("type").and_then(Node::str).unwrap_or_default();
    if let Some(function) = node.some("function").filter(|_| kind.starts_with("computer_")) {
        betas.of_tool(node);
        return write_computer(node, function, index, w);
    }
    let own = node.get("input_schema").is_some()
        || HOSTED.iter().any(|hosted| kind.starts_with(hosted))
        || kind == "advisor_20260301";
    if own && dialect != Dialect::OpenAiResponses {
        betas.of_tool(node);
        w.node(node);
        return Ok(());
    }
    match &*kind {
        "tool_search" if !node.get_text("execution").is_some_and(|execution| execution.is("client")) => {
            betas.add("advanced-tool-use-2025-11-20");
            w.begin_object().key("type").word("tool_search_tool_regex_20251119");
            w.key("name").word("tool_search_tool_regex").end_object();
        }
        "url" => servers.push(node.raw().to_vec()),
        "mcp" => servers.push(mcp_server(node, index, report)?),
        _ => {
            let path = format!("tools[{index}].type");
            return Err(Refusal::unsupported(
                path.clone(),
                format!("{path}: anthropic has no tools of this type"),
            ));
        }
    }
    Ok(())
}

/// A computer as LiteLLM's clients describe it: the display is among a function's parameters.
fn write_computer(
    node: Node<'_>,
    function: Node<'_>,
    index: usize,
    w: &mut Writer<'_>,
) -> Result<(), Refusal> {
    let parameter = |name: &str| function.some("parameters").and_then(|parameters| parameters.some(name));
    let (Some(width), Some(height)) = (parameter("display_width_px"), parameter("display_height_px")) else {
        let path = format!("tools[{index}].function.parameters");
        return Err(Refusal::invalid(
            path.clone(),
            format!("{path}: needs display_width_px and display_height_px"),
        ));
    };
    w.begin_object();
    if let Some(kind) = node.get("type") {
        w.key("type").node(kind);
    }
    w.key("name").text(&function.get_text("name").unwrap_or(Text::new("computer")));
    w.key("display_width_px").node(width).key("display_height_px").node(height);
    if let Some(number) = parameter("display_number") {
        w.key("display_number").node(number);
    }
    if let Some(cache) = node.some("cache_control") {
        w.key("cache_control").node(cache);
    }
    w.end_object();
    Ok(())
}

fn mcp_server(node: Node<'_>, index: usize, report: &mut Report) -> Result<Vec<u8>, Refusal> {
    if let Some(approval) = node.some("require_approval") {
        let path = format!("tools[{index}].require_approval");
        if !approval.is_text("never") {
            return Err(Refusal::unsupported(
                path.clone(),
                format!("{path}: anthropic never asks for approval"),
            ));
        }
        report.lose(path, "tool_field");
    }
    let (Some(url), Some(name)) = (node.get_text("server_url"), node.get_text("server_label")) else {
        let path = format!("tools[{index}]");
        return Err(Refusal::invalid(path.clone(), format!("{path}: needs server_url and server_label")));
    };
    let mut json = Vec::new();
    let mut w = Writer::new(&mut json);
    w.begin_object().key("type").word("url").key("url").text(&url).key("name").text(&name);
    if let Some(allowed) = node.some("allowed_tools") {
        w.key("tool_configuration").begin_object().key("allowed_tools").node(allowed).end_object();
    }
    let token = node.some("headers").and_then(|headers| headers.some("Authorization")).and_then(Node::str);
    if let Some(token) = token {
        w.key("authorization_token").str(&token.replace("Bearer ", ""));
    }
    w.end_object();
    Ok(json)
}

/// Writes `tool_choice`.
pub(super) fn write_choice(
    request: &Request<'_>,
    plan: &Plan<'_>,
    context: RequestContext<'_>,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let given = request.tool_choice.as_ref().and_then(|choice| kind_of(choice, report));
    let json_tool = Text::new(format::JSON_TOOL);
    let forced = matches!(plan, Plan::Tool { forced: true, .. });
    let (mut kind, mut name) = match given {
        Some(kind) => (kind, named(request)),
        None if request.parallel_tools.is_some() => ("auto", None),
        None if forced => ("tool", Some(&json_tool)),
        None => return Ok(()),
    };
    if given.is_some() && matches!(kind, "any" | "tool") && !context.capabilities().forced_tool_use {
        if !context.target.drop_params {
            let message =
                format!("{} does not support forced tool use. Use tool_choice 'auto'", context.target.model);
            return Err(Refusal::unsupported("tool_choice", message));
        }
        report.lose("tool_choice", "forced_tool_use");
        (kind, name) = ("auto", None);
    }
    w.key("tool_choice").begin_object().key("type").str(kind);
    if let Some(name) = name {
        w.key("name").text(name);
    }
    if let Some(parallel) = request.parallel_tools.filter(|_| kind != "none") {
        w.key("disable_parallel_tool_use").bool(!parallel);
    }
    w.end_object();
    Ok(())
}

fn named<'r, 'a>(request: &'r Request<'a>) -> Option<&'r Text<'a>> {
    match &request.tool_choice {
        Some(ToolChoice::Named(name)) => Some(name),
        _ => None,
    }
}

fn kind_of(choice: &ToolChoice<'_>, report: &mut Report) -> Option<&'static str> {
    let kind = match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::Required => "any",
        ToolChoice::None => "none",
        ToolChoice::Named(_) => "tool",
        ToolChoice::Native { node, .. } => {
            match &*node.get_text("type").as_ref().map(Text::name).unwrap_or_default() {
                b"auto" => "auto",
                b"required" | b"any" => "any",
                b"none" => "none",
                _ => {
                    report.lose("tool_choice", "unknown_form");
                    return None;
                }
            }
        }
    };
    Some(kind)
}
