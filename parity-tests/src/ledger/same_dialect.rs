//! Answers whose client and provider share a dialect: the provider's answer reaches the client as it is, edits aside,
//! where LiteLLM parses it into its own types and writes those.

use serde_json::{Map, Value};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::{leaves, same};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "own_fields_not_added",
        why: "`provider_specific_fields` is LiteLLM's own: what it holds stands where the provider put it.",
        evidence: Evidence::ProviderTypes,
        apply: own_fields,
    },
    Rule {
        code: "nulls_not_added",
        why: "Fields that the provider did not send are not made up as `null`.",
        evidence: Evidence::ProviderTypes,
        apply: nulls,
    },
    Rule {
        code: "lost_fields_restored",
        why: "What the provider answered reaches the client; LiteLLM keeps only what its own types know.",
        evidence: Evidence::RecordedBytes,
        apply: lost,
    },
    Rule {
        code: "lost_events_restored",
        why: "Every event that the provider sent reaches the client: LiteLLM swallows refusals, further choices' ends and the names of events.",
        evidence: Evidence::RecordedBytes,
        apply: lost_events,
    },
    Rule {
        code: "values_as_given",
        why: "The provider's id and service tier are not replaced by LiteLLM's own.",
        evidence: Evidence::RecordedBytes,
        apply: as_given,
    },
];

fn applies(context: &Context<'_>) -> bool {
    context.layer == Layer::Answer && context.upstream() == context.case.question.route
}

/// The provider's JSON answer, where it is a success.
fn body<'v>(context: &Context<'v>) -> Option<&'v Value> {
    let provider = context.provider.filter(|_| applies(context))?;
    provider["status"].as_u64().filter(|status| *status < 400)?;
    provider
        .get("body")
        .filter(|body| body.get("$text").is_none() && body.get("error").is_none_or(Value::is_null))
}

/// The provider's stream in canonical form.
fn stream<'v>(context: &Context<'v>) -> Option<&'v Value> {
    context.provider.filter(|_| applies(context))?.get("stream")
}

const OWN: &str = "provider_specific_fields";

/// The tool as which LiteLLM and we send a schema to models that follow none otherwise.
const JSON_TOOL: &str = "json_tool_call";

fn own_fields(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    if let (Some(given), Some(place)) = (body(context), oracle.get_mut("body")) {
        changed += remove(place, Some(given), &|key, _| key == OWN);
    }
    if let (Some(given), Some(place)) = (stream(context), oracle.get_mut("stream")) {
        let own = |key: &str, _: &Value| key == OWN || key.ends_with("/provider_specific_fields");
        changed += remove(place, Some(given), &own);
    }
    changed
}

fn nulls(context: &Context<'_>, oracle: &mut Value) -> usize {
    match (body(context), oracle.get_mut("body")) {
        (Some(given), Some(place)) => remove(place, Some(given), &|_, value| value.is_null()),
        _ => 0,
    }
}

/// Removes members that `matches` and that are not in `given`; returns how many leaves went.
pub(super) fn remove(
    place: &mut Value,
    given: Option<&Value>,
    matches: &impl Fn(&str, &Value) -> bool,
) -> usize {
    let mut changed = 0;
    match place {
        Value::Object(members) => {
            members.retain(|key, value| {
                let kept = given.is_some_and(|given| given.get(key).is_some()) || !matches(key, value);
                changed += if kept { 0 } else { leaves(value) };
                kept
            });
            for (key, value) in members.iter_mut() {
                changed += remove(value, given.and_then(|given| given.get(key)), matches);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                changed += remove(item, given.and_then(|given| given.get(index)), matches);
            }
        }
        _ => {}
    }
    changed
}

fn lost(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    if let (Some(given), Some(place)) = (body(context), oracle.get_mut("body")) {
        changed += restore(place, given);
    }
    if context.case.question.route != Route::OpenAiChat {
        return changed;
    }
    if let (Some(given), Some(place)) = (stream(context), oracle.get_mut("stream")) {
        changed += reasoning_beside(&mut place["beside"], given);
        changed += gathered(&mut place["chunk"], &given["chunk"]);
        changed += gathered(&mut place["beside"], &given["beside"]);
        if let Some(given) = usage_event(given) {
            for event in place.get_mut("events").and_then(Value::as_array_mut).into_iter().flatten() {
                if event.get("usage").is_some() {
                    changed += restore(event, given);
                }
            }
        }
    }
    changed
}

/// `reasoning` is told to clients as `reasoning_content` and, as the provider said it, under its own name.
fn reasoning_beside(place: &mut Value, given: &Value) -> usize {
    let Some(place) = place.as_object_mut() else { return 0 };
    let mut changed = 0;
    for event in given["events"].as_array().into_iter().flatten() {
        if let Some(text) = event["reasoning"].as_str() {
            let key = format!("{}/reasoning", event["choice"]);
            match place.get_mut(&key) {
                // LiteLLM tells some hosts' reasoning under both names.
                Some(Value::String(known)) if changed > 0 => known.push_str(text),
                Some(_) => continue,
                None => drop(place.insert(key, Value::String(text.to_owned()))),
            }
            changed += 1;
        }
    }
    changed
}

