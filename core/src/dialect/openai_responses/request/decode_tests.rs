//! What requests become for hosts that speak another dialect.

use bytes::Bytes;

use super::{Echo, decode};
use crate::error::Refusal;
use crate::ir::chat::{Block, Input, Message, Tool, ToolChoice};
use crate::json::{Document, Limits, Writer};
use crate::loss::Report;

/// The messages of an input in a line each, and what was lost.
fn messages(input: &str) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let json = format!(r#"{{"instructions":"Be brief.","input":{input}}}"#);
    let document = Document::parse(json.as_bytes(), &Limits::default()).unwrap();
    let mut report = Report::default();
    let request = decode(document.root(), &mut report)?;
    let losses = report.losses.into_iter().map(|loss| format!("{} {}", loss.path, loss.code)).collect();
    Ok((request.messages.iter().skip(1).map(line).collect(), losses))
}

fn line(message: &Message<'_>) -> String {
    let said = message.blocks.iter().map(|block| match block {
        Block::Text(text) => text.text.unescape().into_owned(),
        Block::Refusal(text) => format!("refusal {}", text.unescape()),
        Block::Thinking(thinking) => {
            let signed = thinking.signature.as_ref().map(|text| text.unescape()).unwrap_or_default();
            format!("thinks {} [{signed}]", thinking.text.unescape())
        }
        Block::RedactedThinking { data } => format!("redacted {}", data.unescape()),
        Block::ToolUse(call) => match &call.input {
            Input::Free(text) => {
                format!("{} {} {}", call.id.unescape(), call.name.unescape(), text.unescape())
            }
            Input::Encoded(text) => {
                format!("{} {}({})", call.id.unescape(), call.name.unescape(), text.unescape())
            }
            Input::Json(_) => "json".to_owned(),
        },
        Block::ToolResult(result) => {
            let plain = matches!(result.content.as_slice(), [Block::Text(_)]) && result.plain;
            format!("{}: {} {plain}", result.tool_use_id.unescape(), result.content.len())
        }
        Block::Media(_) => "medium".to_owned(),
        Block::Native { .. } => "native".to_owned(),
    });
    format!("{:?}: {}", message.role, said.collect::<Vec<_>>().join(", "))
}

fn check(input: &str, expected: &[&str], lost: &[&str]) {
    let (messages, losses) = messages(input).unwrap();
    assert_eq!(messages, expected, "{input}");
    assert_eq!(losses, lost, "{input}");
}

const SIGNED: &str = r#""[{\"type\":\"thinking\",\"thinking\":\"Hm\",\"signature\":\"S\"},{\"type\":\"redacted_thinking\",\"data\":\"R\"}]""#;

