//! Server-sent events, as the [HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html) has them.

use memchr::memchr2;
use thiserror::Error;

use crate::edit::Patch;

/// Cuts a byte stream into event blocks. Feed it with any split of the bytes; the frames are the same. A block that a
/// chunk holds whole is not copied.
#[derive(Debug, Clone)]
pub struct SseReader {
    /// A block of which only the beginning has come.
    buffer: Vec<u8>,
    block: Block,
    joined: Vec<u8>,
    at_beginning: bool,
    limit: usize,
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The event's name; empty for none.
    pub event: &'a [u8],
    /// The data, its lines joined by line feeds; `None` for a block without data, such as a comment.
    pub data: Option<&'a [u8]>,
    /// The whole block as it came, blank line included.
    pub raw: &'a [u8],
    /// Where the data lies in `raw`; `None` where its lines had to be joined.
    pub data_at: Option<usize>,
}

impl Frame<'_> {
    /// Whether the block is nothing but comments (`: keep-alive`) and line ends.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        self.raw
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .all(|line| line.is_empty() || line.starts_with(b":"))
    }
}

/// A block grew over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("event of more than {0} bytes")]
pub struct FrameTooLarge(pub usize);

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl SseReader {
    /// A reader that refuses blocks of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), block: Block::default(), joined: Vec::new(), at_beginning: true, limit }
    }

    /// The next complete block; takes from `chunk` what it reads. Call it until it returns `None`, then feed the next.
    ///
    /// # Errors
    /// When a block is larger than the limit.
    pub fn next_frame<'f, 'c: 'f>(
        &'f mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<Frame<'f>>, FrameTooLarge> {
        if self.at_beginning && !self.skip_mark(chunk) {
            return Ok(None);
        }
        if self.block.start == self.buffer.len() {
            self.buffer.clear();
            self.block.rebase();
            self.whole(chunk)
        } else {
            self.cut(chunk)
        }
    }

    /// Skips a byte order mark; false while one may still be on its way.
    fn skip_mark(&mut self, chunk: &mut &[u8]) -> bool {
        let wanted = BYTE_ORDER_MARK.len() - self.buffer.len();
        let (now, rest) = chunk.split_at(wanted.min(chunk.len()));
        self.buffer.extend_from_slice(now);
        *chunk = rest;
        self.at_beginning = self.buffer.len() < BYTE_ORDER_MARK.len();
        if self.buffer == BYTE_ORDER_MARK {
            self.buffer.clear();
        }
        !self.at_beginning
    }

    /// The next block of a chunk at whose start no block is open.
    fn whole<'f, 'c: 'f>(&'f mut self, chunk: &mut &'c [u8]) -> Result<Option<Frame<'f>>, FrameTooLarge> {
        let text = *chunk;
        match self.block.read(text) {
            Some(span) => {
                *chunk = &text[span.1..];
                self.check(span.1 - span.0)?;
                let frame = self.block.frame(text, span, &mut self.joined);
                self.block.rebase();
                Ok(Some(frame))
            }
            None => {
                self.buffer.extend_from_slice(&text[self.block.start..]);
                *chunk = &[];
                self.block.rebase();
                self.check(self.buffer.len())?;
                Ok(None)
            }
        }
    }

    /// The rest of a block that began in an earlier chunk.
    fn cut(&mut self, chunk: &mut &[u8]) -> Result<Option<Frame<'_>>, FrameTooLarge> {
        let span = loop {
            if let Some(span) = self.block.read(&self.buffer) {
                break span;
            }
            self.check(self.buffer.len() - self.block.start)?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let line = memchr2(b'\n', b'\r', chunk).map_or(chunk.len(), |end| end + 1);
            self.buffer.extend_from_slice(&chunk[..line]);
            *chunk = &chunk[line..];
        };
        self.check(span.1 - span.0)?;
        Ok(Some(self.block.frame(&self.buffer, span, &mut self.joined)))
    }

    fn check(&self, length: usize) -> Result<(), FrameTooLarge> {
        if length > self.limit { Err(FrameTooLarge(self.limit)) } else { Ok(()) }
    }

    /// What is left of a stream that ended without the blank line after its last block: providers do that, and their
    /// clients accept it.
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        self.at_beginning = false;
        let span = self.block.rest(&self.buffer)?;
        Some(self.block.frame(&self.buffer, span, &mut self.joined))
    }
}

