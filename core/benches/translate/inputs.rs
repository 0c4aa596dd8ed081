//! Deterministic inputs: the same bytes in every run, on every machine, in every language of the benchmark.

use serde_json::{Value, json};

const WORDS: [&str; 24] = [
    "the",
    "deployment",
    "returns",
    "\"quoted\"",
    "value",
    "when",
    "index",
    "exceeds",
    "naïve",
    "limit",
    "then",
    "retry\n",
    "with",
    "a",
    "smaller",
    "batch",
    "and",
    "report",
    "42.5%",
    "of",
    "items",
    "C:\\path",
    "—",
    "done.",
];

/// About `length` bytes of text with what real text holds: quotes, line breaks, backslashes, a few non-ASCII letters.
pub(crate) fn prose(seed: usize, length: usize) -> String {
    let mut text = String::with_capacity(length + 16);
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(state >> 33) % WORDS.len()]);
        text.push(' ');
    }
    text
}

fn schema(seed: usize, size: usize) -> Value {
    json!({
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": prose(seed, size)},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
            "filters": {"type": "array", "items": {"type": "object", "properties": {
                "field": {"type": "string", "enum": ["name", "date", "size"]},
                "value": {"type": ["string", "number"], "description": prose(seed + 1, size / 2)}}}},
            "verbose": {"type": "boolean"}
        },
        "required": ["query"],
        "additionalProperties": false
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// A chat request of about 1 KB: two turns and one tool.
pub(crate) fn chat_small() -> Vec<u8> {
    bytes(&json!({
        "model": "bench-model",
        "messages": [
            {"role": "system", "content": prose(1, 180)},
            {"role": "user", "content": prose(2, 120)},
            {"role": "assistant", "content": prose(3, 120)},
            {"role": "user", "content": [{"type": "text", "text": prose(4, 100)}]}
        ],
        "tools": [{"type": "function", "function": {"name": "search", "description": prose(5, 60),
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}}}],
        "temperature": 0.3, "max_tokens": 512, "stop": ["\n\nUser:"]
    }))
}

/// A chat request of about 60 KB: an agent's loop of 40 messages with 15 tools.
pub(crate) fn chat_large() -> Vec<u8> {
    let mut messages = vec![json!({"role": "system", "content": prose(10, 3000)})];
    for round in 0..13 {
        let id = format!("call_{round:024}");
        messages.push(json!({"role": "user", "content": prose(100 + round, 600)}));
        messages.push(json!({"role": "assistant", "content": prose(200 + round, 500), "tool_calls": [
            {"id": id, "type": "function", "function": {"name": format!("tool_{}", round % 15),
                "arguments": bytes_text(&json!({"query": prose(300 + round, 120), "limit": round}))}}]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": prose(400 + round, 1250)}));
    }
    let tools: Vec<Value> = (0..15)
        .map(|index| {
            json!({"type": "function", "function": {"name": format!("tool_{index}"),
                "description": prose(500 + index, 450), "parameters": schema(600 + index, 220)}})
        })
        .collect();
    bytes(&json!({"model": "bench-model", "messages": messages, "tools": tools, "tool_choice": "auto",
        "temperature": 0.2, "max_tokens": 4096, "stream": true, "stream_options": {"include_usage": true}}))
}

/// A messages request of about 1 KB.
pub(crate) fn messages_small() -> Vec<u8> {
    bytes(&json!({
        "model": "bench-model", "max_tokens": 512, "system": prose(1, 180),
        "messages": [
            {"role": "user", "content": prose(2, 120)},
            {"role": "assistant", "content": prose(3, 120)},
            {"role": "user", "content": [{"type": "text", "text": prose(4, 100)}]}
        ],
        "tools": [{"name": "search", "description": prose(5, 60),
            "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}}],
        "temperature": 0.3, "stop_sequences": ["\n\nUser:"]
    }))
}

/// A messages request of about 60 KB: the same loop in the other dialect.
pub(crate) fn messages_large() -> Vec<u8> {
    let mut messages = Vec::new();
    for round in 0..13 {
        let id = format!("toolu_{round:024}");
        messages.push(json!({"role": "user", "content": prose(100 + round, 600)}));
        messages.push(json!({"role": "assistant", "content": [
            {"type": "text", "text": prose(200 + round, 500)},
            {"type": "tool_use", "id": id, "name": format!("tool_{}", round % 15),
                "input": {"query": prose(300 + round, 120), "limit": round}}]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": prose(400 + round, 1250)}]}));
        messages.push(
            json!({"role": "assistant", "content": [{"type": "text", "text": prose(700 + round, 40)}]}),
        );
    }
    messages.truncate(40);
    let tools: Vec<Value> = (0..15)
        .map(|index| {
            json!({"name": format!("tool_{index}"), "description": prose(500 + index, 450),
                "input_schema": schema(600 + index, 220)})
        })
        .collect();
    bytes(
        &json!({"model": "bench-model", "max_tokens": 4096, "system": [{"type": "text", "text": prose(10, 3000),
        "cache_control": {"type": "ephemeral"}}], "messages": messages, "tools": tools, "tool_choice": {"type": "auto"},
        "temperature": 0.2}),
    )
}

/// The same request without stop sequences, which `openai_responses` does not have.
pub(crate) fn without_stop(body: &[u8]) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| name != "stop" && name != "stop_sequences");
    }
    bytes(&body)
}

/// A responses request of about 1 KB.
pub(crate) fn responses_small() -> Vec<u8> {
    bytes(&json!({
        "model": "bench-model", "instructions": prose(1, 180),
        "input": [
            {"role": "user", "content": prose(2, 120)},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": prose(3, 120), "annotations": []}]},
            {"role": "user", "content": [{"type": "input_text", "text": prose(4, 100)}]}
        ],
        "tools": [{"type": "function", "name": "search", "description": prose(5, 60), "strict": false,
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}}],
        "temperature": 0.3, "max_output_tokens": 512
    }))
}

/// A responses request of about 60 KB: the same loop in the third dialect.
pub(crate) fn responses_large() -> Vec<u8> {
    let mut input = Vec::new();
    for round in 0..13 {
        let id = format!("call_{round:024}");
        input.push(
            json!({"role": "user", "content": [{"type": "input_text", "text": prose(100 + round, 600)}]}),
        );
        input.push(json!({"type": "message", "role": "assistant", "id": format!("msg_{round}"), "status": "completed",
            "content": [{"type": "output_text", "text": prose(200 + round, 500), "annotations": []}]}));
        input.push(
            json!({"type": "function_call", "id": format!("fc_{round}"), "call_id": id, "status": "completed",
            "name": format!("tool_{}", round % 15),
            "arguments": bytes_text(&json!({"query": prose(300 + round, 120), "limit": round}))}),
        );
        input
            .push(json!({"type": "function_call_output", "call_id": id, "output": prose(400 + round, 1250)}));
    }
    let tools: Vec<Value> = (0..15)
        .map(|index| {
            json!({"type": "function", "name": format!("tool_{index}"), "description": prose(500 + index, 450),
                "strict": false, "parameters": schema(600 + index, 220)})
        })
        .collect();
    bytes(&json!({"model": "bench-model", "instructions": prose(10, 3000), "input": input, "tools": tools,
        "tool_choice": "auto", "temperature": 0.2, "max_output_tokens": 4096, "store": false, "stream": true}))
}

/// A responses request of about 10 MB: a question about an inline picture.
pub(crate) fn responses_picture() -> Vec<u8> {
    let url = format!("data:image/png;base64,{}", picture());
    bytes(&json!({"model": "bench-model", "max_output_tokens": 512, "input": [{"role": "user", "content": [
        {"type": "input_text", "text": prose(1, 180)}, {"type": "input_image", "image_url": url}]}]}))
}

/// Base64 of a picture of 7.5 MB.
fn picture() -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..10 << 20).map(|at: usize| char::from(alphabet[at.wrapping_mul(2_654_435_761) >> 7 & 63])).collect()
}

/// A chat request of about 10 MB: a question about an inline picture.
pub(crate) fn chat_picture() -> Vec<u8> {
    let url = format!("data:image/png;base64,{}", picture());
    bytes(&json!({"model": "bench-model", "max_tokens": 512, "messages": [{"role": "user", "content": [
        {"type": "text", "text": prose(1, 180)}, {"type": "image_url", "image_url": {"url": url}}]}]}))
}

/// The same as a messages request.
pub(crate) fn messages_picture() -> Vec<u8> {
    let source = json!({"type": "base64", "media_type": "image/png", "data": picture()});
    bytes(&json!({"model": "bench-model", "max_tokens": 512, "messages": [{"role": "user", "content": [
        {"type": "text", "text": prose(1, 180)}, {"type": "image", "source": source}]}]}))
}

/// A chat answer of about 2 KB with a tool call.
pub(crate) fn chat_answer() -> Vec<u8> {
    bytes(&json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_700_000_000, "model": "bench-model",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": prose(20, 1500),
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "search",
                "arguments": bytes_text(&json!({"query": prose(21, 80)}))}}]}}],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 410, "total_tokens": 1610,
            "prompt_tokens_details": {"cached_tokens": 1024}}
    }))
}