#[test]
fn the_items_of_a_turn_are_one_message_again() {
    check(
        r#"[{"role":"user","content":"u"},
            {"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"t","annotations":[]}],"phase":"commentary"},
            {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"},
            {"type":"custom_tool_call","call_id":"c2","name":"patch","input":"*** x"},
            {"type":"function_call_output","call_id":"c1","output":"r"},
            {"type":"custom_tool_call_output","call_id":"c2","output":[{"type":"input_text","text":"x"},{"type":"input_text","text":"y"}]},
            {"role":"developer","content":"d"}]"#,
        &[
            "User: u",
            "Assistant: thinks a\nb [], t, c1 f({}), c2 patch *** x",
            "Tool: c1: 1 true, c2: 1 true",
            "Developer: d",
        ],
        &["input[2].phase item_field"],
    );
}

#[test]
fn what_a_provider_signed_comes_back_to_it() {
    for wrapped in [SIGNED.to_owned(), SIGNED.replacen('"', "\"litellm_enc:bW9kZWw6eA;", 1)] {
        let item = format!(
            r#"[{{"type":"reasoning","summary":[],"encrypted_content":{wrapped}}},{{"role":"assistant","content":"t"}}]"#
        );
        check(&item, &["Assistant: thinks Hm [S], redacted R, t"], &[]);
    }
    let foreign = r#"[{"type":"reasoning","summary":[{"text":"a"}],"encrypted_content":"gAAAA"},{"type":"reasoning","summary":[],"encrypted_content":"gAAAA"}]"#;
    check(
        foreign,
        &["Assistant: thinks a []"],
        &["input[0].encrypted_content foreign_reasoning", "input[1].encrypted_content foreign_reasoning"],
    );
}

#[test]
fn text_after_calls_stands_before_them() {
    check(
        r#"[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"role":"assistant","content":"late"},
            {"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"data:image/png;base64,AA"}]}]"#,
        &["Assistant: late, c f({})", "Tool: c: 2 false"],
        &[],
    );
}

#[test]
fn what_needs_stored_state_is_refused() {
    let refused = |json: &str| {
        let document = Document::parse(json.as_bytes(), &Limits::default()).unwrap();
        let refusal = decode(document.root(), &mut Report::default()).unwrap_err();
        assert_eq!(refusal.fault().status, 400);
        (matches!(refusal, Refusal::Unsupported(_)), refusal.fault().param.clone().unwrap())
    };
    for (member, param) in [
        (r#""previous_response_id":"resp_1""#, "previous_response_id"),
        (r#""conversation":{"id":"c"}"#, "conversation"),
        (r#""background":true"#, "background"),
        (r#""prompt":{"id":"p"}"#, "prompt"),
    ] {
        assert_eq!(refused(&format!(r#"{{"input":"x",{member}}}"#)), (true, param.to_owned()));
    }
    for item in ["item_reference", "local_shell_call", "computer_call_output", "compaction", "never_seen"] {
        let json = format!(r#"{{"input":[{{"role":"user","content":"x"}},{{"type":"{item}","id":"i"}}]}}"#);
        assert_eq!(refused(&json), (true, "input[1]".to_owned()));
    }
    assert_eq!(refused(r#"{"instructions":"x"}"#), (false, "input".to_owned()));
    let part = r#"{"input":[{"role":"user","content":[{"type":"never_seen"}]}]}"#;
    assert_eq!(refused(part), (false, "input[0].content[0]".to_owned()));
}

#[test]
fn tools_keep_what_other_hosts_can_know_of_them() {
    let json = br#"{"input":"x","tools":[
        {"type":"function","name":"f","parameters":{},"strict":true},
        {"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
        {"type":"namespace","name":"crm","description":"Customers.","tools":[{"type":"function","name":"find","description":"Finds."}]},
        {"type":"image_generation"},{"type":"web_search"}],
        "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"custom","name":"patch"},{"type":"function","name":"crm__find"}]}}"#;
    let document = Document::parse(json.as_slice(), &Limits::default()).unwrap();
    let mut report = Report::default();
    let request = decode(document.root(), &mut report).unwrap();
    assert!(matches!(request.tool_choice, Some(ToolChoice::Required)));
    assert_eq!(report.losses.len(), 1, "{:?}", report.losses);
    let [Tool::Custom { name, grammar, .. }, Tool::Function { name: found, description, .. }] =
        request.tools.as_slice()
    else {
        panic!("{:?}", request.tools)
    };
    assert!(name.is("patch") && grammar.as_ref().is_some_and(|(syntax, _)| syntax.is("lark")));
    assert!(
        found.is("crm__find") && description.as_ref().is_some_and(|text| text.is("Customers.\n\nFinds."))
    );
    let known = super::namespaces(&request);
    assert_eq!((known[0].qualified.as_str(), known[0].name.as_str()), ("crm__find", "find"));
}

#[test]
fn an_answer_repeats_its_request_in_one_line() {
    let json = b"{\"input\":\"x\",\n \"temperature\": 0.50,\n\"metadata\":{\n\"a\":\"b\\n\"},\"tools\":[ {\"type\":\"function\",\n\"name\":\"f\"}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},\"text\":{\"verbosity\":\"low\"}}";
    let body = Bytes::from_static(json);
    let document = Document::parse(body.as_ref(), &Limits::default()).unwrap();
    let mut out = Vec::new();
    Echo::of(document.root(), &body).write(&mut Writer::new(&mut out));
    let echo = String::from_utf8(out).unwrap();
    assert!(!echo.contains('\n'), "{echo}");
    for member in [
        r#""temperature":0.50,"#,
        r#""metadata":{"a":"b\n"},"#,
        r#""text":{"format":{"type":"text"},"verbosity":"low"},"#,
        r#""tool_choice":{"type":"function","name":"f"},"#,
        r#""tools":[{"parameters":null,"strict":null,"type":"function","name":"f"}]"#,
        r#""instructions":null,"#,
    ] {
        assert!(echo.contains(member), "{member} in {echo}");
    }
}

#[test]
fn roles_are_those_of_the_api() {
    assert!(matches!(messages(r#"[{"role":"tool","content":"x"}]"#), Err(Refusal::Invalid(_))));
    let (said, _) = messages(r#""hello""#).unwrap();
    assert_eq!(said, ["User: hello"]);
}
