//! Just enough of HTTP/1.1 for peers that are known: length or chunks, keep-alive.

use memchr::{memchr, memchr_iter, memmem};

const TAIL: usize = 24;

/// A request that arrived whole.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) stream: bool,
    /// Where the next request would start.
    pub(crate) end: usize,
}

/// The request at the start of `bytes`, `None` while it is not whole.
pub(crate) fn request(bytes: &[u8]) -> Option<Request<'_>> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let end = match field(&bytes[..head], b"content-length").and_then(number) {
        Some(length) => head + length,
        None if field(&bytes[..head], b"transfer-encoding").is_some() => {
            head + memmem::find(&bytes[head..], b"\r\n0\r\n\r\n")? + 7
        }
        None => head,
    };
    let body = bytes.get(head..end)?;
    let stream = memmem::find_iter(body, b"\"stream\":")
        .any(|at| body[at + 9..].trim_ascii_start().starts_with(b"true"));
    let mut words = bytes[..head].split(|&byte| byte == b' ');
    Some(Request { path: words.nth(1).unwrap_or_default(), stream, end })
}

fn field<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = head;
    while let Some(at) = memchr(b'\n', rest) {
        rest = &rest[at + 1..];
        if rest.len() > name.len()
            && rest[name.len()] == b':'
            && rest[..name.len()].eq_ignore_ascii_case(name)
        {
            let value = &rest[name.len() + 1..];
            return Some(value[..memchr(b'\r', value)?].trim_ascii());
        }
    }
    None
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Head,
    Length { left: usize },
    Size { so_far: usize, digits: bool },
    Chunk { left: usize },
    ChunkEnd,
    Trailer { empty: bool },
}

/// An answer as it arrives, in any split. Only what decides whether it is whole is kept.
#[derive(Debug)]
pub(crate) struct Answer {
    state: State,
    head: Vec<u8>,
    tail: [u8; TAIL],
    after_newline: bool,
    pub(crate) status: u16,
    pub(crate) closes: bool,
    /// Events of a stream so far.
    pub(crate) events: u64,
}

/// The peer does not speak HTTP/1.1 as expected.
#[derive(Debug)]
pub(crate) struct Malformed;

