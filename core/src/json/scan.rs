//! The scanner: validates a JSON text (RFC 8259) in one pass and records where each token lies.

use thiserror::Error;

use super::node::{Kind, Token};

/// What a scan refuses, beside malformed JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of arrays and objects.
    pub max_depth: u16,
    /// Longest text in bytes (never more than 4 GiB).
    pub max_bytes: usize,
    /// Whether an escape like `\ud83d` without its partner is refused. Requests refuse it; provider answers may carry
    /// half an emoji in each of two chunks.
    pub refuse_lone_surrogates: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: 128, max_bytes: 256 << 20, refuse_lone_surrogates: true }
    }
}

impl Limits {
    /// The limits for what a provider sends.
    #[must_use]
    pub fn lenient() -> Self {
        Self { refuse_lone_surrogates: false, ..Self::default() }
    }
}

/// Why a text is not acceptable JSON, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} at byte {index}")]
pub struct JsonError {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Offset of the offending byte.
    pub index: usize,
}

/// The ways in which a text can be unacceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text ends inside a value.
    #[error("unexpected end of JSON")]
    UnexpectedEnd,
    /// A byte that no JSON value can have here.
    #[error("unexpected character")]
    UnexpectedCharacter,
    /// Something follows the first value.
    #[error("trailing characters")]
    TrailingCharacters,
    /// A number that JSON's grammar does not know, such as `01` or `NaN`.
    #[error("invalid number")]
    InvalidNumber,
    /// An escape that JSON's grammar does not know.
    #[error("invalid escape sequence")]
    InvalidEscape,
    /// An escaped half of a surrogate pair without its other half.
    #[error("lone surrogate escape")]
    LoneSurrogate,
    /// A raw control character inside a string.
    #[error("control character in string")]
    ControlCharacter,
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// Arrays and objects nested deeper than the limit.
    #[error("nesting too deep")]
    TooDeep,
    /// A text longer than the limit.
    #[error("text too long")]
    TooLong,
}

/// Scans `text` into `tokens` (cleared first).
pub(super) fn scan(text: &[u8], limits: &Limits, tokens: &mut Vec<Token>) -> Result<(), JsonError> {
    tokens.clear();
    if text.len() > limits.max_bytes || u32::try_from(text.len()).is_err() {
        return Err(JsonError { kind: ErrorKind::TooLong, index: limits.max_bytes });
    }
    if let Err(error) = std::str::from_utf8(text) {
        return Err(JsonError { kind: ErrorKind::InvalidUtf8, index: error.valid_up_to() });
    }
    // A guess at the number of tokens saves most of the growing; a list that is reused keeps its size anyway.
    tokens.reserve(text.len() / 16 + 8);
    let mut scanner = Scanner { text, at: 0, limits, tokens };
    scanner.value(limits.max_depth)?;
    scanner.skip_space();
    if scanner.at < text.len() {
        return Err(scanner.error(ErrorKind::TrailingCharacters));
    }
    Ok(())
}

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    limits: &'t Limits,
    tokens: &'t mut Vec<Token>,
}

