//! What clients are told of events.

use serde_json::{Value, json};

use super::Encoder;
use crate::dialect::openai_chat::stream::Decoder;
use crate::dialect::{AnswerContext, AnswerHints, Dialect, Namespaced, StreamDecoder, StreamEncoder};
use crate::error::{FailureKind, UpstreamError};
use crate::ir::chat::{BlockStart, Delta, Event, Finish, Start};
use crate::json::{Document, Limits, Text};

fn context(hints: AnswerHints) -> AnswerContext {
    AnswerContext {
        requested_model: "m".to_owned(),
        now_unix: 1,
        id_seed: 7,
        include_usage: false,
        upstream: Dialect::AnthropicMessages,
        provider: "anthropic",
        deployment: None,
        echo: crate::dialect::openai_responses::request::Echo::default(),
        hints,
    }
}

/// What comes of the events between the start and the end.
fn told(hints: AnswerHints, events: Vec<Event<'_>>) -> Vec<Value> {
    let mut encoder = Encoder::new(context(hints));
    let mut out = Vec::new();
    encoder.event(Event::Start(Start { id: Some(Text::new("msg_1")), ..Start::default() }), &mut out);
    for event in events {
        encoder.event(event, &mut out);
    }
    read(out)
}

/// What comes of the chunks of a chat host.
fn told_of_chat(chunks: &[Value]) -> Vec<Value> {
    let context = AnswerContext { upstream: Dialect::OpenAiChat, ..context(AnswerHints::default()) };
    let (mut encoder, mut out) = (Encoder::new(context), Vec::new());
    let mut decoder = Decoder::default();
    for chunk in chunks {
        let document = Document::parse(chunk.to_string().into_bytes(), &Limits::default()).unwrap();
        decoder.frame(b"", document.root(), &mut |event| encoder.event(event, &mut out));
    }
    decoder.done(&mut |event| encoder.event(event, &mut out));
    read(out)
}

fn read(out: Vec<u8>) -> Vec<Value> {
    let text = String::from_utf8(out).unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    });
    events.collect()
}

fn start(index: u32, block: BlockStart<'_>) -> Event<'_> {
    Event::BlockStart { choice: 0, index, block }
}

fn call<'a>(index: u32, id: &'a str, name: &'a str) -> Event<'a> {
    let block = BlockStart::ToolUse {
        id: Text::new(id),
        name: Text::new(name),
        custom: false,
        caller: None,
        namespace: None,
    };
    start(index, block)
}

fn delta(index: u32, delta: Delta<'_>) -> Event<'_> {
    Event::Delta { choice: 0, index, delta }
}

fn text(index: u32, text: &str) -> Event<'_> {
    delta(index, Delta::Text(Text::new(text)))
}

fn input(index: u32, text: &str) -> Event<'_> {
    delta(index, Delta::Input(Text::new(text)))
}

fn stop(index: u32) -> Event<'static> {
    Event::BlockStop { choice: 0, index }
}

