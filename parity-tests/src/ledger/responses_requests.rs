//! Requests of responses clients to other hosts, and requests to providers of the responses API.

use serde_json::{Value, json};

use super::request_tools::dummy_tool;
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
        code: "stream_false_not_needed",
        why: "Not to stream is the default of every host: nothing is said of it in a translation, also where the client says it.",
        evidence: Evidence::ProviderDocs,
        apply: stream_false,
    },
    Rule {
        code: "nulls_not_sent",
        why: "What a client leaves at null it does not ask for; LiteLLM leaves out most of these and sends some.",
        evidence: Evidence::ProviderDocs,
        apply: nulls,
    },
    Rule {
        code: "stream_asked_for",
        why: "A stream that the client asks for is asked of the host; LiteLLM asks hosts whose models it does not know for a whole answer and cuts that up.",
        evidence: Evidence::RecordedBytes,
        apply: stream_asked_for,
    },
    Rule {
        code: "dummy_tool_for_calls",
        why: "Anthropic takes calls in a conversation only if there are tools: the same placeholder that chat clients get stands for them, which LiteLLM forgets for responses clients.",
        evidence: Evidence::ProviderDocs,
        apply: placeholder_tool,
    },
    Rule {
        code: "search_location_kept",
        why: "Where the user is stands in the client's search tool and is Anthropic's to use; LiteLLM looks for it in the form of the chat API and drops it.",
        evidence: Evidence::RecordedBytes,
        apply: search_location,
    },
    Rule {
        code: "turn_items_in_order",
        why: "Text, reasoning and calls of an assistant's turn keep the order in which the model made them; LiteLLM puts calls before the text.",
        evidence: Evidence::RecordedBytes,
        apply: turn_order,
    },
    Rule {
        code: "result_parts_kept",
        why: "The output of a call may have parts, images among them; LiteLLM joins its texts with line breaks of its own and moves images into a message of the user.",
        evidence: Evidence::RecordedBytes,
        apply: result_parts,
    },
    Rule {
        code: "text_documents_said",
        why: "A document that is plain text is sent as text, for OpenAI takes no such file; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: text_documents,
    },
    Rule {
        code: "search_filters_kept",
        why: "OpenAI's search takes domains and a location; LiteLLM asks for its older tool, which takes no domains, and drops both.",
        evidence: Evidence::RecordedBytes,
        apply: search_filters,
    },
    Rule {
        code: "schema_description_kept",
        why: "What a schema is for stands in its description, which the responses API takes as the chat API does; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: schema_description,
    },
    Rule {
        code: "logprobs_included",
        why: "The responses API gives log probabilities only to those who include them; LiteLLM drops that they were asked for.",
        evidence: Evidence::ProviderDocs,
        apply: logprobs,
    },
];

fn to_responses<'o>(
    context: &Context<'_>,
    client: Route,
    oracle: &'o mut Value,
) -> Option<&'o mut serde_json::Map<String, Value>> {
    let this = context.case.question.route == client && context.upstream() == Route::OpenAiResponses;
    body(context, oracle).filter(|_| this)
}

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

fn turn_order(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(sent) = to_responses(context, Route::AnthropicMessages, oracle) else { return 0 };
    let Some(input) = sent.get_mut("input").and_then(Value::as_array_mut) else { return 0 };
    let messages = context.case.question.body["messages"].as_array();
    let turns: Vec<_> =
        messages.into_iter().flatten().filter(|message| message["role"] == "assistant").collect();
    let mut changed = 0;
    let mut turns = turns.iter().map(|turn| &turn["content"]);
    let made = |item: &Value| {
        item["role"] == "assistant" || item["type"] == "function_call" || item["type"] == "reasoning"
    };
    let mut at = 0;
    while let Some(start) = input[at..].iter().position(made).map(|found| at + found) {
        let end =
            input[start..].iter().position(|item| !made(item)).map_or(input.len(), |found| start + found);
        let blocks = turns.next().and_then(Value::as_array);
        let place = |item: &Value| {
            let same = |block: &Value| match item["type"].as_str() {
                Some("function_call") => block["type"] == "tool_use" && block["id"] == item["call_id"],
                Some("reasoning") => block["type"] == "thinking",
                _ => block["type"] == "text",
            };
            blocks.and_then(|blocks| blocks.iter().position(same)).unwrap_or(usize::MAX)
        };
        if !input[start..end].is_sorted_by_key(place) {
            input[start..end].sort_by_key(place);
            changed += end - start;
        }
        at = end;
    }
    changed
}

fn result_parts(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(sent) = to_responses(context, Route::AnthropicMessages, oracle) else { return 0 };
    let Some(input) = sent.get_mut("input").and_then(Value::as_array_mut) else { return 0 };
    let moved = |item: &Value| {
        let text = item["content"][0]["text"].as_str();
        text.is_some_and(|text| text.starts_with("[The following images are tool output"))
    };
    let before = input.len();
    input.retain(|item| !moved(item));
    let mut changed = before - input.len();
    let messages = context.case.question.body["messages"].as_array();
    for block in messages.into_iter().flatten().filter_map(|message| message["content"].as_array()).flatten()
    {
        let parts = block["content"].as_array().filter(|_| block["type"] == "tool_result");
        let Some(parts) = parts.filter(|parts| parts.len() > 1) else { continue };
        let right: Vec<_> = parts.iter().map(result_part).collect();
        let output = |item: &&mut Value| {
            item["type"] == "function_call_output" && item["call_id"] == block["tool_use_id"]
        };
        for item in input.iter_mut().filter(output) {
            item["output"] = json!(right);
            changed += 1;
        }
    }
    changed
}

