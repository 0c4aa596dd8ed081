//! Whole answers, from the provider's head to the client's last byte, as a gateway hands them over: in one piece.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use interlingua::{Attempt, Bytes, Dialect, Target};
use serde_json::{Value, json};

use crate::inputs::{self, prose};
use crate::{LOCAL, NO_PLACE, attempt, ratio, skip, target};

/// Text with code in it, as coding models answer: indentation, quotes and line breaks.
fn text_with_code(length: usize) -> String {
    let mut text = String::with_capacity(length + 1024);
    let mut part = 0;
    while text.len() < length {
        text.push_str(&prose(800 + part, 600));
        text.push_str("\n\n```python\n");
        for line in 0..12 {
            let _ = writeln!(
                text,
                "    if rows[\"item_{line}\"].value > limits.get('depth', {part}):\n        \
                 return {{\"status\": \"retry\", \"reason\": f\"row {{rows.index}} of {part}\"}}"
            );
        }
        text.push_str("```\n\n");
        part += 1;
    }
    text
}

/// What the model said (its text and its calls' arguments), in two sizes.
fn said(size: &str) -> (String, Vec<Value>) {
    match size {
        "1k" => (prose(20, 500), vec![json!({"query": prose(21, 60)})]),
        _ => (
            text_with_code(50_000),
            (0..6)
                .map(|call| json!({"path": format!("src/part_{call}.py"), "edit": text_with_code(1_000), "line": call}))
                .collect(),
        ),
    }
}

fn chat_answer(size: &str) -> Vec<u8> {
    let (text, calls) = said(size);
    let calls: Vec<Value> = (0..)
        .zip(&calls)
        .map(|(number, arguments)| {
            json!({"id": format!("call_{number:024}"), "type": "function",
                "function": {"name": "edit_file", "arguments": arguments.to_string()}})
        })
        .collect();
    let answer = json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_700_000_000, "model": "bench-model",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "logprobs": null, "message": {
            "role": "assistant", "content": text, "refusal": null, "tool_calls": calls}}],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 410, "total_tokens": 1610,
            "prompt_tokens_details": {"cached_tokens": 1024}},
        "service_tier": "default", "system_fingerprint": "fp_bench"
    });
    answer.to_string().into_bytes()
}

fn messages_answer(size: &str) -> Vec<u8> {
    let (text, calls) = said(size);
    let mut content = vec![json!({"type": "text", "text": text})];
    content.extend((0..).zip(calls).map(|(number, input)| {
        json!({"type": "tool_use", "id": format!("toolu_{number:024}"), "name": "edit_file", "input": input})
    }));
    let answer = json!({
        "id": "msg_bench", "type": "message", "role": "assistant", "model": "bench-model", "content": content,
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 176, "cache_read_input_tokens": 1024, "cache_creation_input_tokens": 0,
            "output_tokens": 410, "service_tier": "standard"}
    });
    answer.to_string().into_bytes()
}

fn responses_answer(size: &str) -> Vec<u8> {
    let (text, calls) = said(size);
    let mut output =
        vec![json!({"type": "message", "id": "msg_bench", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]})];
    output.extend((0..).zip(&calls).map(|(number, arguments)| {
        json!({"type": "function_call", "id": format!("fc_{number:024}"), "call_id": format!("call_{number:024}"),
            "name": "edit_file", "arguments": arguments.to_string(), "status": "completed"})
    }));
    let answer = json!({
        "id": "resp_bench", "object": "response", "created_at": 1_700_000_000, "status": "completed", "error": null,
        "incomplete_details": null, "instructions": null, "max_output_tokens": 512, "model": "bench-model",
        "output": output, "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null}, "store": true, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
        "usage": {"input_tokens": 1200, "input_tokens_details": {"cached_tokens": 1024}, "output_tokens": 410,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1610},
        "user": null, "metadata": {}
    });
    answer.to_string().into_bytes()
}

struct Pair {
    name: &'static str,
    client: Dialect,
    request: Bytes,
    target: Arc<Target>,
    answer: fn(&str) -> Vec<u8>,
}

