//! Requests of responses clients to other hosts, and requests to providers of the responses API.

use serde_json::{Value, json};

use super::requests::body;
use super::{Context, Evidence, Rule};
use crate::case::Route;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "calls_without_index",
        why: "A call of a message that goes back has an id, a type and a function; its place in the list is its number, and hosts that check reject LiteLLM's `index`.",
        evidence: Evidence::ProviderTypes,
        apply: calls_without_index,
    },
    Rule {
        code: "search_location_kept",
        why: "Where the user is stands in the client's search tool and is Anthropic's to use; LiteLLM looks for it in the form of the chat API and drops it.",
        evidence: Evidence::RecordedBytes,
        apply: search_location,
    },
];

fn from_responses(context: &Context<'_>, upstream: Route) -> bool {
    context.case.question.route == Route::OpenAiResponses && context.upstream() == upstream
}

fn calls_without_index(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(sent) = body(context, oracle).filter(|_| from_responses(context, Route::OpenAiChat)) else {
        return 0;
    };
    let messages = sent.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten();
    let calls = messages.filter_map(|message| message.get_mut("tool_calls")?.as_array_mut()).flatten();
    calls.filter_map(|call| call.as_object_mut()?.shift_remove("index")).count()
}

fn search_location(context: &Context<'_>, oracle: &mut Value) -> usize {
    let is_search = |tool: &&Value| tool["type"].as_str().is_some_and(|kind| kind.starts_with("web_search"));
    let asked = context.case.question.body["tools"].as_array();
    let location = asked.into_iter().flatten().find(is_search).map(|tool| &tool["user_location"]);
    let Some(location) = location.filter(|given| given.is_object()) else { return 0 };
    let Some(sent) = body(context, oracle).filter(|_| from_responses(context, Route::AnthropicMessages))
    else {
        return 0;
    };
    let mut changed = 0;
    for tool in sent.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        if is_search(&&*tool) && tool.get("user_location").is_none() {
            tool["user_location"] = json!(location);
            changed += 1;
        }
    }
    changed
}
