//! Server-sent events as JSON: `[{"event": name?, "data": value}, …]`, so that both sides can be compared and changed.

use serde_json::{Map, Value};

use crate::value;

/// The frames of an event stream. Data that is not JSON stays a string; comments are dropped, as clients do.
pub(crate) fn frames(body: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(body);
    let mut frames = Vec::new();
    let mut event = None;
    let mut data: Option<String> = None;
    for line in lines(&text) {
        if line.is_empty() {
            push(&mut frames, event.take(), data.take());
            continue;
        }
        let (field, content) = line.split_once(':').unwrap_or((line, ""));
        let content = content.strip_prefix(' ').unwrap_or(content);
        match field {
            "event" => event = Some(content.to_owned()),
            "data" => match &mut data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(content);
                }
                None => data = Some(content.to_owned()),
            },
            _ => {}
        }
    }
    // A last frame without its blank line is not an event to a browser, but to every SDK it is.
    push(&mut frames, event, data);
    frames
}

/// Lines end in CRLF, LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn push(frames: &mut Vec<Value>, event: Option<String>, data: Option<String>) {
    let Some(data) = data else { return };
    let parsed = value::parse(data.as_bytes()).unwrap_or(Value::String(data));
    let mut frame = Map::new();
    if let Some(event) = event {
        frame.insert("event".to_owned(), Value::String(event));
    }
    frame.insert("data".to_owned(), parsed);
    frames.push(Value::Object(frame));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_every_line_ending_and_field() {
        let stream =
            b": hi\r\nevent: ping\r\ndata: {\"a\":1}\r\n\r\ndata:[DONE]\n\ndata: x\ndata: y\r\rdata: 1";
        let expected = [
            json!({"event": "ping", "data": {"a": 1}}),
            json!({"data": "[DONE]"}),
            json!({"data": "x\ny"}),
            json!({"data": 1}),
        ];
        assert_eq!(frames(stream), expected);
    }
}