const SIZES: [&str; 2] = ["1k", "60k"];

fn pairs() -> [Pair; 9] {
    let (chat, messages) = (Bytes::from(inputs::chat_small()), Bytes::from(inputs::messages_small()));
    let anthropic = target("anthropic", "claude-sonnet-4-5", NO_PLACE);
    let openai = target("openai", "gpt-4o", NO_PLACE);
    let vllm = target("hosted_vllm", "qwen3-32b", LOCAL);
    let groq = target("groq", "llama-3.3-70b", NO_PLACE);
    let by_responses = target("openai", "responses/gpt-4.1", NO_PLACE);
    let responses = Bytes::from(inputs::responses_small());
    let plain = |body: &Bytes| Bytes::from(inputs::without_stop(body));
    let pair = |name, client, request: &Bytes, target: &Arc<Target>, answer| Pair {
        name,
        client,
        request: request.clone(),
        target: Arc::clone(target),
        answer,
    };
    let (to_chat, to_messages) = (Dialect::OpenAiChat, Dialect::AnthropicMessages);
    let to_responses = Dialect::OpenAiResponses;
    [
        pair("answer_anthropic_to_chat", to_chat, &chat, &anthropic, messages_answer),
        pair("answer_openai_to_chat", to_chat, &chat, &openai, chat_answer),
        pair("answer_vllm_to_messages", to_messages, &messages, &vllm, chat_answer),
        pair("answer_anthropic_to_messages", to_messages, &messages, &anthropic, messages_answer),
        pair("answer_responses_to_responses", to_responses, &responses, &by_responses, responses_answer),
        pair("answer_anthropic_to_responses", to_responses, &responses, &anthropic, messages_answer),
        pair("answer_groq_to_responses", to_responses, &responses, &groq, chat_answer),
        pair("answer_responses_to_chat", to_chat, &plain(&chat), &by_responses, responses_answer),
        pair("answer_responses_to_messages", to_messages, &plain(&messages), &by_responses, responses_answer),
    ]
}

impl Pair {
    /// An attempt that waits for its answer.
    fn sent(&self) -> Attempt {
        let mut attempt = attempt(self.client, &self.request, &self.target);
        attempt.step();
        attempt
    }
}

/// The headers that providers send with every answer.
fn headers() -> Vec<(String, String)> {
    let headers = [
        ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
        ("content-type", "application/json"),
        ("content-length", "1024"),
        ("connection", "keep-alive"),
        ("x-request-id", "req_0123456789abcdef"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-tokens", "1999000"),
        ("server", "cloudflare"),
    ];
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Feeds the answer; the bytes for the client are new each time, as in a host.
fn answer(attempt: &mut Attempt, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    attempt.head(200, headers);
    attempt.body(black_box(body), &mut out);
    attempt.end(&mut out);
    let head = attempt.client_head().unwrap();
    assert!(!out.is_empty());
    black_box(head.headers().map(|(name, value)| name.len() + value.len()).sum::<usize>());
    out
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let headers = headers();
    for pair in pairs() {
        let mut group = criterion.benchmark_group(pair.name);
        for size in SIZES {
            let body = (pair.answer)(size);
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(BenchmarkId::new("skip", size), |bencher| {
                bencher.iter(|| skip(black_box(&body)));
            });
            group.bench_function(BenchmarkId::new("translate", size), |bencher| {
                bencher.iter_batched(
                    || pair.sent(),
                    |mut attempt| (answer(&mut attempt, &headers, &body), attempt),
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

/// Both sides in turns, by `name/size`.
pub(crate) fn in_turns(found: &mut Vec<(String, ratio::Fastest)>) {
    let headers = headers();
    for pair in pairs() {
        for size in SIZES {
            let body = (pair.answer)(size);
            let fastest = ratio::fastest_with(
                || pair.sent(),
                |attempt| answer(attempt, &headers, &body).len(),
                || skip(black_box(&body)),
            );
            found.push((format!("{}/{size}", pair.name), fastest));
        }
    }
}
