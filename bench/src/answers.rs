//! The upstream's answers, written once.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

const DELTAS: usize = 100;
const FEW_DELTAS: usize = 10;
const HEAD_JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
const HEAD_STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
/// What a sentence of the answer's text is made of: no character that JSON would escape.
const TEXT: &str = "The deployment returns the value when the index exceeds the limit, then retries. ";
const SMALL: usize = 700;

/// An answer as it goes over the wire, and where its parts end that a pace keeps apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<usize>,
}

/// All answers.
#[derive(Debug)]
pub(crate) struct Answers {
    chat: Rc<Answer>,
    messages: Rc<Answer>,
    chat_stream: Rc<Answer>,
    messages_stream: Rc<Answer>,
    short_stream: Rc<Answer>,
    sized: HashMap<(bool, usize), Rc<Answer>>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self {
            chat: Rc::new(whole(&chat(SMALL))),
            messages: Rc::new(whole(&messages(SMALL))),
            chat_stream: Rc::new(chat_stream(DELTAS)),
            messages_stream: Rc::new(messages_stream()),
            short_stream: Rc::new(chat_stream(FEW_DELTAS)),
            sized: HashMap::new(),
        }
    }

    /// The answer to a request for `path`, and the time between its parts.
    pub(crate) fn to(&mut self, path: &[u8], stream: bool) -> (Rc<Answer>, Option<Duration>) {
        let in_messages = memchr::memmem::find(path, b"/messages").is_some();
        if let Some(size) = number_after(path, b"/sized-") {
            let body = || if in_messages { messages(size) } else { chat(size) };
            let answer = self.sized.entry((in_messages, size)).or_insert_with(|| Rc::new(whole(&body())));
            return (Rc::clone(answer), None);
        }
        if stream && path.starts_with(b"/short/") {
            return (Rc::clone(&self.short_stream), None);
        }
        let pace = number_after(path, b"/paced-").map(|millis| Duration::from_millis(millis as u64));
        match (in_messages, stream) {
            (false, false) => (Rc::clone(&self.chat), None),
            (true, false) => (Rc::clone(&self.messages), None),
            (false, true) => (Rc::clone(&self.chat_stream), pace),
            (true, true) => (Rc::clone(&self.messages_stream), pace),
        }
    }
}

fn number_after(path: &[u8], prefix: &[u8]) -> Option<usize> {
    let digits = path.strip_prefix(prefix)?;
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..length]).ok()?.parse().ok()
}

fn text(size: usize) -> String {
    let mut text = TEXT.repeat(size / TEXT.len() + 1);
    text.truncate(size);
    text
}

fn chat(size: usize) -> String {
    format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"gpt-4o-2024-08-06","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":120,"completion_tokens":41,"total_tokens":161,"prompt_tokens_details":{{"cached_tokens":0}}}}}}"#,
        text(size)
    )
}

fn messages(size: usize) -> String {
    format!(
        r#"{{"id":"msg_bench","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{{"type":"text","text":"{}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":120,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"output_tokens":41}}}}"#,
        text(size)
    )
}

fn whole(body: &str) -> Answer {
    let bytes = format!("{HEAD_JSON}{}\r\n\r\n{body}", body.len()).into_bytes();
    Answer { ends: vec![bytes.len()], bytes }
}

/// Each event is a chunk, the head goes with the first and the end of the body with the last.
fn stream(events: &[String]) -> Answer {
    let (mut bytes, mut ends) = (HEAD_STREAM.as_bytes().to_vec(), Vec::new());
    for event in events {
        bytes.extend_from_slice(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
        ends.push(bytes.len());
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    ends.pop();
    ends.push(bytes.len());
    Answer { bytes, ends }
}

fn chat_stream(deltas: usize) -> Answer {
    let event = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o-2024-08-06\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let mut events = vec![event(r#"{"role":"assistant","content":""}"#, "null")];
    events.extend((0..deltas).map(|_| event(r#"{"content":" deployment"}"#, "null")));
    events.push(event("{}", r#""stop""#));
    events.push("data: [DONE]\n\n".into());
    stream(&events)
}

fn messages_stream() -> Answer {
    let event = |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
    let mut events = vec![
        event(
            "message_start",
            r#","message":{"id":"msg_bench","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":120,"output_tokens":1}}"#,
        ),
        event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#),
    ];
    let delta = r#","index":0,"delta":{"type":"text_delta","text":" deployment"}"#;
    events.extend((0..DELTAS).map(|_| event("content_block_delta", delta)));
    events.push(event("content_block_stop", r#","index":0"#));
    events.push(event(
        "message_delta",
        r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":100}"#,
    ));
    events.push(event("message_stop", ""));
    stream(&events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_chooses_the_answer() {
        let mut answers = Answers::new();
        assert_eq!(answers.to(b"/v1/chat/completions", false).0.bytes, answers.chat.bytes);
        assert_eq!(answers.to(b"/v1/messages", true).0.bytes, answers.messages_stream.bytes);
        let (paced, every) = answers.to(b"/paced-10/v1/chat/completions", true);
        assert_eq!((paced.ends.len(), every), (103, Some(Duration::from_millis(10))));
        let (short, every) = answers.to(b"/short/v1/chat/completions", true);
        assert_eq!((short.ends.len(), every), (13, None));
        assert!(answers.to(b"/sized-5000/v1/chat/completions", false).0.bytes.len() > 5000);
    }

    #[test]
    fn a_small_answer_is_about_a_kilobyte() {
        for body in [chat(SMALL), messages(SMALL)] {
            assert!((900..1100).contains(&body.len()), "{}", body.len());
        }
    }
}
