//! The scanner: validates a JSON text (RFC 8259) in one pass and records where each token lies.

use super::bytes::{BLOCK, Block, character, hex4};
use super::error::{ErrorKind, JsonError, Limits};
use super::node::{Kind, Token};

/// Scans `text` into `tokens` (cleared first).
pub(super) fn scan(text: &[u8], limits: &Limits, tokens: &mut Vec<Token>) -> Result<(), JsonError> {
    /// Texts with more tokens than that let the list grow.
    const MOST_AT_ONCE: usize = 4096;
    tokens.clear();
    if text.len() > limits.max_bytes || u32::try_from(text.len()).is_err() {
        return Err(JsonError { kind: ErrorKind::TooLong, index: limits.max_bytes });
    }
    // A guess at the number of tokens saves most of the growing; a list that is reused keeps its size anyway.
    tokens.reserve((text.len() / 16).min(MOST_AT_ONCE) + 8);
    let mut scanner = Scanner {
        text,
        at: 0,
        limits,
        tokens,
        special: 0,
        known_to: 0,
        utf8_to: 0,
        open: NONE,
        in_object: false,
        depth: 0,
        error: ErrorKind::UnexpectedEnd,
    };
    match scanner.document() {
        Some(()) => Ok(()),
        None => Err(scanner.error()),
    }
}

/// The index of no token.
const NONE: u32 = u32::MAX;

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    limits: &'t Limits,
    tokens: &'t mut Vec<Token>,
    /// The special bytes of the block before `known_to`.
    special: u64,
    known_to: usize,
    /// Up to here every character that a string has is UTF-8.
    utf8_to: usize,
    /// The innermost open array or object. While it is open, its `next` is the one around it.
    open: u32,
    in_object: bool,
    depth: u16,
    error: ErrorKind,
}

