//! What the proxy does to an answer that the SDK does not, where a live exchange is compared: docs/parity.md has the list.

use serde_json::Value;

use crate::case::Question;
use crate::normalise::proxy_asks_for_usage;
use crate::value::{matches, pointer, transform};

/// Where ids of responses stand in a normalised answer.
const RESPONSE_IDS: [&str; 4] = [
    "/body/id",
    "/body/previous_response_id",
    "/stream/events/*/response/id",
    "/stream/events/*/response/previous_response_id",
];
/// A made-up id, as normalisation leaves it.
const MADE_UP: &str = "<made up> resp_";

/// Takes out of both sides of a live exchange's answer what the proxy alone decides.
pub(crate) fn answer(question: &Question, ours: &mut Value, oracle: &mut Value) {
    if question.live.is_none() {
        return;
    }
    if proxy_asks_for_usage(question) {
        without_usage(ours);
        without_usage(oracle);
    }
    sealed_ids(ours, oracle);
}

/// The provider told its usage because the proxy asked for it; the client did not, and we would not have.
fn without_usage(seen: &mut Value) {
    if let Some(events) = seen.pointer_mut("/stream/events").and_then(Value::as_array_mut) {
        events.retain(|event| {
            let members = event.as_object();
            members.is_none_or(|members| members.len() != 1 || !members.contains_key("usage"))
        });
    }
}

/// The proxy encrypts the ids of responses, each time differently: only that there is one can be compared.
fn sealed_ids(ours: &Value, oracle: &mut Value) {
    transform(oracle, &mut |path, node| {
        if *node == MADE_UP && RESPONSE_IDS.iter().any(|pattern| matches(path, pattern)) {
            let readable = ours.pointer(&pointer(path, false)).filter(|id| id.get("provider").is_some());
            *node = readable.unwrap_or(node).clone();
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_ids_that_the_proxy_has_sealed_are_taken_for_equal() {
        let ours = json!({"provider": "openai", "id": "resp_1"});
        let id = |theirs: Value| {
            let (left, mut right) = (json!({"body": {"id": ours}}), json!({"body": {"id": theirs}}));
            sealed_ids(&left, &mut right);
            left == right
        };
        assert!(id(json!(MADE_UP)));
        assert!(
            !id(json!("resp_1")) && !id(json!({"provider": "openai", "id": "resp_2"})) && !id(json!(null))
        );
        let (left, mut right) = (json!({"body": {}}), json!({"body": {"id": MADE_UP}}));
        sealed_ids(&left, &mut right);
        assert_ne!(left, right);
    }

    #[test]
    fn of_a_stream_only_the_event_of_usage_goes() {
        let mut seen =
            json!({"stream": {"events": [{"content": "x"}, {"usage": {"total_tokens": 1}}, "[DONE]"]}});
        without_usage(&mut seen);
        assert_eq!(seen, json!({"stream": {"events": [{"content": "x"}, "[DONE]"]}}));
    }
}
