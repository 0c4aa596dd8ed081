//! Requests: read, translated and written.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use interlingua::{Bytes, Dialect, Step, Target};

use crate::{LOCAL, NO_PLACE, attempt, inputs, ratio, skip, target};

fn translate(dialect: Dialect, body: &Bytes, target: &Arc<Target>) -> usize {
    let Step::Send(http) = attempt(dialect, body, target).step() else { panic!("nothing to send") };
    http.body.len()
}

type Bodies = [(&'static str, Bytes); 3];

/// The translations of requests: name, client dialect, inputs, target.
fn pairs() -> [(&'static str, Dialect, Bodies, Arc<Target>); 9] {
    let sizes = |small: Vec<u8>, large: Vec<u8>, picture: Vec<u8>| {
        [("1k", small.into()), ("60k", large.into()), ("10m", picture.into())]
    };
    let chat = || sizes(inputs::chat_small(), inputs::chat_large(), inputs::chat_picture());
    let messages = || sizes(inputs::messages_small(), inputs::messages_large(), inputs::messages_picture());
    let responses =
        || sizes(inputs::responses_small(), inputs::responses_large(), inputs::responses_picture());
    // The responses API has no stop sequences.
    let plain = |bodies: Bodies| bodies.map(|(size, body)| (size, inputs::without_stop(&body).into()));
    let by_responses = target("openai", "responses/gpt-4.1", NO_PLACE);
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
        ("messages_to_anthropic", Dialect::AnthropicMessages, messages(), Arc::clone(&anthropic)),
        ("responses_to_responses", Dialect::OpenAiResponses, responses(), Arc::clone(&by_responses)),
        ("responses_to_anthropic", Dialect::OpenAiResponses, responses(), anthropic),
        (
            "responses_to_groq",
            Dialect::OpenAiResponses,
            responses(),
            target("groq", "llama-3.3-70b", NO_PLACE),
        ),
        ("chat_to_responses", Dialect::OpenAiChat, plain(chat()), Arc::clone(&by_responses)),
        ("messages_to_responses", Dialect::AnthropicMessages, plain(messages()), by_responses),
    ]
}

pub(crate) fn bench(criterion: &mut Criterion) {
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

/// Both sides in turns, by `name/size`.
pub(crate) fn in_turns(found: &mut Vec<(String, ratio::Fastest)>) {
    for (name, dialect, bodies, target) in pairs() {
        for (size, body) in bodies {
            let fastest =
                ratio::fastest(|| translate(dialect, black_box(&body), &target), || skip(black_box(&body)));
            found.push((format!("{name}/{size}"), fastest));
        }
    }
}