/// The scan goes on with `Some`; with `None` it is over, for the reason in `error`.
impl Scanner<'_> {
    #[cold]
    fn error(&self) -> JsonError {
        // Bytes that are not UTF-8 are told before anything else that is wrong.
        match std::str::from_utf8(self.text) {
            Ok(_) => JsonError { kind: self.error, index: self.at },
            Err(error) => JsonError { kind: ErrorKind::InvalidUtf8, index: error.valid_up_to() },
        }
    }

    #[cold]
    fn fail<T>(&mut self, error: ErrorKind) -> Option<T> {
        self.error = error;
        None
    }

    /// Something else stands here than must.
    #[cold]
    fn unexpected<T>(&mut self) -> Option<T> {
        self.fail(if self.at < self.text.len() {
            ErrorKind::UnexpectedCharacter
        } else {
            ErrorKind::UnexpectedEnd
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek_token(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let next = self.tokens.len() as u32 + 1;
        self.tokens.push(Token { kind, start: start as u32, end: self.at as u32, next });
    }

    fn document(&mut self) -> Option<()> {
        loop {
            // Here a member or an element begins, or the text.
            if self.in_object {
                self.key()?;
            }
            if self.value()? {
                continue;
            }
            while self.open != NONE {
                match self.peek_token() {
                    Some(b',') => {
                        self.at += 1;
                        break;
                    }
                    Some(b'}') if self.in_object => self.close(),
                    Some(b']') if !self.in_object => self.close(),
                    _ => return self.unexpected(),
                }
            }
            if self.open == NONE {
                return match self.peek_token() {
                    None => Some(()),
                    Some(_) => self.fail(ErrorKind::TrailingCharacters),
                };
            }
        }
    }

    /// Reads a value, or the beginning of one: true where a member or an element of it follows.
    #[inline(always)]
    fn value(&mut self) -> Option<bool> {
        match self.peek_token() {
            Some(b'"') => self.string(),
            Some(b'{') => {
                self.open(Kind::Object)?;
                if self.peek_token() != Some(b'}') {
                    return Some(true);
                }
                self.close();
                Some(())
            }
            Some(b'[') => {
                self.open(Kind::Array)?;
                if self.peek_token() != Some(b']') {
                    return Some(true);
                }
                self.close();
                Some(())
            }
            Some(b't') => self.literal(b"true", Kind::True),
            Some(b'f') => self.literal(b"false", Kind::False),
            Some(b'n') => self.literal(b"null", Kind::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.unexpected(),
        }
        .map(|()| false)
    }

    fn open(&mut self, kind: Kind) -> Option<()> {
        if self.depth == self.limits.max_depth {
            return self.fail(ErrorKind::TooDeep);
        }
        self.depth += 1;
        let index = self.tokens.len() as u32;
        let start = self.at as u32;
        self.tokens.push(Token { kind, start, end: start, next: self.open });
        self.open = index;
        self.in_object = kind == Kind::Object;
        self.at += 1;
        Some(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
        let next = self.tokens.len() as u32;
        let token = &mut self.tokens[self.open as usize];
        token.end = self.at as u32;
        self.open = std::mem::replace(&mut token.next, next);
        self.in_object = self.open != NONE && self.tokens[self.open as usize].kind == Kind::Object;
    }

    /// A key and its colon.
    #[inline(always)]
    fn key(&mut self) -> Option<()> {
        if self.peek_token() != Some(b'"') {
            return self.unexpected();
        }
        self.string()?;
        if self.peek_token() != Some(b':') {
            return self.unexpected();
        }
        self.at += 1;
        Some(())
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Option<()> {
        let start = self.at;
        for &expected in word {
            if self.peek() != Some(expected) {
                return self.unexpected();
            }
            self.at += 1;
        }
        self.push(kind, start);
        Some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let whole = self.digits();
        if whole == 0 || (whole > 1 && first == Some(b'0')) {
            return self.fail(ErrorKind::InvalidNumber);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.fail(ErrorKind::InvalidNumber);
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fail(ErrorKind::InvalidNumber);
            }
        }
        self.push(Kind::Number, start);
        Some(())
    }

    #[inline(always)]
    fn string(&mut self) -> Option<()> {
        let start = self.at;
        self.at += 1;
        // Most strings are short: they end in the block that they begin in, and have nothing special before that.
        let special = self.special_ahead();
        if special != 0 {
            let end = self.at + special.trailing_zeros() as usize;
            if self.text.get(end) == Some(&b'"') {
                self.at = end + 1;
                self.push(Kind::Plain, start);
                return Some(());
            }
        }
        self.long_string(start)
    }

    /// Reads on in the string at `start`.
    #[inline(never)]
    fn long_string(&mut self, start: usize) -> Option<()> {
        let (mut at, mut special, mut kind) = (self.at, self.special_ahead(), Kind::Plain);
        loop {
            if special == 0 {
                // Nothing stands in what is left of the known block.
                self.at = at.max(self.known_to);
                self.know_block()?;
                (at, special) = (self.at, self.special_ahead());
                continue;
            }
            let plain = special.trailing_zeros();
            at += plain as usize;
            match (self.text[at], self.text.get(at + 1)) {
                (b'"', _) => {
                    self.at = at + 1;
                    self.push(kind, start);
                    return Some(());
                }
                (b'\\', Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                    kind = Kind::Escaped;
                    at += 2;
                    // The escaped character is none that counts. It may be the next block's first.
                    special = special >> plain >> 2;
                }
                (b'\\', _) => {
                    kind = Kind::Escaped;
                    self.at = at;
                    self.longer_escape()?;
                    (at, special) = (self.at, self.special_ahead());
                }
                _ => {
                    self.at = at;
                    return self.fail(ErrorKind::ControlCharacter);
                }
            }
        }
    }

    /// The special bytes of the known block from `at` on; none where `at` is not in that block.
    #[inline(always)]
    fn special_ahead(&self) -> u64 {
        // The distance from the end of the known block is 1 to 64 inside it.
        let left = self.known_to.wrapping_sub(self.at);
        if left.wrapping_sub(1) < BLOCK { self.special >> (BLOCK - left) } else { 0 }
    }

    /// Looks at the block that `at` is in.
    fn know_block(&mut self) -> Option<()> {
        let start = self.at - self.at % BLOCK;
        if self.at >= self.text.len() {
            self.at = self.text.len();
            return self.fail(ErrorKind::UnexpectedEnd);
        }
        let block = Block::of(&self.text[start..]);
        if block.foreign != 0 {
            self.check_utf8(start, block.foreign)?;
        }
        self.special = block.special;
        self.known_to = start + BLOCK;
        Some(())
    }

    /// Checks the characters whose bytes are marked in the block at `start`.
    fn check_utf8(&mut self, start: usize, mut foreign: u64) -> Option<()> {
        loop {
            let checked = self.utf8_to.saturating_sub(start);
            foreign &= u64::MAX.checked_shl(checked as u32).unwrap_or(0);
            if foreign == 0 {
                return Some(());
            }
            let at = start + foreign.trailing_zeros() as usize;
            let Some(length) = character(&self.text[at..]) else {
                return self.fail(ErrorKind::InvalidUtf8);
            };
            self.utf8_to = at + length;
        }
    }

    /// An escape of more than two characters, or none.
    fn longer_escape(&mut self) -> Option<()> {
        match self.text.get(self.at + 1) {
            Some(b'u') => self.unicode_escape(),
            Some(_) => self.fail(ErrorKind::InvalidEscape),
            None => self.fail(ErrorKind::UnexpectedEnd),
        }
    }

    fn unicode_escape(&mut self) -> Option<()> {
        let Some(unit) = hex4(self.text, self.at + 2) else { return self.fail(ErrorKind::InvalidEscape) };
        if !(0xD800..=0xDFFF).contains(&unit) {
            self.at += 6;
            return Some(());
        }
        let paired = unit < 0xDC00
            && self.text.get(self.at + 6..self.at + 8) == Some(b"\\u")
            && hex4(self.text, self.at + 8).is_some_and(|low| (0xDC00..=0xDFFF).contains(&low));
        if paired {
            self.at += 12;
        } else if self.limits.refuse_lone_surrogates {
            return self.fail(ErrorKind::LoneSurrogate);
        } else {
            self.at += 6;
        }
        Some(())
    }
}