fn finish(finish: Finish<'_>) -> Event<'_> {
    Event::Finish { choice: 0, finish, stop_sequence: None }
}

fn output(events: &[Value]) -> &Value {
    &events.last().unwrap()["response"]["output"]
}

#[test]
fn calls_that_grow_at_once_are_items_that_are_open_at_once() {
    let events = told(
        AnswerHints::default(),
        vec![
            call(0, "a", "f"),
            call(1, "b", "g"),
            input(1, "{\"x\""),
            input(0, "{}"),
            input(1, ":1}"),
            stop(0),
            stop(1),
            finish(Finish::ToolUse),
            Event::End,
        ],
    );
    let kinds: Vec<&str> =
        events.iter().map(|event| &event["type"].as_str().unwrap()["response.".len()..]).collect();
    let (added, delta) = ("output_item.added", "function_call_arguments.delta");
    let (done, closed) = ("function_call_arguments.done", "output_item.done");
    let expected = [
        "created",
        "in_progress",
        added,
        added,
        delta,
        delta,
        delta,
        done,
        done,
        closed,
        closed,
        "completed",
    ];
    assert_eq!(kinds, expected);
    let deltas: Vec<_> =
        events[4..7].iter().map(|event| (&event["output_index"], &event["item_id"])).collect();
    assert_eq!(json!(deltas), json!([[1, "fc_b"], [0, "fc_a"], [1, "fc_b"]]));
    let arguments: Vec<&Value> =
        output(&events).as_array().unwrap().iter().map(|item| &item["arguments"]).collect();
    assert_eq!(json!(arguments), json!(["{}", "{\"x\":1}"]));
}

#[test]
fn neighbouring_texts_are_one_part_whose_citations_know_their_range() {
    let citation =
        br#"{"type":"web_search_result_location","url":"https://e.com","title":"E","cited_text":"c"}"#;
    let citation = Document::parse(citation.as_slice(), &Limits::default()).unwrap();
    let events = told(
        AnswerHints::default(),
        vec![
            start(0, BlockStart::Text),
            text(0, "It is "),
            stop(0),
            start(1, BlockStart::Text),
            delta(1, Delta::Citation(citation.root())),
            text(1, "+9 \u{1F321}"),
            stop(1),
            call(2, "a", "f"),
            stop(2),
            finish(Finish::Length),
            Event::End,
        ],
    );
    let message = &output(&events)[0];
    assert_eq!(message["content"].as_array().unwrap().len(), 1);
    assert_eq!(message["content"][0]["text"], "It is +9 \u{1F321}");
    let annotation = json!({"type": "url_citation", "url": "https://e.com", "title": "E", "start_index": 6, "end_index": 10});
    assert_eq!(message["content"][0]["annotations"], json!([annotation]));
    assert!(events.iter().any(|event| event["annotation"] == annotation && event["annotation_index"] == 0));
    // Only what came last was cut.
    assert_eq!(
        (&message["status"], &output(&events)[1]["status"]),
        (&json!("completed"), &json!("incomplete"))
    );
    assert_eq!(output(&events)[1]["arguments"], "{}");
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
}

#[test]
fn thinking_comes_back_as_its_provider_signed_it() {
    let events = told(
        AnswerHints::default(),
        vec![
            start(0, BlockStart::Thinking),
            delta(0, Delta::Thinking(Text::new("\"Hm\""))),
            delta(0, Delta::Signature(Text::new("S"))),
            stop(0),
            start(1, BlockStart::RedactedThinking { data: Text::new("R") }),
            stop(1),
            start(2, BlockStart::Text),
            text(2, "ok"),
            stop(2),
            finish(Finish::Stop),
            Event::End,
        ],
    );
    let item = &output(&events)[0];
    assert_eq!(item["summary"], json!([{"type": "summary_text", "text": "\"Hm\""}]));
    let blocks: Value = serde_json::from_str(item["encrypted_content"].as_str().unwrap()).unwrap();
    let thinking = json!({"type": "thinking", "thinking": "\"Hm\"", "signature": "S"});
    assert_eq!(blocks, json!([thinking, {"type": "redacted_thinking", "data": "R"}]));
    assert_eq!(output(&events)[1]["content"][0]["text"], "ok");
}

#[test]
fn names_and_forms_are_the_clients() {
    let hints = AnswerHints {
        json_tool: Some("json_tool_call"),
        custom_tools: vec!["patch".to_owned()],
        namespaces: vec![Namespaced {
            qualified: "crm__find".to_owned(),
            namespace: "crm".to_owned(),
            name: "find".to_owned(),
        }],
        ..AnswerHints::default()
    };
    let events = told(
        hints,
        vec![
            call(0, "j", "json_tool_call"),
            input(0, "{\"a\":1}"),
            stop(0),
            call(1, "c", "patch"),
            input(1, "{\"content\": \"*** x\"}"),
            stop(1),
            call(2, "n", "crm__find"),
            stop(2),
            finish(Finish::ToolUse),
            Event::End,
        ],
    );
    let items = output(&events);
    assert_eq!(items[0]["content"][0]["text"], "{\"a\":1}");
    assert_eq!((&items[1]["type"], &items[1]["input"]), (&json!("custom_tool_call"), &json!("*** x")));
    assert_eq!((&items[2]["namespace"], &items[2]["name"]), (&json!("crm"), &json!("find")));
}

#[test]
fn a_failure_tells_what_came_before_it() {
    let error = UpstreamError::new(FailureKind::Truncated, 500, "it broke off");
    let events = told(
        AnswerHints::default(),
        vec![start(0, BlockStart::Text), text(0, "Hal"), Event::Failed(&error), Event::End],
    );
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["response"]["status"]), (&json!("response.failed"), &json!("failed")));
    assert_eq!(last["response"]["error"]["message"], "it broke off");
    assert_eq!(
        (&output(&events)[0]["status"], &output(&events)[0]["content"][0]["text"]),
        (&json!("incomplete"), &json!("Hal"))
    );
    let numbers: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_compacted_conversation_can_come_back() {
    let parse = |json: &'static str| Document::parse(json.as_bytes(), &Limits::default()).unwrap();
    let (block, delta_node) = (
        parse(r#"{"type":"compaction","content":null}"#),
        parse(r#"{"type":"compaction_delta","content":"So \"far\""}"#),
    );
    let events = told(
        AnswerHints::default(),
        vec![
            start(0, BlockStart::Native(block.root())),
            delta(0, Delta::Native(delta_node.root())),
            stop(0),
            start(1, BlockStart::Text),
            text(1, "ok"),
            stop(1),
            finish(Finish::Stop),
            Event::End,
        ],
    );
    let item = &output(&events)[0];
    let kept: Value = serde_json::from_str(item["encrypted_content"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&item["type"], kept),
        (&json!("compaction"), json!({"type": "compaction", "content": "So \"far\""}))
    );
}

#[test]
fn sources_that_come_before_the_text_of_a_chat_host_are_its() {
    let chunk = |delta: Value, reason: Option<&str>| json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let source = json!({"type": "url_citation", "url_citation": {"url": "https://e.com", "title": "E", "start_index": 0, "end_index": 0}});
    let events = told_of_chat(&[
        chunk(json!({"content": "", "annotations": [source]}), None),
        chunk(json!({"reasoning": "So."}), None),
        chunk(json!({"content": "Yes."}), None),
        chunk(json!({"content": " No."}), Some("stop")),
    ]);
    let annotation = json!({"type": "url_citation", "start_index": 0, "end_index": 0, "title": "E", "url": "https://e.com"});
    let (thought, message) = (&output(&events)[0], &output(&events)[1]);
    assert_eq!(thought["summary"][0]["text"], "So.");
    assert_eq!(message["content"][0]["text"], "Yes. No.");
    assert_eq!(message["content"][0]["annotations"], json!([annotation]));
    assert_eq!(events.iter().filter(|event| event["annotation"] == annotation).count(), 1);
}

#[test]
fn a_tier_that_a_chat_host_names_late_is_told_at_the_end() {
    let events = told_of_chat(&[
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "Yes."}, "finish_reason": "stop"}]}),
        json!({"id": "c", "service_tier": "flex", "choices": []}),
    ]);
    assert_eq!(events[0]["response"].get("service_tier"), None);
    assert_eq!(events.last().unwrap()["response"]["service_tier"], "flex");
}