/// How far a block has been read. All places are in the text that the block stands in: a chunk, or the buffer.
#[derive(Debug, Default, Clone)]
struct Block {
    start: usize,
    /// Up to here its lines are known.
    searched: usize,
    /// Up to here there is no other line end.
    looked: usize,
    /// Where the values of its fields are.
    event: (usize, usize),
    data: Vec<(usize, usize)>,
    /// A carriage return ended the last line, so a line feed that follows belongs to it.
    after_return: bool,
}

impl Block {
    /// Reads lines up to the end of the block; returns its span.
    fn read(&mut self, text: &[u8]) -> Option<(usize, usize)> {
        loop {
            if self.after_return && self.searched < text.len() {
                self.after_return = false;
                if text[self.searched] == b'\n' {
                    // It stays in `raw`, at the start of the next block: no byte of the stream is left out.
                    self.searched += 1;
                }
            }
            let line = self.searched;
            let from = line.max(self.looked);
            let Some(found) = memchr2(b'\n', b'\r', &text[from..]) else {
                self.looked = text.len();
                return None;
            };
            let end = from + found;
            self.searched = end + 1;
            self.after_return = text[end] == b'\r';
            if line < end {
                self.line(text, line, end);
                continue;
            }
            let start = std::mem::replace(&mut self.start, self.searched);
            // Where there was nothing but the blank line, that was no block.
            if self.start - start > 1 {
                return Some((start, self.start));
            }
        }
    }

    /// What is left of a text that ended.
    fn rest(&mut self, text: &[u8]) -> Option<(usize, usize)> {
        let skip = usize::from(self.after_return && text.get(self.searched) == Some(&b'\n'));
        if self.searched + skip < text.len() {
            self.line(text, self.searched + skip, text.len());
        }
        self.searched = text.len();
        let start = std::mem::replace(&mut self.start, text.len());
        (start < text.len()).then_some((start, text.len()))
    }

    fn line(&mut self, text: &[u8], start: usize, end: usize) {
        let line = &text[start..end];
        let value = |name: &[u8]| match line.strip_prefix(name)? {
            [] => Some((end, end)),
            [b':', b' ', ..] => Some((start + name.len() + 2, end)),
            [b':', ..] => Some((start + name.len() + 1, end)),
            _ => None,
        };
        if let Some(value) = value(b"data") {
            self.data.push(value);
        } else if let Some(value) = value(b"event") {
            self.event = value;
        }
    }

    /// Counts from the start of the block.
    fn rebase(&mut self) {
        let by = std::mem::take(&mut self.start);
        self.searched -= by;
        self.looked = self.looked.saturating_sub(by);
        self.event = (self.event.0.saturating_sub(by), self.event.1.saturating_sub(by));
        for line in &mut self.data {
            *line = (line.0 - by, line.1 - by);
        }
    }

    /// The block that was read, and ready for the next.
    fn frame<'f>(&mut self, text: &'f [u8], span: (usize, usize), joined: &'f mut Vec<u8>) -> Frame<'f> {
        let event = std::mem::take(&mut self.event);
        let mut data_at = None;
        let data: Option<&[u8]> = match self.data.as_slice() {
            [] => None,
            [(from, to)] => {
                data_at = Some(from - span.0);
                Some(&text[*from..*to])
            }
            lines => {
                joined.clear();
                for (number, (from, to)) in lines.iter().enumerate() {
                    if number > 0 {
                        joined.push(b'\n');
                    }
                    joined.extend_from_slice(&text[*from..*to]);
                }
                Some(joined)
            }
        };
        self.data.clear();
        Frame { event: &text[event.0..event.1], data, raw: &text[span.0..span.1], data_at }
    }
}

/// Writes a frame with its data patched; a frame whose data came in one line keeps everything around it.
pub(crate) fn write_patched(frame: Frame<'_>, patch: &mut Patch, out: &mut Vec<u8>) {
    let Some(data) = frame.data.filter(|_| !patch.is_empty()) else {
        return out.extend_from_slice(frame.raw);
    };
    if let Some(at) = frame.data_at {
        out.extend_from_slice(&frame.raw[..at]);
        patch.write(data, out);
        out.extend_from_slice(&frame.raw[at + data.len()..]);
        return;
    }
    // The data was spread over lines: it goes out in one.
    if !frame.event.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(frame.event);
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    let start = out.len();
    patch.write(data, out);
    for byte in &mut out[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\n\n");
}
