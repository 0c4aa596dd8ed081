//! Arbitrary bytes as a provider's answer, whole and in any split: the same bytes for the client, and one end.
#![no_main]

use std::sync::Arc;

use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, Limits, Request, Step, Target};
use libfuzzer_sys::fuzz_target;

const CHAT: &[u8] = br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
const MESSAGES: &[u8] =
    br#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#;
const PAIRS: [(Dialect, &str, &[u8]); 4] = [
    (Dialect::OpenAiChat, "openai", CHAT),
    (Dialect::OpenAiChat, "anthropic", CHAT),
    (Dialect::AnthropicMessages, "anthropic", MESSAGES),
    (Dialect::AnthropicMessages, "hosted_vllm", MESSAGES),
];

fn play(pair: (Dialect, &str, &[u8]), status: u16, kind: &str, chunks: &[&[u8]]) -> Vec<u8> {
    let (dialect, provider, body) = pair;
    let body = Bytes::copy_from_slice(body);
    let request = Request::read(dialect, &ClientHead::default(), body, &Limits::default()).unwrap();
    let target = Arc::new(Target::new(provider, "claude-sonnet-4-5", Some("http://upstream.test")).unwrap());
    let mut attempt = request.attempt(&target, AttemptOptions::default()).unwrap();
    let mut out = Vec::new();
    attempt.step();
    attempt.head(status, &[("content-type".to_owned(), kind.to_owned())]);
    for chunk in chunks {
        attempt.body(chunk, &mut out);
    }
    attempt.end(&mut out);
    assert!(matches!(attempt.step(), Step::Done(_)), "it ends");
    if attempt.client_head().is_none() {
        assert!(out.is_empty(), "nothing is owed before commit");
        out = attempt.failure().body.to_vec();
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else { return };
    let pair = PAIRS[usize::from(how & 3)];
    let status = if how & 4 == 0 { 200 } else { 429 };
    let kind = if how & 8 == 0 { "text/event-stream" } else { "application/json" };
    let step = usize::from(how >> 4) + 1;
    let chunks: Vec<&[u8]> = data.chunks(step).collect();
    assert_eq!(play(pair, status, kind, &[data]), play(pair, status, kind, &chunks));
});
