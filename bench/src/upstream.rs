//! A provider that answers at once: the messages dialect on paths with `/messages`, else chat; streams if asked to.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::http::{Buffer, find};

const DELTAS: usize = 100;

struct Answers {
    chat: Vec<u8>,
    messages: Vec<u8>,
    chat_stream: Vec<u8>,
}

/// Serves until it is ended. The port is printed first.
pub(crate) fn serve(chat: &str, messages: &str) -> Result<(), String> {
    let read = |path: &str| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    let answers = Arc::new(Answers {
        chat: whole(&read(chat)?),
        messages: whole(&read(messages)?),
        chat_stream: chat_stream(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let mut out = std::io::stdout();
    writeln!(out, "{port}").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
    for connection in listener.incoming().flatten() {
        let answers = Arc::clone(&answers);
        thread::spawn(move || {
            let _ = converse(connection, &answers);
        });
    }
    Ok(())
}

fn converse(mut connection: TcpStream, answers: &Answers) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = Buffer::new();
    while let Some(message) = buffer.read(&mut connection)? {
        let bytes = buffer.bytes(message.end);
        let line = bytes.iter().position(|byte| *byte == b'\r').unwrap_or(0);
        let body = &bytes[message.head..];
        let stream = find(body, b"\"stream\":true").or_else(|| find(body, b"\"stream\": true")).is_some();
        let answer = match (find(&bytes[..line], b"/messages").is_some(), stream) {
            (true, _) => &answers.messages,
            (false, true) => &answers.chat_stream,
            (false, false) => &answers.chat,
        };
        connection.write_all(answer)?;
        buffer.consume(&message);
    }
    Ok(())
}

fn whole(body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn chat_stream() -> Vec<u8> {
    let mut answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let mut chunk = |data: &str| {
        answer.extend_from_slice(format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8).as_bytes());
    };
    let frame = |delta: &str, finish: &str| {
        format!(
            r#"{{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench-model","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        )
    };
    chunk(&frame(r#"{"role":"assistant","content":""}"#, "null"));
    for _ in 0..DELTAS {
        chunk(&frame(r#"{"content":" deployment"}"#, "null"));
    }
    chunk(&frame("{}", r#""stop""#));
    chunk("[DONE]");
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}
