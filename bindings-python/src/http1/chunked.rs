//! Bodies in chunks (RFC 9112, section 7.1).

use std::ops::Range;

use pyo3::prelude::*;

use super::bad;

/// Longest line of a chunk's size with its extensions, and of all trailers together.
const MAX_LINE: usize = 1024;
const MAX_TRAILERS: usize = 16 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line that holds a chunk's size.
    Size,
    /// In a chunk's data.
    Data,
    /// In the CRLF after a chunk's data.
    DataEnd,
    /// In the trailers, which are dropped.
    Trailers,
    Over,
}

/// Takes the chunks off a body that arrives in any pieces.
pub(super) struct Chunked {
    state: State,
    /// Bytes of the current chunk that are still to come.
    left: u64,
    /// The unfinished line.
    line: Vec<u8>,
    trailers: usize,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Size, left: 0, line: Vec::new(), trailers: 0 }
    }

    pub(super) fn over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes bytes from the connection. Returns where in them the body's bytes are, and how many were used: what follows
    /// the body is not touched.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> PyResult<(Vec<Range<usize>>, usize)> {
        let mut at = 0;
        let mut found = Vec::new();
        while at < bytes.len() && self.state != State::Over {
            if self.state == State::Data {
                let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                found.push(at..at + take);
                at += take;
                self.left -= take as u64;
                if self.left == 0 {
                    self.state = State::DataEnd;
                }
            } else {
                at += self.line(&bytes[at..])?;
            }
        }
        Ok((found, at))
    }

    /// Takes a line, or what is there of one; returns how many bytes that were.
    fn line(&mut self, bytes: &[u8]) -> PyResult<usize> {
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        if self.line.len() + taken > MAX_LINE {
            return Err(bad(400, "a line between the chunks is too long"));
        }
        if end.is_none() {
            self.line.extend_from_slice(bytes);
            return Ok(taken);
        }
        let mut whole = std::mem::take(&mut self.line);
        let line = if whole.is_empty() {
            &bytes[..taken]
        } else {
            whole.extend_from_slice(&bytes[..taken]);
            whole.as_slice()
        };
        let line = line.strip_suffix(b"\r\n").filter(|line| !line.contains(&b'\r'));
        let Some(line) = line else {
            return Err(bad(400, "a line between the chunks does not end with CRLF"));
        };
        match self.state {
            State::Size => {
                self.left = size(line)?;
                self.state = if self.left == 0 { State::Trailers } else { State::Data };
            }
            State::DataEnd if line.is_empty() => self.state = State::Size,
            State::DataEnd => return Err(bad(400, "a chunk is longer than its size")),
            _ if line.is_empty() => self.state = State::Over,
            _ => {
                self.trailers += taken;
                if self.trailers > MAX_TRAILERS {
                    return Err(bad(431, "the trailers are over the limit"));
                }
            }
        }
        Ok(taken)
    }
}

/// A chunk's size, in hexadecimal digits and nothing else; an extension after `;` is dropped.
fn size(line: &[u8]) -> PyResult<u64> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
    // White space before an extension is allowed, as senders of old pad their sizes.
    let digits = digits.trim_ascii_end();
    let text = std::str::from_utf8(digits).ok().filter(|text| {
        !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    text.and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or_else(|| bad(400, "a chunk's size is not a hexadecimal number"))
}
