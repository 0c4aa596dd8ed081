//! Tests of [`Encoder`](super::Encoder).

use super::Encoder;
use crate::dialect::{AnswerContext, AnswerHints, Dialect, StreamEncoder};
use crate::error::{FailureKind, UpstreamError};
use crate::ir::chat::{BlockStart, Delta, Event, Finish, Start};
use crate::json::Text;
use crate::usage::Usage;

fn context() -> AnswerContext {
    AnswerContext {
        requested_model: "asked".to_owned(),
        now_unix: 0,
        id_seed: 0,
        include_usage: false,
        upstream: Dialect::OpenAiChat,
        provider: "openai",
        deployment: None,
        echo: crate::dialect::openai_responses::request::Echo::default(),
        hints: AnswerHints {
            tool_names: vec![("a_b".to_owned(), "a/b".to_owned())],
            ..AnswerHints::default()
        },
    }
}

fn encode(events: Vec<Event<'_>>) -> String {
    let mut encoder = Encoder::new(context());
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    String::from_utf8(out).expect("UTF-8")
}

/// The names of the events, with what matters of the blocks.
fn outline(stream: &str) -> Vec<String> {
    let events = stream.split("\n\n").filter(|event| !event.is_empty());
    events
        .map(|event| {
            let (name, data) = event.split_once("\ndata: ").expect("an event with data");
            let value: serde_json::Value = serde_json::from_str(data).expect("JSON");
            let name = name.trim_start_matches("event: ").trim_start_matches("content_block_");
            let index = value["index"].as_u64().map(|index| index.to_string()).unwrap_or_default();
            let more = ["text", "partial_json"].iter().find_map(|key| value["delta"][key].as_str());
            let more =
                more.or(value["content_block"]["name"].as_str()).or(value["delta"]["stop_reason"].as_str());
            format!("{name} {index} {}", more.unwrap_or_default()).trim().to_owned()
        })
        .collect()
}

fn tool(index: u32, name: &'static str) -> Event<'static> {
    let block = BlockStart::ToolUse {
        id: Text::new("call_1"),
        name: Text::new(name),
        custom: false,
        caller: None,
        namespace: None,
    };
    Event::BlockStart { choice: 0, index, block }
}

fn input(index: u32, json: &'static str) -> Event<'static> {
    Event::Delta { choice: 0, index, delta: Delta::Input(Text::new(json)) }
}

fn stop(index: u32) -> Event<'static> {
    Event::BlockStop { choice: 0, index }
}

fn finish(finish: Finish<'static>) -> Event<'static> {
    Event::Finish { choice: 0, finish, stop_sequence: None }
}

#[test]
fn interleaved_calls_are_told_one_after_the_other() {
    let stream = encode(vec![
        Event::Start(Start::default()),
        tool(0, "a_b"),
        tool(1, "g"),
        input(0, "{\"a\""),
        input(1, "{\"b\""),
        input(0, ":1}"),
        input(1, ":2}"),
        stop(0),
        stop(1),
        finish(Finish::Stop),
        Event::Usage { usage: Usage { input: 7, output: 2, ..Usage::default() }, node: None },
        Event::End,
    ]);
    let expected = [
        "message_start",
        "start 0 a/b",
        "delta 0 {\"a\"",
        "delta 0 :1}",
        "stop 0",
        "start 1 g",
        "delta 1 {\"b\":2}",
        "stop 1",
        "message_delta  tool_use",
        "message_stop",
    ];
    assert_eq!(outline(&stream), expected);
    assert!(stream.contains(r#""usage":{"input_tokens":7,"output_tokens":2}"#));
}

#[test]
fn a_call_waits_for_its_name() {
    let stream = encode(vec![
        tool(0, ""),
        input(0, "{"),
        tool(0, "g"),
        input(0, "}"),
        stop(0),
        finish(Finish::ToolUse),
        Event::End,
    ]);
    assert_eq!(outline(&stream)[1..5], ["start 0 g", "delta 0 {", "delta 0 }", "stop 0"].map(str::to_owned));
}

#[test]
fn refusals_are_told_as_text_and_as_a_reason() {
    let stream = encode(vec![
        Event::BlockStart { choice: 0, index: 0, block: BlockStart::Refusal },
        Event::Delta { choice: 0, index: 0, delta: Delta::Text(Text::new("I can\"t")) },
        stop(0),
        finish(Finish::Stop),
        Event::End,
    ]);
    assert!(stream.contains(r#""stop_reason":"refusal""#) && stream.contains(r#""explanation":"I can\"t""#));
}

#[test]
fn failures_end_the_stream_and_nothing_follows() {
    let error = UpstreamError::new(FailureKind::InBand, 529, "Overloaded");
    let stream = encode(vec![
        Event::Start(Start::default()),
        Event::BlockStart { choice: 0, index: 0, block: BlockStart::Text },
        Event::Failed(&error),
        stop(0),
        Event::End,
    ]);
    assert_eq!(outline(&stream), ["message_start", "start 0", "error"]);
    assert!(stream.contains(r#"{"type":"overloaded_error","message":"Overloaded"}"#));
}

#[test]
fn an_empty_answer_has_one_empty_text() {
    let stream = encode(vec![Event::Start(Start::default()), finish(Finish::Stop), Event::End]);
    assert_eq!(
        outline(&stream),
        ["message_start", "start 0", "stop 0", "message_delta  end_turn", "message_stop"]
    );
}