/// What was gathered over all chunks: LiteLLM swallows chunks, and with them what only they held.
fn gathered(place: &mut Value, given: &Value) -> usize {
    let (Value::Object(place), Value::Object(given)) = (place, given) else { return 0 };
    let mut changed = 0;
    // The name of an error's frame goes with the error, which is rendered anew.
    let own = |key: &str, value: &Value| key == "model" || (key == "event" && value[0] == "error");
    for (key, value) in given.iter().filter(|(key, value)| !own(key, value)) {
        let lost = match place.get(key) {
            None => true,
            Some(Value::Array(known)) => {
                let less = value.as_array().is_some_and(|all| all.len() > known.len());
                less && known.iter().all(|one| value.as_array().is_some_and(|all| all.contains(one)))
            }
            Some(_) => false,
        };
        if lost {
            changed += leaves(value);
            place.insert(key.clone(), value.clone());
        }
    }
    changed
}

/// Events that the provider sent and LiteLLM swallowed: the oracle's are the provider's with some missing.
fn lost_events(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.case.question.route != Route::OpenAiChat {
        return 0;
    }
    let given = stream(context).and_then(|given| given["events"].as_array());
    let (Some(given), Some(Value::Array(place))) = (given, oracle.pointer_mut("/stream/events")) else {
        return 0;
    };
    let mut changed = 0;
    let says_role = given.iter().any(|event| event.get("role").is_some());
    if !says_role && place.first().is_some_and(|event| event.get("role").is_some()) {
        place.remove(0);
        changed += 1;
    }
    let is_end =
        |event: &Value| ["usage", "error"].iter().any(|key| event.get(key).is_some()) || event == "[DONE]";
    let said: Vec<Value> =
        given.iter().filter(|event| event.is_object() && !is_end(event)).map(renamed).collect();
    let end = place.iter().position(is_end).unwrap_or(place.len());
    let mut rest = said.iter();
    let within = place[..end].iter().all(|event| rest.any(|other| same(other, event)));
    if within && said.len() > end {
        changed += said.len() - end;
        place.splice(..end, said);
    }
    changed + usage_told(context, given, place)
}

/// A client that asks for usage gets what the provider told, also of a stream that broke off.
fn usage_told(context: &Context<'_>, given: &[Value], place: &mut Vec<Value>) -> usize {
    let asked = context.case.question.body["stream_options"]["include_usage"] == Value::Bool(true);
    let Some(usage) = given.iter().rev().find(|event| event.get("usage").is_some()).filter(|_| asked) else {
        return 0;
    };
    if place.iter().any(|event| event.get("usage").is_some()) {
        return 0;
    }
    let end = place
        .iter()
        .position(|event| event.get("error").is_some() || event == "[DONE]")
        .unwrap_or(place.len());
    place.insert(end, usage.clone());
    leaves(usage)
}

/// The one rename that LiteLLM and we share: `reasoning` is `reasoning_content` to clients.
fn renamed(event: &Value) -> Value {
    let mut event = event.clone();
    if let Some(members) = event.as_object_mut().filter(|members| members.contains_key("choice"))
        && let Some(text) = members.shift_remove("reasoning")
    {
        members.insert("reasoning_content".to_owned(), text);
    }
    event
}

/// Puts what stands in `given` and not in `place` into `place`; returns how many leaves came.
fn restore(place: &mut Value, given: &Value) -> usize {
    match (place, given) {
        (Value::Object(members), Value::Object(given)) => {
            let mut changed = 0;
            for (key, value) in given {
                // LiteLLM and we unwrap the forced call that carries a JSON answer.
                if key == "tool_calls"
                    && members.contains_key("content")
                    && value[0]["function"]["name"] == JSON_TOOL
                {
                    continue;
                }
                match members.get_mut(key) {
                    Some(place) => changed += restore(place, value),
                    None => {
                        changed += leaves(value);
                        members.insert(key.clone(), value.clone());
                    }
                }
            }
            changed
        }
        (Value::Array(items), Value::Array(given)) => {
            items.iter_mut().zip(given).map(|(place, value)| restore(place, value)).sum()
        }
        _ => 0,
    }
}

fn as_given(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    if let (Some(Value::Object(given)), Some(Value::Object(place))) = (body(context), oracle.get_mut("body"))
    {
        changed += take(place, given, &["id", "service_tier", "object"]);
        let told = given.get("service_tier").is_some_and(|tier| !tier.is_null() && tier != "");
        if place.contains_key("service_tier") && !told && place["service_tier"] != Value::Null {
            // No tier has an empty name, and none is made up.
            changed += place.shift_remove("service_tier").map_or(0, |_| 1);
        }
    }
    if let (Some(given), Some(place)) = (stream(context), oracle.pointer_mut("/stream/chunk"))
        && let (Value::Object(place), Some(Value::Object(given))) = (place, given.get("chunk"))
    {
        changed += take(place, given, &["id", "service_tier", "object"]);
    }
    changed
}

/// Takes the values of `keys` from `given`, where both have one.
fn take(place: &mut Map<String, Value>, given: &Map<String, Value>, keys: &[&str]) -> usize {
    let mut changed = 0;
    for key in keys {
        if let (Some(place), Some(given)) = (place.get_mut(*key), given.get(*key))
            && place != given
            && !given.is_null()
            // The id of a response holds the provider's.
            && !place.is_object()
        {
            *place = given.clone();
            changed += 1;
        }
    }
    changed
}

fn usage_event(stream: &Value) -> Option<&Value> {
    stream["events"].as_array()?.iter().rev().find(|event| event.get("usage").is_some())
}