impl Scanner<'_> {
    fn error(&self, kind: ErrorKind) -> JsonError {
        JsonError { kind, index: self.at }
    }

    fn fail<T>(&self, kind: ErrorKind) -> Result<T, JsonError> {
        Err(self.error(kind))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, start: usize) -> usize {
        let index = self.tokens.len();
        self.tokens.push(Token { kind, start: start as u32, end: self.at as u32, next: index as u32 + 1 });
        index
    }

    fn close(&mut self, index: usize) {
        let next = self.tokens.len() as u32;
        let token = &mut self.tokens[index];
        token.end = self.at as u32;
        token.next = next;
    }

    fn value(&mut self, depth: u16) -> Result<(), JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.literal(b"true", Kind::True),
            Some(b'f') => self.literal(b"false", Kind::False),
            Some(b'n') => self.literal(b"null", Kind::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.fail(ErrorKind::UnexpectedCharacter),
            None => self.fail(ErrorKind::UnexpectedEnd),
        }
    }

    fn object(&mut self, depth: u16) -> Result<(), JsonError> {
        let Some(inner) = depth.checked_sub(1) else { return self.fail(ErrorKind::TooDeep) };
        let start = self.at;
        self.at += 1;
        let index = self.push(Kind::Object, start);
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.close(index);
            return Ok(());
        }
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => self.string()?,
                Some(_) => return self.fail(ErrorKind::UnexpectedCharacter),
                None => return self.fail(ErrorKind::UnexpectedEnd),
            }
            self.skip_space();
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(_) => return self.fail(ErrorKind::UnexpectedCharacter),
                None => return self.fail(ErrorKind::UnexpectedEnd),
            }
            self.value(inner)?;
            if self.ends(b'}')? {
                self.close(index);
                return Ok(());
            }
        }
    }

    fn array(&mut self, depth: u16) -> Result<(), JsonError> {
        let Some(inner) = depth.checked_sub(1) else { return self.fail(ErrorKind::TooDeep) };
        let start = self.at;
        self.at += 1;
        let index = self.push(Kind::Array, start);
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.close(index);
            return Ok(());
        }
        loop {
            self.value(inner)?;
            if self.ends(b']')? {
                self.close(index);
                return Ok(());
            }
        }
    }

    /// Consumes the comma or the closing bracket after an element; true for the bracket.
    fn ends(&mut self, close: u8) -> Result<bool, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => self.fail(ErrorKind::UnexpectedCharacter),
            None => self.fail(ErrorKind::UnexpectedEnd),
        }
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<(), JsonError> {
        let start = self.at;
        for &expected in word {
            match self.peek() {
                Some(byte) if byte == expected => self.at += 1,
                Some(_) => return self.fail(ErrorKind::UnexpectedCharacter),
                None => return self.fail(ErrorKind::UnexpectedEnd),
            }
        }
        self.push(kind, start);
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<(), JsonError> {
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
        Ok(())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.at += 1;
        let mut kind = Kind::Plain;
        loop {
            self.at += plain_run(&self.text[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.push(kind, start);
                    return Ok(());
                }
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                Some(_) => return self.fail(ErrorKind::ControlCharacter),
                None => return self.fail(ErrorKind::UnexpectedEnd),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => self.unicode_escape(),
            Some(_) => self.fail(ErrorKind::InvalidEscape),
            None => self.fail(ErrorKind::UnexpectedEnd),
        }
    }

    fn unicode_escape(&mut self) -> Result<(), JsonError> {
        let Some(unit) = hex4(self.text, self.at + 2) else { return self.fail(ErrorKind::InvalidEscape) };
        if !(0xD800..=0xDFFF).contains(&unit) {
            self.at += 6;
            return Ok(());
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
        Ok(())
    }
}

/// The four hexadecimal digits at `at`, as a UTF-16 code unit.
pub(super) fn hex4(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 4)?;
    let mut unit = 0u16;
    for &digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return None,
        };
        unit = unit << 4 | u16::from(value);
    }
    Some(unit)
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The high bit of every byte of `word` that ends a plain run, up to and including the first such byte.
fn specials(word: u64) -> u64 {
    // The usual trick: a byte less than `n` borrows when `n` is taken from it.
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = is_zero(word ^ (ONES * u64::from(b'"')));
    let backslash = is_zero(word ^ (ONES * u64::from(b'\\')));
    (control | quote | backslash) & HIGHS
}

/// How many bytes at the start of `text` are neither a quote, a backslash nor a control character.
pub(super) fn plain_run(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = specials(u64::from_le_bytes(*bytes));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
    at + text[at..].iter().position(special).unwrap_or(text.len() - at)
}

#[cfg(test)]
mod tests {
    use super::plain_run;

    #[test]
    fn runs_end_at_the_first_special_byte_wherever_it_is() {
        for special in (0..0x20).chain([b'"', b'\\']) {
            for at in 0..40 {
                let mut text = "é~\x7f !#[]ÿ".repeat(8).into_bytes();
                text[at] = special;
                assert_eq!(plain_run(&text), at, "{special:#x} at {at}");
                text[at + 1] = b'"';
                assert_eq!(plain_run(&text), at, "{special:#x} at {at}, followed by a quote");
            }
        }
        let plain = "é~\x7f !#[]ÿ".repeat(8);
        assert_eq!(plain_run(plain.as_bytes()), plain.len());
    }
}
