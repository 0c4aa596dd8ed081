//! What a stream allocates: nothing per event, once it runs.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::sync::Arc;

use interlingua::{Attempt, AttemptOptions, Bytes, ClientHead, Dialect, Limits, Request, Target};

#[path = "common/counting.rs"]
mod counting;

use counting::COUNT;

/// A stream in its opening and in its deltas, each of which takes a piece of text.
struct Stream {
    name: &'static str,
    opening: String,
    delta: fn(&str) -> String,
}

const PLACE: &str = "http://localhost:8000/v1";

fn attempt(client: Dialect, provider: &str, model: &str) -> Attempt {
    let body: &[u8] = match client {
        Dialect::OpenAiResponses => {
            br#"{"model":"m","stream":true,"input":"Hi","tools":[{"type":"custom","name":"g"}]}"#
        }
        _ => br#"{"model":"m","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
    };
    let body = Bytes::from_static(body);
    let request = Request::read(client, &ClientHead::default(), body, &Limits::default()).unwrap();
    let target = Arc::new(Target::new(provider, model, Some(PLACE)).unwrap());
    let mut attempt = request.attempt(&target, AttemptOptions::default()).unwrap();
    attempt.step();
    attempt.head(200, &[("content-type", "text/event-stream")]);
    attempt
}

fn event(name: &str, rest: &str) -> String {
    format!("event: {name}\ndata: {{\"type\":\"{name}\",{rest}}}\n\n")
}

