//! What a translation costs, in ns and as a multiple of `R`: the time that serde_json needs to *skip* the same bytes as a
//! `RawValue`. `cargo bench -p interlingua`; `make bench` makes a table of it and compares with LiteLLM.
//!
//! With `INTERLINGUA_BENCH_INPUTS` set, the inputs are written to that folder first, so that others are measured on them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark stops where its inputs are wrong"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use interlingua::{Attempt, AttemptOptions, Bytes, ClientHead, Dialect, Limits, Request, Step, Target};
use serde_json::value::RawValue;

mod inputs;
mod ratio;

const NO_PLACE: Option<&str> = None;
const LOCAL: Option<&str> = Some("http://localhost:8000/v1");

fn target(provider: &str, model: &str, base_url: Option<&str>) -> Arc<Target> {
    Arc::new(Target::new(provider, model, base_url).unwrap())
}

fn attempt(dialect: Dialect, body: &Bytes, target: &Arc<Target>) -> Attempt {
    let request = Request::read(dialect, &ClientHead::default(), body.clone(), &Limits::default()).unwrap();
    request.attempt(target, AttemptOptions::default()).unwrap()
}

fn translate(dialect: Dialect, body: &Bytes, target: &Arc<Target>) -> usize {
    let Step::Send(http) = attempt(dialect, body, target).step() else { panic!("nothing to send") };
    http.body.len()
}

fn skip(body: &[u8]) -> usize {
    serde_json::from_slice::<&RawValue>(body).unwrap().get().len()
}