impl Answer {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
            tail: [0; TAIL],
            after_newline: false,
            status: 0,
            closes: false,
            events: 0,
        }
    }

    /// Ready for the next answer.
    pub(crate) fn reset(&mut self) {
        self.state = State::Head;
        self.head.clear();
        self.tail = [0; TAIL];
        (self.after_newline, self.status, self.closes, self.events) = (false, 0, false, 0);
    }

    /// Whether the last event of a stream came.
    pub(crate) fn terminated(&self) -> bool {
        let tail = self.tail.trim_ascii_end();
        tail.ends_with(b"[DONE]")
            || tail.ends_with(br#""message_stop"}"#)
            || tail.ends_with(br#""message_stop" }"#)
    }

    /// Whether the body ends as a JSON object does.
    pub(crate) fn ends_as_object(&self) -> bool {
        self.tail.trim_ascii_end().ends_with(b"}")
    }

    /// Takes the next bytes; true once the answer is whole.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Result<bool, Malformed> {
        loop {
            match &mut self.state {
                State::Head => match self.take_head(bytes)? {
                    Some(used) => bytes = &bytes[used..],
                    None => return Ok(false),
                },
                State::Length { left } | State::Chunk { left } => {
                    let here = bytes.len().min(*left);
                    *left -= here;
                    let whole = *left == 0;
                    let chunked = matches!(self.state, State::Chunk { .. });
                    self.take_body(&bytes[..here]);
                    bytes = &bytes[here..];
                    match (whole, chunked) {
                        (true, true) => self.state = State::ChunkEnd,
                        (whole, _) => return Ok(whole),
                    }
                }
                State::Size { .. } | State::ChunkEnd | State::Trailer { .. } => {
                    let Some((&byte, rest)) = bytes.split_first() else { return Ok(false) };
                    bytes = rest;
                    if self.take_framing(byte)? {
                        return Ok(true);
                    }
                }
            }
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let before = self.head.len();
        let end = if before == 0 {
            memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
        } else {
            self.head.extend_from_slice(bytes);
            memmem::find(&self.head, b"\r\n\r\n").map(|at| at + 4)
        };
        let Some(end) = end else {
            if before == 0 {
                self.head.extend_from_slice(bytes);
            }
            return Ok(None);
        };
        let head = if before == 0 { &bytes[..end] } else { &self.head[..end] };
        self.status = head.get(9..12).and_then(number).and_then(|status| status.try_into().ok()).unwrap_or(0);
        self.closes = field(head, b"connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
        self.state = match field(head, b"content-length").and_then(number) {
            Some(left) => State::Length { left },
            None if field(head, b"transfer-encoding").is_some() => State::Size { so_far: 0, digits: false },
            None => return Err(Malformed),
        };
        Ok(Some(end - before))
    }

    fn take_framing(&mut self, byte: u8) -> Result<bool, Malformed> {
        self.state = match (self.state, byte) {
            (State::Size { so_far, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0) as usize;
                State::Size { so_far: so_far * 16 + digit, digits: true }
            }
            (State::Size { so_far: 0, digits: true }, b'\n') => State::Trailer { empty: true },
            (State::Size { so_far, digits: true }, b'\n') => State::Chunk { left: so_far },
            (State::Trailer { empty: true }, b'\n') => return Ok(true),
            (State::Trailer { .. }, b'\n') => State::Trailer { empty: true },
            (State::ChunkEnd, b'\n') => State::Size { so_far: 0, digits: false },
            (state, b'\r') => state,
            (State::Trailer { .. }, _) => State::Trailer { empty: false },
            _ => return Err(Malformed),
        };
        Ok(false)
    }

    fn take_body(&mut self, bytes: &[u8]) {
        let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return };
        if self.after_newline && first == b'\n' {
            self.events += 1;
        }
        self.events +=
            memchr_iter(b'\n', bytes).filter(|&at| at > 0 && bytes[at - 1] == b'\n').count() as u64;
        self.after_newline = last == b'\n';
        if let Some(from) = bytes.len().checked_sub(TAIL) {
            self.tail.copy_from_slice(&bytes[from..]);
        } else {
            self.tail.rotate_left(bytes.len());
            self.tail[TAIL - bytes.len()..].copy_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Answers;

    #[test]
    fn a_request_is_known_once_it_is_whole() {
        let bytes = b"POST /v1/x HTTP/1.1\r\nContent-Length: 15\r\n\r\n{\"stream\":true}rest";
        let whole = request(bytes).expect("whole");
        assert_eq!((whole.path, whole.stream, whole.end), (&b"/v1/x"[..], true, bytes.len() - 4));
        assert!(request(&bytes[..50]).is_none());
        let chunked = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        assert_eq!(request(chunked).map(|one| one.end), Some(chunked.len()));
        assert!(request(&chunked[..chunked.len() - 1]).is_none());
    }

    #[test]
    fn every_answer_is_whole_at_its_last_byte_in_any_split() {
        let mut answers = Answers::new();
        for (path, stream, events) in [
            (&b"/v1/chat/completions"[..], false, 0),
            (b"/v1/chat/completions", true, 103),
            (b"/v1/messages", true, 105),
        ] {
            let (answer, _) = answers.to(path, stream);
            for step in [1, 7, 1000, usize::MAX] {
                let mut reader = Answer::new();
                let mut pieces = answer.bytes.chunks(step.min(answer.bytes.len())).peekable();
                while let Some(piece) = pieces.next() {
                    let whole = reader.take(piece).expect("well formed");
                    assert_eq!(whole, pieces.peek().is_none());
                }
                assert_eq!((reader.status, reader.events), (200, events));
                assert_eq!(
                    (reader.terminated(), reader.ends_as_object()),
                    (stream, !stream || path == b"/v1/messages")
                );
            }
        }
    }

    #[test]
    fn a_truncated_stream_is_not_terminated() {
        let mut reader = Answer::new();
        let whole = reader
            .take(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n");
        assert!(whole.expect("well formed") && !reader.terminated());
    }
}
