//! Named translations for the instruction budget: `instructions NAME COUNT` does one that many times and ends. Run under
//! callgrind with two counts, the difference is what a translation costs, without start-up and without noise
//! (`make bench-budget`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark stops where its inputs are wrong"
)]

use std::hint::black_box;
use std::sync::Arc;

use interlingua::{Attempt, AttemptOptions, Bytes, ClientHead, Dialect, Limits, Request, Step, Target};

#[path = "translate/inputs.rs"]
#[allow(dead_code, reason = "shared with the timed benchmark")]
mod inputs;

const NAMES: [&str; 21] = [
    "chat_to_anthropic/1k",
    "chat_to_anthropic/60k",
    "chat_to_openai/1k",
    "chat_to_openai/60k",
    "chat_to_responses/1k",
    "messages_to_anthropic/1k",
    "messages_to_anthropic/60k",
    "messages_to_hosted_vllm/1k",
    "messages_to_hosted_vllm/60k",
    "messages_to_responses/1k",
    "responses_to_anthropic/60k",
    "responses_to_groq/60k",
    "exchange_anthropic_to_chat/1k",
    "exchange_hosted_vllm_to_messages/1k",
    "exchange_groq_to_responses/1k",
    "exchange_responses_to_chat/1k",
    "exchange_responses_to_messages/1k",
    "delta_anthropic_to_chat/delta",
    "delta_vllm_to_messages/delta",
    "delta_anthropic_to_responses/delta",
    "delta_responses_to_chat/delta",
];

const ANTHROPIC_OPENING: &[u8] = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":8,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
const ANTHROPIC_DELTA: &[u8] = b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" deployment\"}}\n\n";
const CHAT_OPENING: &[u8] = b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"The\"},\"finish_reason\":null}]}\n\n";
const CHAT_DELTA: &[u8] = b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" deployment\"},\"finish_reason\":null}]}\n\n";

const RESPONSES_OPENING: &[u8] = b"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1700000000,\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"in_progress\",\"content\":[]}}\n\nevent: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":2,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}\n\n";
const RESPONSES_DELTA: &[u8] = b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\" deployment\",\"logprobs\":[]}\n\n";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match arguments.as_slice() {
        [name, count] => run(name, count.parse().unwrap()),
        _ => list(),
    }
}

#[allow(clippy::print_stdout, reason = "a program's answer")]
fn list() {
    println!("{}", NAMES.join("\n"));
}

fn target(provider: &str) -> Arc<Target> {
    let (model, place) = match provider {
        "anthropic" => ("claude-sonnet-4-5", None),
        "hosted_vllm" => ("qwen3-32b", Some("http://localhost:8000/v1")),
        "groq" => ("llama-3.3-70b-versatile", None),
        "responses" => return Arc::new(Target::new("openai", "responses/gpt-4.1", None).unwrap()),
        _ => ("gpt-4o", None),
    };
    Arc::new(Target::new(provider, model, place).unwrap())
}

fn attempt(dialect: Dialect, body: &Bytes, target: &Arc<Target>) -> Attempt {
    let request = Request::read(dialect, &ClientHead::default(), body.clone(), &Limits::default()).unwrap();
    let mut attempt = request.attempt(target, AttemptOptions::default()).unwrap();
    let Step::Send(http) = attempt.step() else { panic!("nothing to send") };
    black_box(http.body.len());
    attempt
}

fn run(name: &str, count: usize) {
    let (pair, size) = name.split_once('/').unwrap();
    match pair {
        "delta_anthropic_to_chat" => {
            deltas(count, Dialect::OpenAiChat, "anthropic", [ANTHROPIC_OPENING, ANTHROPIC_DELTA])
        }
        "delta_vllm_to_messages" => {
            deltas(count, Dialect::AnthropicMessages, "hosted_vllm", [CHAT_OPENING, CHAT_DELTA]);
        }
        "delta_anthropic_to_responses" => {
            deltas(count, Dialect::OpenAiResponses, "anthropic", [ANTHROPIC_OPENING, ANTHROPIC_DELTA]);
        }
        "delta_responses_to_chat" => {
            deltas(count, Dialect::OpenAiChat, "responses", [RESPONSES_OPENING, RESPONSES_DELTA]);
        }
        _ => match pair.strip_prefix("exchange_") {
            Some(answer) => exchanges(count, answer),
            None => requests(count, pair, size),
        },
    }
}

fn requests(count: usize, pair: &str, size: &str) {
    let (client, provider) = pair.split_once("_to_").unwrap();
    let (dialect, body) = request(client, size, provider);
    let (body, target) = (Bytes::from(body), target(provider));
    for _ in 0..count {
        black_box(attempt(dialect, black_box(&body), &target));
    }
}

fn request(client: &str, size: &str, provider: &str) -> (Dialect, Vec<u8>) {
    let (dialect, body) = match (client, size) {
        ("chat", "1k") => (Dialect::OpenAiChat, inputs::chat_small()),
        ("chat", "60k") => (Dialect::OpenAiChat, inputs::chat_large()),
        ("messages", "1k") => (Dialect::AnthropicMessages, inputs::messages_small()),
        ("messages", "60k") => (Dialect::AnthropicMessages, inputs::messages_large()),
        ("responses", "1k") => (Dialect::OpenAiResponses, inputs::responses_small()),
        ("responses", "60k") => (Dialect::OpenAiResponses, inputs::responses_large()),
        _ => panic!("no input for {client} of {size}"),
    };
    // The responses API has no stop sequences.
    (dialect, if provider == "responses" { inputs::without_stop(&body) } else { body })
}

fn exchanges(count: usize, pair: &str) {
    let (provider, client) = pair.split_once("_to_").unwrap();
    let head = [("content-type".to_owned(), "application/json".to_owned())];
    let (dialect, request) = request(client, "1k", provider);
    let (request, target) = (Bytes::from(request), target(provider));
    let answer = match provider {
        "anthropic" => inputs::messages_answer(),
        "responses" => inputs::responses_answer(),
        _ => inputs::chat_answer(),
    };
    let mut out = Vec::with_capacity(8192);
    for _ in 0..count {
        let mut attempt = attempt(dialect, &request, &target);
        attempt.head(200, &head);
        attempt.body(black_box(&answer), &mut out);
        attempt.end(&mut out);
        assert!(!out.is_empty());
        out.clear();
    }
}

fn deltas(count: usize, dialect: Dialect, provider: &str, [opening, delta]: [&[u8]; 2]) {
    let head = [("content-type".to_owned(), "text/event-stream".to_owned())];
    let request: &[u8] = match dialect {
        Dialect::OpenAiResponses => br#"{"model":"m","stream":true,"input":"Hi"}"#,
        _ => br#"{"model":"m","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
    };
    let mut attempt = attempt(dialect, &Bytes::from_static(request), &target(provider));
    let mut out = Vec::with_capacity(4096);
    attempt.head(200, &head);
    attempt.body(opening, &mut out);
    for _ in 0..count {
        out.clear();
        attempt.body(black_box(delta), &mut out);
        assert!(!out.is_empty());
    }
}
