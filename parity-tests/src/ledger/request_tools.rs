//! Tools in requests to the provider.

use serde_json::{Value, json};

use super::requests::{body, same_dialect};
use super::{Context, Evidence, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "uploads_get_code_execution",
        why: "Anthropic shows a container upload to code execution only and wants its tool and beta; LiteLLM forgets the tool where there is no other, and the beta.",
        evidence: Evidence::ProviderDocs,
        apply: uploads,
    },
    Rule {
        code: "no_tools_are_no_tools",
        why: "An empty list of tools is the same as none: it is not sent, and where the conversation called tools, Anthropic gets the same stand-in as without the list.",
        evidence: Evidence::ProviderDocs,
        apply: empty_tools,
    },
    Rule {
        code: "dummy_tool_only_for_calls",
        why: "A placeholder tool is for histories with tool calls; LiteLLM adds it for an empty `tool_calls` as well.",
        evidence: Evidence::ProviderDocs,
        apply: needless_dummy_tool,
    },
    Rule {
        code: "tool_flags_not_in_schema",
        why: "Anthropic's `defer_loading` is a flag of the tool; LiteLLM writes it into the schema of the tool's arguments.",
        evidence: Evidence::ProviderDocs,
        apply: tool_flags,
    },
    Rule {
        code: "json_tool_is_forced",
        why: "An answer by a schema that is asked for as a tool comes only if the tool is forced, whatever choice stood there.",
        evidence: Evidence::ProviderDocs,
        apply: json_tool_forced,
    },
];

fn uploads(context: &Context<'_>, oracle: &mut Value) -> usize {
    if same_dialect(context) || context.upstream() != Route::AnthropicMessages {
        return 0;
    }
    let Some(sent) = body(context, oracle) else { return 0 };
    let contents = sent.get("messages").and_then(Value::as_array).into_iter().flatten();
    let mut blocks = contents.filter_map(|message| message["content"].as_array()).flatten();
    if !blocks.any(|block| block["type"] == "container_upload") {
        return 0;
    }
    let mut changed = 0;
    let tools = sent.entry("tools").or_insert_with(|| json!([]));
    let runs_code =
        |tool: &Value| tool["type"].as_str().is_some_and(|kind| kind.starts_with("code_execution"));
    if let Some(tools) = tools.as_array_mut().filter(|tools| !tools.iter().any(runs_code)) {
        tools.push(json!({"type": "code_execution_20250522", "name": "code_execution"}));
        changed += 2;
    }
    let headers = oracle.get_mut("headers").and_then(Value::as_object_mut);
    let betas = headers.map(|headers| headers.entry("anthropic-beta").or_insert_with(|| json!([])));
    if let Some(betas) =
        betas.and_then(Value::as_array_mut).filter(|betas| !betas.contains(&json!(CODE_BETA)))
    {
        betas.push(json!(CODE_BETA));
        betas.sort_by_key(Value::to_string);
        changed += 1;
    }
    changed
}

fn empty_tools(context: &Context<'_>, oracle: &mut Value) -> usize {
    let none = context.case.question.body.get("tools") == Some(&json!([]));
    if !none || same_dialect(context) || context.upstream() == Route::OpenAiChat {
        return 0;
    }
    let Some(sent) = body(context, oracle).filter(|sent| sent.get("tools") == Some(&json!([]))) else {
        return 0;
    };
    let contents = sent.get("messages").and_then(Value::as_array).into_iter().flatten();
    let mut blocks = contents.filter_map(|message| message["content"].as_array()).flatten();
    if blocks.any(|block| block["type"] == "tool_use") {
        sent.insert("tools".to_owned(), dummy_tool());
    } else {
        sent.shift_remove("tools");
    }
    1
}

fn needless_dummy_tool(context: &Context<'_>, oracle: &mut Value) -> usize {
    let question = &context.case.question.body;
    let called = |message: &Value| {
        let calls = message["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
        calls
            || message["function_call"].is_object()
            || matches!(message["role"].as_str(), Some("tool" | "function"))
    };
    let asked = question["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    if asked || same_dialect(context) || question["messages"].as_array().into_iter().flatten().any(called) {
        return 0;
    }
    let dummy = |body: &&mut serde_json::Map<String, Value>| {
        let tools = body.get("tools").and_then(Value::as_array);
        tools.is_some_and(|tools| tools.len() == 1 && tools[0]["name"] == "dummy_tool")
    };
    body(context, oracle)
        .filter(dummy)
        .and_then(|body| body.shift_remove("tools"))
        .map_or(0, |tools| leaves(&tools))
}

fn tool_flags(context: &Context<'_>, oracle: &mut Value) -> usize {
    let question = &context.case.question;
    if question.route != Route::AnthropicMessages || same_dialect(context) {
        return 0;
    }
    let asked = question.body["tools"].as_array();
    let sent = body(context, oracle).and_then(|body| body.get_mut("tools")?.as_array_mut());
    let mut changed = 0;
    for tool in sent.into_iter().flatten() {
        let name = tool["function"]["name"].clone();
        let original = asked.into_iter().flatten().find(|tool| tool["name"] == name);
        let schema = tool.pointer_mut("/function/parameters").and_then(Value::as_object_mut);
        let (Some(original), Some(schema)) = (original, schema) else { continue };
        if original.get("defer_loading").is_some() && original["input_schema"].get("defer_loading").is_none()
        {
            changed += usize::from(schema.shift_remove("defer_loading").is_some());
        }
    }
    changed
}

fn json_tool_forced(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(body) = body(context, oracle) else { return 0 };
    let named = body.get("tools").is_some_and(|tools| tools[0]["function"]["name"] == "json_tool_call");
    let only = body.get("tools").and_then(Value::as_array).is_some_and(|tools| tools.len() == 1);
    let forced = json!({"type": "function", "function": {"name": "json_tool_call"}});
    if !named || !only || body.get("tool_choice") == Some(&forced) {
        return 0;
    }
    body.insert("tool_choice".to_owned(), forced);
    1
}

const CODE_BETA: &str = "code-execution-2025-05-22";

/// What LiteLLM sends where a conversation called tools and the request has none.
pub(super) fn dummy_tool() -> Value {
    json!([{
        "name": "dummy_tool",
        "input_schema": {"type": "object", "properties": {}},
        "type": "custom",
        "description": "This is a dummy tool call",
    }])
}
