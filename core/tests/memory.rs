//! What a translation of a request allocates: little for a small one, no copy of the images in a large one.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::sync::Arc;

use base64::Engine;
use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, HttpRequest, Limits, Request, Step, Target};

#[path = "common/counting.rs"]
mod counting;

use counting::{COUNT, LIVE, PEAK};

fn translate(dialect: Dialect, body: &Bytes, target: &Arc<Target>) -> HttpRequest {
    let request = Request::read(dialect, &ClientHead::default(), body.clone(), &Limits::default()).unwrap();
    let mut attempt = request.attempt(target, AttemptOptions::default()).unwrap();
    let Step::Send(http) = attempt.step() else { panic!("nothing to send") };
    http
}

fn target(provider: &str, model: &str) -> Arc<Target> {
    Arc::new(Target::new(provider, model, Some("http://localhost:8000/v1")).unwrap())
}

const MEGABYTES: usize = 10 << 20;

fn image() -> String {
    base64::engine::general_purpose::STANDARD.encode(vec![b'i'; MEGABYTES / 4 * 3])
}

fn chat_with_image() -> Bytes {
    let image = image();
    Bytes::from(format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{{"type":"text","text":"What is it?"}},
        {{"type":"image_url","image_url":{{"url":"data:image/png;base64,{image}"}}}}]}}]}}"#
    ))
}

fn chat_with_bare_image() -> Bytes {
    let image = image();
    Bytes::from(format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":"data:image/png;base64,{image}"}}]}}]}}"#
    ))
}

fn messages_with_image() -> Bytes {
    let image = image();
    Bytes::from(format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{{"type":"text","text":"What is it?"}},
        {{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{image}"}}}}]}}]}}"#
    ))
}

#[test]
fn an_image_is_handed_on_without_a_copy() {
    let anthropic = target("anthropic", "claude-sonnet-4-5");
    let openai = target("openai", "gpt-4o");
    let vllm = target("hosted_vllm", "qwen3-32b");
    let groq = target("groq", "llama-4-scout");
    for (dialect, body, target) in [
        (Dialect::OpenAiChat, chat_with_image(), &anthropic),
        (Dialect::OpenAiChat, chat_with_bare_image(), &anthropic),
        (Dialect::OpenAiChat, chat_with_image(), &openai),
        (Dialect::OpenAiChat, chat_with_bare_image(), &openai),
        (Dialect::AnthropicMessages, messages_with_image(), &vllm),
        (Dialect::AnthropicMessages, messages_with_image(), &groq),
        (Dialect::AnthropicMessages, messages_with_image(), &anthropic),
    ] {
        let name = format!("{} to {}", dialect.name(), target.provider.name());
        let before = LIVE.get();
        PEAK.set(before);
        let http = translate(dialect, &body, target);
        let translated = PEAK.get() - before;
        assert!(translated < 256 << 10, "{name}: {translated} bytes for the translation");
        let of_client = |piece: &&Bytes| body.as_ptr_range().contains(&piece.as_ptr());
        let shared: usize = http.body.iter().filter(of_client).map(Bytes::len).sum();
        assert!(shared >= MEGABYTES, "{name}: only {shared} bytes are the client's");
        let joined = http.body_bytes();
        let peak = body.len() + PEAK.get() - before;
        assert!(peak as f64 <= 2.2 * body.len() as f64, "{name}: {peak} bytes with one joined copy");
        drop(joined);
    }
}

#[test]
fn a_small_request_takes_a_handful_of_allocations() {
    let chat: &'static [u8] = br#"{"model":"m","messages":[{"role":"system","content":"Be brief."},
        {"role":"user","content":"Hi"},{"role":"assistant","content":"Hello \"you\"."},
        {"role":"user","content":[{"type":"text","text":"And now?"}]}],
        "tools":[{"type":"function","function":{"name":"f","description":"d",
        "parameters":{"type":"object","properties":{"q":{"type":"string"}}}}}],"temperature":0.3,"max_tokens":9,"stop":["x"]}"#;
    let messages: &'static [u8] = br#"{"model":"m","max_tokens":9,"system":"Be brief.","messages":[
        {"role":"user","content":"Hi"},{"role":"assistant","content":"Hello \"you\"."},
        {"role":"user","content":[{"type":"text","text":"And now?"}]}],
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"q":{"type":"string"}}}}],
        "temperature":0.3,"stop_sequences":["x"]}"#;
    for (dialect, body, target, most) in [
        (Dialect::OpenAiChat, chat, target("anthropic", "claude-sonnet-4-5"), 22),
        (Dialect::OpenAiChat, chat, target("openai", "gpt-4o"), 12),
        (Dialect::AnthropicMessages, messages, target("hosted_vllm", "qwen3-32b"), 25),
        (Dialect::AnthropicMessages, messages, target("anthropic", "claude-sonnet-4-5"), 12),
    ] {
        let body = Bytes::from_static(body);
        let before = COUNT.get();
        let http = translate(dialect, &body, &target);
        let count = COUNT.get() - before;
        drop(http);
        let name = format!("{} to {}", dialect.name(), target.provider.name());
        assert!(count <= most, "{name}: {count} allocations");
    }
}