/// A messages answer of about 2 KB with a tool call.
pub(crate) fn messages_answer() -> Vec<u8> {
    bytes(&json!({
        "id": "msg_bench", "type": "message", "role": "assistant", "model": "bench-model",
        "content": [{"type": "text", "text": prose(20, 1500)},
            {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"query": prose(21, 80)}}],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 176, "cache_read_input_tokens": 1024, "cache_creation_input_tokens": 0, "output_tokens": 410}
    }))
}

/// A responses answer of about 2 KB with a tool call.
pub(crate) fn responses_answer() -> Vec<u8> {
    bytes(&json!({
        "id": "resp_bench", "object": "response", "created_at": 1_700_000_000, "status": "completed", "error": null,
        "incomplete_details": null, "instructions": null, "max_output_tokens": 512, "model": "bench-model",
        "output": [
            {"type": "message", "id": "msg_bench", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": prose(20, 1500), "annotations": [], "logprobs": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "search",
                "arguments": bytes_text(&json!({"query": prose(21, 80)})), "status": "completed"}],
        "parallel_tool_calls": true, "previous_response_id": null, "reasoning": {"effort": null, "summary": null},
        "store": true, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "truncation": "disabled",
        "usage": {"input_tokens": 1200, "input_tokens_details": {"cached_tokens": 1024}, "output_tokens": 410,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1610},
        "user": null, "metadata": {}
    }))
}

fn bytes_text(value: &Value) -> String {
    value.to_string()
}
