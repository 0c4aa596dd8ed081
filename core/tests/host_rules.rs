//! Messages and tools that are translated for a host follow its rules, as those of its own dialect do by its edit list.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::sync::Arc;

use interlingua::{AttemptOptions, Bytes, Dialect, Refusal, Target, translate_request};
use serde_json::{Value, json};

fn sent(
    provider: &str,
    model: &str,
    drop_params: bool,
    body: &Value,
) -> Result<(Value, Vec<String>), Refusal> {
    let mut target = Target::new(provider, model, Some("http://localhost:8000/v1")).unwrap();
    target.drop_params = drop_params;
    let body = Bytes::from(body.to_string());
    let options = AttemptOptions::default();
    let (http, losses) = translate_request(Dialect::AnthropicMessages, body, &Arc::new(target), options)?;
    let losses = losses.into_iter().map(|loss| format!("{} {}", loss.path, loss.code)).collect();
    Ok((serde_json::from_slice(&http.body_bytes()).unwrap(), losses))
}

fn asking(content: &Value) -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}]})
}

#[test]
fn texts_are_joined_where_the_host_wants_strings() {
    let texts = json!([{"type": "text", "text": "a\n"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]);
    let (body, losses) = sent("mistral", "m", false, &asking(&texts)).unwrap();
    assert_eq!(body["messages"][0]["content"], json!("a\nb"));
    assert_eq!(losses, ["messages[0].content[1].cache_control cache_control"]);
    let (body, _) = sent("groq", "m", false, &asking(&texts)).unwrap();
    assert_eq!(body["messages"][0]["content"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_picture_anywhere_keeps_the_lists_of_hosts_that_mind() {
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}});
    let text = json!({"type": "text", "text": "a"});
    let mut body = asking(&json!([text]));
    body["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": [image]}));
    let (mistral, _) = sent("mistral", "m", false, &body).unwrap();
    assert_eq!(mistral["messages"][0]["content"], json!([text]));
}

#[test]
fn files_are_refused_where_the_host_takes_none() {
    let file = json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}});
    let body = asking(&json!([{"type": "text", "text": "a"}, file]));
    let Err(Refusal::Unsupported(fault)) = sent("fireworks_ai", "m", false, &body) else { panic!("sent") };
    assert!(fault.message.starts_with("messages[0].content[1]: fireworks_ai"), "{}", fault.message);
    assert!(sent("groq", "m", false, &body).is_ok());
}

#[test]
fn the_mark_of_a_result_moves_to_its_text() {
    let mark = json!({"type": "ephemeral"});
    let result = json!([{"type": "tool_result", "tool_use_id": "t", "content": "42", "cache_control": mark}]);
    let (body, _) = sent("openrouter", "anthropic/claude-sonnet-4", false, &asking(&result)).unwrap();
    let text = json!([{"type": "text", "text": "42", "cache_control": mark}]);
    assert_eq!(body["messages"][0], json!({"role": "tool", "tool_call_id": "t", "content": text}));
    let (body, losses) = sent("groq", "m", false, &asking(&result)).unwrap();
    assert_eq!(body["messages"][0]["content"], json!("42"));
    assert_eq!(losses, ["messages[0].content[0].cache_control cache_control"]);
}

#[test]
fn tools_lose_what_the_host_does_not_take() {
    let inner =
        json!({"type": "object", "additionalProperties": {"type": "string"}, "additionalProperty": 1});
    let schema =
        json!({"additionalProperties": false, "type": "object", "properties": {"a": inner}, "x": [inner]});
    let mut body = asking(&json!("hi"));
    body["tools"] = json!([{"name": "f", "input_schema": schema, "strict": true}]);
    let (vllm, _) = sent("hosted_vllm", "m", false, &body).unwrap();
    let inner = json!({"type": "object", "additionalProperty": 1});
    let cut = json!({"type": "object", "properties": {"a": inner}, "x": [inner]});
    assert_eq!(vllm["tools"][0]["function"], json!({"name": "f", "parameters": cut}));
    let (groq, _) = sent("groq", "m", false, &body).unwrap();
    assert_eq!(groq["tools"][0]["function"], json!({"name": "f", "parameters": schema, "strict": true}));
    assert!(matches!(sent("perplexity", "sonar", false, &body), Err(Refusal::Unsupported(_))));
    let (perplexity, losses) = sent("perplexity", "sonar", true, &body).unwrap();
    assert!(perplexity.get("tools").is_none());
    assert_eq!(losses, ["tools unsupported_parameter"]);
}