fn result_part(part: &Value) -> Value {
    let source = &part["source"];
    match part["type"].as_str() {
        Some("image") => {
            let word = |key: &str| source[key].as_str().unwrap_or_default();
            let data = || format!("data:{};base64,{}", word("media_type"), word("data"));
            let url = source["url"].as_str().map_or_else(data, str::to_owned);
            json!({"type": "input_image", "image_url": url, "detail": "auto"})
        }
        _ => json!({"type": "input_text", "text": part["text"]}),
    }
}

fn text_documents(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(sent) = to_responses(context, Route::AnthropicMessages, oracle) else { return 0 };
    let Some(input) = sent.get_mut("input").and_then(Value::as_array_mut) else { return 0 };
    let mut said = input.iter_mut().filter(|item| item["role"] == "user");
    let mut changed = 0;
    for message in context.case.question.body["messages"].as_array().into_iter().flatten() {
        let blocks = message["content"].as_array().filter(|_| message["role"] == "user");
        let Some(parts) = said.next().and_then(|item| item["content"].as_array_mut()) else { continue };
        for (at, block) in blocks.into_iter().flatten().enumerate() {
            let text = &block["source"]["data"];
            if block["type"] == "document" && block["source"]["type"] == "text" && at <= parts.len() {
                parts.insert(at, json!({"type": "input_text", "text": text}));
                changed += 2;
            }
        }
    }
    changed
}

fn search_filters(context: &Context<'_>, oracle: &mut Value) -> usize {
    let asked = context.case.question.body["tools"].as_array();
    let search = asked.into_iter().flatten().find(|tool| {
        tool["type"].as_str().is_some_and(|kind| kind.starts_with("web_search_"))
            && (tool["allowed_domains"].is_array() || tool["user_location"].is_object())
    });
    let Some(search) = search else { return 0 };
    let Some(sent) = to_responses(context, Route::AnthropicMessages, oracle) else { return 0 };
    let mut changed = 0;
    for tool in sent.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        if tool["type"] != "web_search_preview" {
            continue;
        }
        tool["type"] = json!("web_search");
        if search["allowed_domains"].is_array() {
            tool["filters"] = json!({"allowed_domains": search["allowed_domains"]});
        }
        if search["user_location"].is_object() {
            tool["user_location"] = search["user_location"].clone();
        }
        changed += 3;
    }
    changed
}

fn schema_description(context: &Context<'_>, oracle: &mut Value) -> usize {
    let given = &context.case.question.body["response_format"]["json_schema"]["description"];
    let Some(sent) = to_responses(context, Route::OpenAiChat, oracle).filter(|_| given.is_string()) else {
        return 0;
    };
    match sent.get_mut("text").and_then(|text| text.get_mut("format")) {
        Some(format) if format.get("description").is_none() => {
            format["description"] = given.clone();
            1
        }
        _ => 0,
    }
}

fn logprobs(context: &Context<'_>, oracle: &mut Value) -> usize {
    let asked = context.case.question.body["logprobs"] == Value::Bool(true);
    let Some(sent) = to_responses(context, Route::OpenAiChat, oracle).filter(|_| asked) else { return 0 };
    let include = sent.entry("include").or_insert_with(|| json!([]));
    match include.as_array_mut() {
        Some(names) if names.iter().all(|name| name != "message.output_text.logprobs") => {
            names.push(json!("message.output_text.logprobs"));
            1
        }
        _ => 0,
    }
}

fn stream_false(context: &Context<'_>, oracle: &mut Value) -> usize {
    let of_responses = [context.case.question.route, context.upstream()].contains(&Route::OpenAiResponses);
    let translated = of_responses && context.case.question.route != context.upstream();
    match body(context, oracle).filter(|body| translated && body.get("stream") == Some(&Value::Bool(false))) {
        Some(body) => body.shift_remove("stream").map_or(0, |_| 1),
        None => 0,
    }
}

fn nulls(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.case.question.route != Route::OpenAiResponses {
        return 0;
    }
    let Some(sent) = body(context, oracle) else { return 0 };
    let mut changed = 0;
    let mut clear = |members: &mut serde_json::Map<String, Value>, key: &str| {
        if members.get(key).is_some_and(Value::is_null) {
            members.shift_remove(key);
            changed += 1;
        }
    };
    clear(sent, "previous_response_id");
    if let Some(Value::Object(search)) = sent.get_mut("web_search_options") {
        clear(search, "user_location");
        clear(search, "search_context_size");
    }
    changed
}

fn stream_asked_for(context: &Context<'_>, oracle: &mut Value) -> usize {
    let streams = context.streams();
    let Some(sent) = to_responses(context, Route::OpenAiResponses, oracle).filter(|_| streams) else {
        return 0;
    };
    if sent.contains_key("stream") {
        return 0;
    }
    sent.insert("stream".to_owned(), json!(true));
    1
}

fn placeholder_tool(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(sent) = body(context, oracle).filter(|_| from_responses(context, Route::AnthropicMessages))
    else {
        return 0;
    };
    let messages = sent.get("messages").and_then(Value::as_array).into_iter().flatten();
    let mut blocks = messages.filter_map(|message| message["content"].as_array()).flatten();
    let calls = blocks.any(|block| block["type"] == "tool_use" || block["type"] == "tool_result");
    if !calls || sent.contains_key("tools") {
        return 0;
    }
    sent.insert("tools".to_owned(), dummy_tool());
    4
}
