//! Streams and ids of clients of `openai_responses`.

use serde_json::{Map, Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "responses_events_named",
        why: "Every event of the responses API has its type as its name, by which browsers and SDKs tell events apart; LiteLLM sends none.",
        evidence: Evidence::ProviderDocs,
        apply: named,
    },
    Rule {
        code: "responses_stream_has_no_done",
        why: "A stream of the responses API ends with `response.completed`, `response.incomplete`, `response.failed` or `error`; `[DONE]` is of the chat API.",
        evidence: Evidence::ProviderDocs,
        apply: no_done,
    },
    Rule {
        code: "responses_events_without_model",
        why: "The model stands in the response that an event holds; the types of the events have no place for LiteLLM's `model`.",
        evidence: Evidence::ProviderTypes,
        apply: no_model,
    },
    Rule {
        code: "responses_events_as_given",
        why: "A responses client of a responses provider gets the provider's events; LiteLLM parses them into its own types, drops what it does not know, and rewrites errors.",
        evidence: Evidence::RecordedBytes,
        apply: as_given,
    },
    Rule {
        code: "container_id_as_given",
        why: "The id of the provider's container is the client's to use there; LiteLLM hides it in one of its own.",
        evidence: Evidence::RecordedBytes,
        apply: container,
    },
    Rule {
        code: "previous_response_leads_back",
        why: "The id of the response before leads back to its deployment, as the response's own id does: a client may go on from either.",
        evidence: Evidence::RecordedBytes,
        apply: previous,
    },
    Rule {
        code: "responses_failure_is_whole",
        why: "The response that `response.failed` holds is the one that the stream began with, failed; LiteLLM leaves out required members.",
        evidence: Evidence::ProviderTypes,
        apply: whole_failure,
    },
];

/// The events that a responses client receives.
fn events<'o>(context: &Context<'_>, oracle: &'o mut Value) -> Option<&'o mut Vec<Value>> {
    let client = context.layer == Layer::Answer && context.case.question.route == Route::OpenAiResponses;
    oracle.pointer_mut("/stream/events").filter(|_| client)?.as_array_mut()
}

fn same_dialect(context: &Context<'_>) -> bool {
    context.upstream() == context.case.question.route
}

/// The provider's stream, if it speaks the client's dialect.
fn given<'v>(context: &Context<'v>) -> Option<&'v Vec<Value>> {
    context.provider.filter(|_| same_dialect(context))?.pointer("/stream/events")?.as_array()
}

fn named(context: &Context<'_>, oracle: &mut Value) -> usize {
    let answer = context.case.answer.as_ref();
    let unnamed = answer.is_some_and(|answer| !String::from_utf8_lossy(&answer.body).contains("event:"));
    if same_dialect(context) && unnamed {
        return 0;
    }
    let events = events(context, oracle).into_iter().flatten().filter_map(Value::as_object_mut);
    events.filter_map(|event| event.shift_remove("event").filter(Value::is_null)).count()
}

fn no_done(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(events) = events(context, oracle) else { return 0 };
    let before = events.len();
    events.retain(|event| event != "[DONE]");
    before - events.len()
}

fn no_model(context: &Context<'_>, oracle: &mut Value) -> usize {
    let events = events(context, oracle).into_iter().flatten().filter_map(Value::as_object_mut);
    events.filter_map(|event| event.shift_remove("model")).count()
}

fn as_given(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(given) = given(context) else { return 0 };
    let Some(events) = events(context, oracle) else { return 0 };
    let mut changed = 0;
    for (event, given) in events.iter_mut().zip(given) {
        if event["type"] == given["type"] {
            changed += assimilate(event, given);
        } else if event["type"] == "response.failed" && given["type"] == "error" {
            changed += leaves(given);
            event.clone_from(given);
        }
    }
    changed
}

/// Makes `place` what the provider gave, but for what both sides edit: the id and model of a response.
fn assimilate(place: &mut Value, given: &Value) -> usize {
    match (place, given) {
        (Value::Object(members), Value::Object(given)) => {
            let response = given.get("object").is_some_and(|object| object == "response");
            let edited = |key: &str| response && matches!(key, "id" | "model" | "previous_response_id");
            let mut changed = added(members, given);
            for (key, value) in given.iter().filter(|(key, _)| !edited(key)) {
                match members.get_mut(key) {
                    Some(place) => changed += assimilate(place, value),
                    None => {
                        changed += leaves(value);
                        members.insert(key.clone(), value.clone());
                    }
                }
            }
            changed
        }
        (Value::Array(items), Value::Array(given)) if items.len() == given.len() => {
            items.iter_mut().zip(given).map(|(place, value)| assimilate(place, value)).sum()
        }
        (place, given) if place == given => 0,
        (place, given) => {
            place.clone_from(given);
            leaves(given)
        }
    }
}

/// Takes out what the provider did not say.
fn added(members: &mut Map<String, Value>, given: &Map<String, Value>) -> usize {
    let mut changed = 0;
    members.retain(|key, value| {
        // A frame that has no name, as the provider's has none.
        let kept = given.contains_key(key) || (key == "event" && value.is_null());
        changed += if kept { 0 } else { leaves(value) };
        kept
    });
    changed
}

fn whole_failure(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some((last, before)) = events(context, oracle).and_then(|events| events.split_last_mut()) else {
        return 0;
    };
    let so_far = before.iter().rev().find_map(|event| event.get("response")?.as_object());
    let failed = Some(last).filter(|event| event["type"] == "response.failed");
    let response = failed.and_then(|event| event.get_mut("response")?.as_object_mut());
    let (Some(so_far), Some(response)) = (so_far, response) else { return 0 };
    let mut changed = 0;
    for (key, value) in so_far.iter().filter(|(key, _)| !matches!(key.as_str(), "status" | "error")) {
        if !response.contains_key(key) {
            changed += leaves(value);
            response.insert(key.clone(), value.clone());
        }
    }
    changed
}

fn previous(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.layer != Layer::Answer || context.case.question.route != Route::OpenAiResponses {
        return 0;
    }
    let provider = &context.case.question.provider;
    let mut changed = 0;
    let mut lead_back = |response: Option<&mut Value>| {
        let Some(id) = response.and_then(|response| response.get_mut("previous_response_id")) else { return };
        if id.is_string() {
            *id = json!({"provider": provider, "id": id});
            changed += 1;
        }
    };
    lead_back(oracle.get_mut("body"));
    for event in oracle.pointer_mut("/stream/events").and_then(Value::as_array_mut).into_iter().flatten() {
        lead_back(event.get_mut("response"));
    }
    changed
}

fn container(context: &Context<'_>, oracle: &mut Value) -> usize {
    let given = context
        .provider
        .filter(|_| same_dialect(context))
        .and_then(|provider| provider["body"]["output"].as_array());
    let output = oracle.pointer_mut("/body/output").and_then(Value::as_array_mut);
    let mut changed = 0;
    for (item, given) in output.into_iter().flatten().zip(given.into_iter().flatten()) {
        let id = &given["container_id"];
        if let Some(place) = item.get_mut("container_id").filter(|place| id.is_string() && *place != id) {
            place.clone_from(id);
            changed += 1;
        }
    }
    changed
}