type Bodies = [(&'static str, Bytes); 3];

/// The translations of requests: name, client dialect, inputs, target.
fn pairs() -> [(&'static str, Dialect, Bodies, Arc<Target>); 4] {
    let sizes = |small: Vec<u8>, large: Vec<u8>, picture: Vec<u8>| {
        [("1k", small.into()), ("60k", large.into()), ("10m", picture.into())]
    };
    let chat = || sizes(inputs::chat_small(), inputs::chat_large(), inputs::chat_picture());
    let messages = || sizes(inputs::messages_small(), inputs::messages_large(), inputs::messages_picture());
    let anthropic = target("anthropic", "claude-sonnet-4-5", NO_PLACE);
    [
        ("chat_to_anthropic", Dialect::OpenAiChat, chat(), Arc::clone(&anthropic)),
        ("chat_to_openai", Dialect::OpenAiChat, chat(), target("openai", "gpt-4o", NO_PLACE)),
        (
            "messages_to_hosted_vllm",
            Dialect::AnthropicMessages,
            messages(),
            target("hosted_vllm", "qwen3-32b", LOCAL),
        ),
        ("messages_to_anthropic", Dialect::AnthropicMessages, messages(), anthropic),
    ]
}

fn requests(criterion: &mut Criterion) {
    for (name, dialect, bodies, target) in pairs() {
        let mut group = criterion.benchmark_group(name);
        for (size, body) in &bodies {
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_with_input(BenchmarkId::new("skip", size), body, |bencher, body| {
                bencher.iter(|| skip(black_box(body)));
            });
            group.bench_with_input(BenchmarkId::new("translate", size), body, |bencher, body| {
                bencher.iter(|| translate(dialect, black_box(body), &target));
            });
        }
        group.finish();
    }
}

fn answers(criterion: &mut Criterion) {
    let json = [("content-type".to_owned(), "application/json".to_owned())];
    let vllm = target("hosted_vllm", "qwen3-32b", LOCAL);
    let anthropic = target("anthropic", "claude-sonnet-4-5", NO_PLACE);
    let openai = target("openai", "gpt-4o", NO_PLACE);
    let cases = [
        (
            "answer_anthropic_to_chat",
            Dialect::OpenAiChat,
            inputs::chat_small(),
            &anthropic,
            inputs::messages_answer(),
        ),
        ("answer_openai_to_chat", Dialect::OpenAiChat, inputs::chat_small(), &openai, inputs::chat_answer()),
        (
            "answer_vllm_to_messages",
            Dialect::AnthropicMessages,
            inputs::messages_small(),
            &vllm,
            inputs::chat_answer(),
        ),
    ];
    for (name, dialect, request, target, answer) in cases {
        let request = Bytes::from(request);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(answer.len() as u64));
        group.bench_function(BenchmarkId::new("skip", "2k"), |bencher| {
            bencher.iter(|| skip(black_box(&answer)))
        });
        group.bench_function(BenchmarkId::new("translate", "2k"), |bencher| {
            bencher.iter_batched(
                || {
                    let mut attempt = attempt(dialect, &request, target);
                    attempt.step();
                    (attempt, Vec::with_capacity(4096))
                },
                |(mut attempt, mut out)| {
                    attempt.head(200, &json);
                    attempt.body(black_box(&answer), &mut out);
                    attempt.end(&mut out);
                    assert!(!out.is_empty());
                    (attempt, out)
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

/// One text delta in the middle of a stream.
fn deltas(criterion: &mut Criterion) {
    let sse = [("content-type".to_owned(), "text/event-stream".to_owned())];
    let vllm = target("hosted_vllm", "qwen3-32b", LOCAL);
    let anthropic = target("anthropic", "claude-sonnet-4-5", NO_PLACE);
    let openai = target("openai", "gpt-4o", NO_PLACE);
    let from_anthropic: [&[u8]; 2] = [
        b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\
\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":8,\"output_tokens\":1}}}\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" deployment\"}}\n\n",
    ];
    let from_chat: [&[u8]; 2] = [
        b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\
\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"The\"},\"finish_reason\":null}]}\n\n",
        b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\
\"choices\":[{\"index\":0,\"delta\":{\"content\":\" deployment\"},\"finish_reason\":null}]}\n\n",
    ];
    let chat: &'static [u8] = br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let messages: &'static [u8] =
        br#"{"model":"m","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let cases = [
        ("delta_anthropic_to_chat", Dialect::OpenAiChat, chat, &anthropic, from_anthropic),
        ("delta_openai_to_chat", Dialect::OpenAiChat, chat, &openai, from_chat),
        ("delta_vllm_to_messages", Dialect::AnthropicMessages, messages, &vllm, from_chat),
        ("delta_anthropic_to_messages", Dialect::AnthropicMessages, messages, &anthropic, from_anthropic),
    ];
    for (name, dialect, request, target, [opening, delta]) in cases {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(delta.len() as u64));
        let json = delta.trim_ascii();
        let json = &json[json.iter().position(|&byte| byte == b'{').unwrap()..];
        group.bench_function(BenchmarkId::new("skip", "delta"), |bencher| {
            bencher.iter(|| skip(black_box(json)))
        });
        let mut attempt = attempt(dialect, &Bytes::from_static(request), target);
        let mut out = Vec::with_capacity(4096);
        attempt.step();
        attempt.head(200, &sse);
        attempt.body(opening, &mut out);
        group.bench_function(BenchmarkId::new("translate", "delta"), |bencher| {
            bencher.iter(|| {
                out.clear();
                attempt.body(black_box(delta), &mut out);
                assert!(!out.is_empty());
            });
        });
        group.finish();
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a host may read the environment and write files, the core may not"
)]
fn share(_: &mut Criterion) {
    let Ok(folder) = std::env::var("INTERLINGUA_BENCH_INPUTS") else { return };
    let all = [
        ("chat_1k", inputs::chat_small()),
        ("chat_60k", inputs::chat_large()),
        ("messages_1k", inputs::messages_small()),
        ("messages_60k", inputs::messages_large()),
        ("answer_chat", inputs::chat_answer()),
        ("answer_messages", inputs::messages_answer()),
    ];
    for (name, body) in all {
        std::fs::write(format!("{folder}/{name}.json"), body).unwrap();
    }
    let mut found = Vec::new();
    for (name, dialect, bodies, target) in pairs() {
        for (size, body) in bodies {
            let fastest =
                ratio::fastest(|| translate(dialect, black_box(&body), &target), || skip(black_box(&body)));
            found.push((format!("{name}/{size}"), fastest));
        }
    }
    std::fs::write(format!("{folder}/ratios.json"), ratio::json(&found)).unwrap();
}

criterion_group!(benches, share, requests, answers, deltas);
criterion_main!(benches);
