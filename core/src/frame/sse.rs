//! Server-sent events, as the [HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html) has them.

use memchr::memchr2;
use thiserror::Error;

use crate::edit::Patch;

/// Cuts a byte stream into event blocks. Feed it with any split of the bytes; the frames are the same.
#[derive(Debug, Clone)]
pub struct SseReader {
    buffer: Vec<u8>,
    /// Where the block that is being read starts.
    start: usize,
    /// How far the block has been searched for line ends.
    searched: usize,
    /// Lines of the current block, as `(field, start, end)` of their values.
    event: (usize, usize),
    data: Vec<(usize, usize)>,
    joined: Vec<u8>,
    /// A carriage return ended the last line, so a line feed that follows belongs to it.
    after_return: bool,
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

impl SseReader {
    /// A reader that refuses blocks of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            event: (0, 0),
            data: Vec::new(),
            joined: Vec::new(),
            after_return: false,
            at_beginning: true,
            limit,
        }
    }

    /// Takes the next bytes. Call [`SseReader::next_frame`] until it returns `None` before feeding more.
    pub fn feed(&mut self, chunk: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.rebase(self.start);
        }
        self.buffer.extend_from_slice(chunk);
        if self.at_beginning && self.buffer.len() >= 3 {
            self.at_beginning = false;
            if self.buffer.starts_with(b"\xEF\xBB\xBF") {
                self.buffer.drain(..3);
            }
        }
    }

    fn rebase(&mut self, by: usize) {
        self.searched -= by;
        self.event = (self.event.0.saturating_sub(by), self.event.1.saturating_sub(by));
        for line in &mut self.data {
            *line = (line.0 - by, line.1 - by);
        }
        self.start = 0;
    }

    /// The next complete block.
    ///
    /// # Errors
    /// When a block is larger than the limit.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameTooLarge> {
        if self.at_beginning {
            // Fewer than three bytes: a byte order mark may still be on its way.
            return Ok(None);
        }
        loop {
            if self.after_return && self.searched < self.buffer.len() {
                self.after_return = false;
                if self.buffer[self.searched] == b'\n' {
                    // It stays in `raw`, at the start of the next block: no byte of the stream is left out.
                    self.searched += 1;
                }
            }
            let Some(found) = memchr2(b'\n', b'\r', &self.buffer[self.searched..]) else {
                if self.buffer.len() - self.start > self.limit {
                    return Err(FrameTooLarge(self.limit));
                }
                return Ok(None);
            };
            let (line_start, line_end) = (self.searched, self.searched + found);
            self.searched = line_end + 1;
            self.after_return = self.buffer[line_end] == b'\r';
            if line_start < line_end {
                self.line(line_start, line_end);
            } else if let Some(block) = self.end_block() {
                return Ok(Some(self.frame(block)));
            }
        }
    }

    fn line(&mut self, start: usize, end: usize) {
        let line = &self.buffer[start..end];
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let space = usize::from(line.get(colon + 1) == Some(&b' '));
        let value = ((start + colon + 1 + space).min(end), end);
        match &line[..colon] {
            b"data" => self.data.push(value),
            b"event" => self.event = value,
            _ => {}
        }
    }

    /// Ends the current block and returns its span; `None` where there was nothing but the blank line.
    fn end_block(&mut self) -> Option<(usize, usize)> {
        let block = (self.start, self.searched);
        self.start = self.searched;
        (block.1 - block.0 > 1).then_some(block)
    }

    fn frame(&mut self, block: (usize, usize)) -> Frame<'_> {
        let event = std::mem::take(&mut self.event);
        let mut data_at = None;
        let data: Option<&[u8]> = match self.data.as_slice() {
            [] => None,
            [(from, to)] => {
                data_at = Some(from - block.0);
                Some(&self.buffer[*from..*to])
            }
            lines => {
                self.joined.clear();
                for (number, (from, to)) in lines.iter().enumerate() {
                    if number > 0 {
                        self.joined.push(b'\n');
                    }
                    self.joined.extend_from_slice(&self.buffer[*from..*to]);
                }
                Some(&self.joined)
            }
        };
        self.data.clear();
        Frame { event: &self.buffer[event.0..event.1], data, raw: &self.buffer[block.0..block.1], data_at }
    }

    /// What is left of a stream that ended without the blank line after its last block: providers do that, and their
    /// clients accept it.
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        self.at_beginning = false;
        let (start, end) = (self.searched, self.buffer.len());
        let skip = usize::from(self.after_return && self.buffer.get(start) == Some(&b'\n'));
        if start + skip < end {
            self.line(start + skip, end);
        }
        self.searched = end;
        let block = (self.start, end);
        self.start = end;
        (block.0 < block.1).then(|| self.frame(block))
    }
}

/// Writes a frame with its data patched; a frame whose data came in one line keeps everything around it.
pub(crate) fn write_patched(frame: Frame<'_>, data: &[u8], patch: Patch, out: &mut Vec<u8>) {
    if patch.is_empty() {
        out.extend_from_slice(frame.raw);
        return;
    }
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