fn from_anthropic() -> Vec<Stream> {
    let opening = |block: &str| {
        event(
            "message_start",
            r#""message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":8,"output_tokens":1}}"#,
        ) + &event("content_block_start", &format!(r#""index":0,"content_block":{block}"#))
    };
    let stream = |name, block, delta| Stream { name, opening: opening(block), delta };
    vec![
        stream("text", r#"{"type":"text","text":""}"#, |text| {
            event(
                "content_block_delta",
                &format!(r#""index":0,"delta":{{"type":"text_delta","text":"{text}"}}"#),
            )
        }),
        stream("tool", r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#, |text| {
            event(
                "content_block_delta",
                &format!(r#""index":0,"delta":{{"type":"input_json_delta","partial_json":"{text}"}}"#),
            )
        }),
        stream("thinking", r#"{"type":"thinking","thinking":"","signature":""}"#, |text| {
            event(
                "content_block_delta",
                &format!(r#""index":0,"delta":{{"type":"thinking_delta","thinking":"{text}"}}"#),
            )
        }),
    ]
}

fn chunk(delta: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
         \"delta\":{delta},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n"
    )
}

fn from_chat() -> Vec<Stream> {
    let stream = |name, first, delta| Stream { name, opening: chunk(first), delta };
    vec![
        stream("text", r#"{"role":"assistant","content":"The"}"#, |text| {
            chunk(&format!(r#"{{"content":"{text}"}}"#))
        }),
        stream(
            "tool",
            r#"{"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}"#,
            |text| chunk(&format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{text}"}}}}]}}"#)),
        ),
        stream("thinking", r#"{"role":"assistant","reasoning_content":"So"}"#, |text| {
            chunk(&format!(r#"{{"reasoning_content":"{text}"}}"#))
        }),
        stream("reasoning of other hosts", r#"{"role":"assistant","reasoning":"So"}"#, |text| {
            chunk(&format!(r#"{{"reasoning":"{text}"}}"#))
        }),
    ]
}

fn from_responses() -> Vec<Stream> {
    let opening = |item: &str| {
        let response = r#""sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"status":"in_progress","model":"m","service_tier":"auto","output":[]}"#;
        event("response.created", response)
            + &event(
                "response.output_item.added",
                &format!(r#""sequence_number":1,"output_index":0,"item":{item}"#),
            )
    };
    let stream = |name, item, delta| Stream { name, opening: opening(item), delta };
    vec![
        stream("text", r#"{"id":"msg_1","type":"message","role":"assistant","content":[]}"#, |text| {
            event(
                "response.output_text.delta",
                &format!(
                    r#""sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"{text}","logprobs":[],"obfuscation":"Ab""#
                ),
            )
        }),
        stream(
            "tool",
            r#"{"id":"fc_1","type":"function_call","call_id":"call_1","name":"f","arguments":""}"#,
            |text| {
                event(
                    "response.function_call_arguments.delta",
                    &format!(r#""sequence_number":4,"item_id":"fc_1","output_index":0,"delta":"{text}""#),
                )
            },
        ),
        stream("thinking", r#"{"id":"rs_1","type":"reasoning","summary":[]}"#, |text| {
            event(
                "response.reasoning_summary_text.delta",
                &format!(
                    r#""sequence_number":4,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"{text}""#
                ),
            )
        }),
    ]
}

/// Deltas as providers send them: one in a piece, several in one, and one cut in two.
fn pieces(delta: fn(&str) -> String) -> Vec<String> {
    let texts =
        ["deployment", " of", r#"\n\"quoted\" \u00e9"#, " naïve — text that is a little longer", "\\\\"];
    let mut pieces: Vec<String> = texts.iter().map(|text| delta(text)).collect();
    pieces.push(texts.iter().map(|text| delta(text)).collect());
    let whole = delta("cut");
    let (left, right) = whole.split_at(whole.len() / 2);
    pieces.extend([left.to_owned(), right.to_owned()]);
    pieces
}

/// What a stream allocates for a thousand pieces, once it runs.
fn allocations(client: Dialect, provider: &str, model: &str, stream: &Stream) -> usize {
    let (mut attempt, mut out) = (attempt(client, provider, model), Vec::with_capacity(16 << 10));
    attempt.body(stream.opening.as_bytes(), &mut out);
    let pieces = pieces(stream.delta);
    let mut feed = |times: usize| {
        let (before, mut written) = (COUNT.get(), 0);
        for piece in pieces.iter().cycle().take(times) {
            out.clear();
            attempt.body(piece.as_bytes(), &mut out);
            written += out.len();
        }
        assert!(written > times * 30, "{} from {provider}: only {written} bytes", stream.name);
        COUNT.get() - before
    };
    feed(2 * pieces.len());
    feed(1_000)
}

#[test]
fn deltas_allocate_nothing() {
    let (chat, messages) = (Dialect::OpenAiChat, Dialect::AnthropicMessages);
    for (client, provider, model, streams) in [
        (chat, "openai", "gpt-4o", from_chat()),
        (chat, "anthropic", "claude-sonnet-4-5", from_anthropic()),
        (chat, "openai", "responses/gpt-4.1", from_responses()),
        (messages, "openai", "gpt-4.1", from_responses()),
        (messages, "hosted_vllm", "qwen3-32b", from_chat()),
        (messages, "anthropic", "claude-sonnet-4-5", from_anthropic()),
    ] {
        for stream in streams {
            let count = allocations(client, provider, model, &stream);
            assert_eq!(count, 0, "{} from {provider} to {}", stream.name, client.name());
        }
    }
}

/// The last event of an `openai_responses` stream holds the whole answer, so that the answer is kept: in a buffer that
/// doubles, and nothing else.
#[test]
fn deltas_of_responses_are_kept_and_nothing_else() {
    let custom = |name, opening: String, delta| Stream { name, opening, delta };
    let call = r#"{"type":"tool_use","id":"t","name":"g","input":{}}"#;
    let input: fn(&str) -> String = |text| {
        event(
            "content_block_delta",
            &format!(r#""index":0,"delta":{{"type":"input_json_delta","partial_json":"{text}"}}"#),
        )
    };
    let opening =
        event("message_start", r#""message":{"id":"m","usage":{"input_tokens":1,"output_tokens":1}}"#)
            + &event("content_block_start", &format!(r#""index":0,"content_block":{call}"#))
            + &input(r#"{\"content\": \""#);
    let mut anthropic = from_anthropic();
    // Without the quotes that would end the text.
    anthropic.push(custom("free text", opening, |text| {
        let text = text.replace(r#"\""#, "'").replace(r"\n", r"\\n").replace(r"\\", r"\\n");
        event(
            "content_block_delta",
            &format!(r#""index":0,"delta":{{"type":"input_json_delta","partial_json":"{text}"}}"#),
        )
    }));
    for (provider, model, streams) in
        [("groq", "llama-3.3-70b-versatile", from_chat()), ("anthropic", "claude-sonnet-4-5", anthropic)]
    {
        for stream in streams {
            let count = allocations(Dialect::OpenAiResponses, provider, model, &stream);
            // 20 KB and more, from a few bytes on.
            assert!((1..=12).contains(&count), "{} from {provider}: {count}", stream.name);
        }
    }
}
