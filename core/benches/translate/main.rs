//! What a translation costs, in ns and as a multiple of `R`: the time that serde_json needs to *skip* the same bytes as a
//! `RawValue`. `cargo bench -p interlingua`; `make bench` makes a table of it and compares with LiteLLM.
//!
//! With `INTERLINGUA_BENCH_INPUTS` set, the inputs and the ratios of the fastest rounds are written to that folder first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark stops where its inputs are wrong"
)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use interlingua::{Attempt, AttemptOptions, Bytes, ClientHead, Dialect, Limits, Request, Target};
use serde_json::value::RawValue;

mod answers;
mod inputs;
mod ratio;
mod requests;
mod streams;

const NO_PLACE: Option<&str> = None;
const LOCAL: Option<&str> = Some("http://localhost:8000/v1");

fn target(provider: &str, model: &str, base_url: Option<&str>) -> Arc<Target> {
    Arc::new(Target::new(provider, model, base_url).unwrap())
}

fn attempt(dialect: Dialect, body: &Bytes, target: &Arc<Target>) -> Attempt {
    let request = Request::read(dialect, &ClientHead::default(), body.clone(), &Limits::default()).unwrap();
    request.attempt(target, AttemptOptions::default()).unwrap()
}

fn skip(body: &[u8]) -> usize {
    serde_json::from_slice::<&RawValue>(body).unwrap().get().len()
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
        ("responses_1k", inputs::responses_small()),
        ("responses_60k", inputs::responses_large()),
        ("answer_responses", inputs::responses_answer()),
        ("answer_chat", inputs::chat_answer()),
        ("answer_messages", inputs::messages_answer()),
        ("answer_responses", inputs::responses_answer()),
    ];
    for (name, body) in all {
        std::fs::write(format!("{folder}/{name}.json"), body).unwrap();
    }
    let mut found = Vec::new();
    requests::in_turns(&mut found);
    answers::in_turns(&mut found);
    streams::in_turns(&mut found);
    std::fs::write(format!("{folder}/ratios.json"), ratio::json(&found)).unwrap();
}

criterion_group!(benches, share, requests::bench, answers::bench, streams::bench);
criterion_main!(benches);
