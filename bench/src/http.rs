//! Just enough of HTTP/1.1 for a peer that is known: length or chunks, keep-alive.

use std::io::{Error, ErrorKind, Read, Result};

/// The part of a message that is already read, and where its body ends.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
}

/// One message: its head, and its body's end in the buffer.
pub(crate) struct Message {
    pub(crate) head: usize,
    pub(crate) end: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; 256 * 1024], filled: 0 }
    }

    /// The bytes up to `end`.
    pub(crate) fn bytes(&self, end: usize) -> &[u8] {
        &self.bytes[..end]
    }

    /// Forgets a message that was dealt with.
    pub(crate) fn consume(&mut self, message: &Message) {
        self.bytes.copy_within(message.end..self.filled, 0);
        self.filled -= message.end;
    }

    /// The next whole message, `None` at the end of the connection.
    pub(crate) fn read(&mut self, from: &mut impl Read) -> Result<Option<Message>> {
        let head = loop {
            if let Some(at) = find(&self.bytes[..self.filled], b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill(from)? {
                return if self.filled == 0 { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        };
        let fields = self.bytes[..head].to_ascii_lowercase();
        let end = if find(&fields, b"transfer-encoding: chunked").is_some() {
            self.read_chunks(head, from)?
        } else {
            let end = head + content_length(&fields);
            while self.filled < end {
                if !self.fill(from)? {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            end
        };
        Ok(Some(Message { head, end }))
    }

    fn read_chunks(&mut self, mut at: usize, from: &mut impl Read) -> Result<usize> {
        loop {
            let line = loop {
                if let Some(length) = find(&self.bytes[at..self.filled], b"\r\n") {
                    break length;
                }
                if !self.fill(from)? {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            };
            let size = std::str::from_utf8(&self.bytes[at..at + line])
                .ok()
                .and_then(|text| usize::from_str_radix(text, 16).ok())
                .ok_or_else(|| Error::new(ErrorKind::InvalidData, "no chunk size"))?;
            at += line + 2 + size + 2;
            while self.filled < at {
                if !self.fill(from)? {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            if size == 0 {
                return Ok(at);
            }
        }
    }

    fn fill(&mut self, from: &mut impl Read) -> Result<bool> {
        if self.filled == self.bytes.len() {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
        let count = from.read(&mut self.bytes[self.filled..])?;
        self.filled += count;
        Ok(count > 0)
    }
}

fn content_length(fields: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length:";
    let Some(at) = find(fields, NAME) else { return 0 };
    let digits = fields[at + NAME.len()..].iter().skip_while(|byte| **byte == b' ');
    digits.take_while(|byte| byte.is_ascii_digit()).fold(0, |sum, byte| sum * 10 + usize::from(byte - b'0'))
}

/// Where `needle` is in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(hay, needle)
}
