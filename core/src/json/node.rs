//! Documents and cursors on them.

use std::borrow::Cow;

use super::error::{JsonError, Limits};
use super::scan;
use super::text::Text;

/// The kinds of JSON values. Strings come in two: with and without escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number, kept as it is spelled.
    Number,
    /// A string without escapes: its token is its text.
    Plain,
    /// A string with at least one escape.
    Escaped,
    /// An array.
    Array,
    /// An object.
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Index of the token after this value and all it contains.
    pub(super) next: u32,
}

/// The tokens of one text; reused from text to text so that a stream allocates nothing per event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tokens(Vec<Token>);

impl Tokens {
    /// Scans `text` and returns its root.
    pub(crate) fn parse<'a>(&'a mut self, text: &'a [u8], limits: &Limits) -> Result<Node<'a>, JsonError> {
        scan::scan(text, limits, &mut self.0)?;
        Ok(Node { text, tokens: &self.0, at: 0 })
    }

    /// How many bytes are in strings of at least `least` bytes.
    pub(crate) fn long_strings(&self, least: usize) -> usize {
        let strings = self.0.iter().filter(|token| matches!(token.kind, Kind::Plain | Kind::Escaped));
        strings.map(|token| (token.end - token.start) as usize).filter(|&length| length >= least).sum()
    }

    /// The string that the byte at `at` belongs to, its opening quote aside.
    pub(super) fn string_at(&mut self, at: usize) -> Option<&mut Token> {
        let behind = self.0.partition_point(|token| (token.start as usize) < at);
        let token = self.0.get_mut(behind.checked_sub(1)?)?;
        let is_string = matches!(token.kind, Kind::Plain | Kind::Escaped);
        (is_string && at < token.end as usize).then_some(token)
    }

    /// The number that the byte at `at` belongs to, or that ends before it.
    pub(super) fn number_at(&mut self, at: usize) -> Option<&mut Token> {
        let behind = self.0.partition_point(|token| token.start as usize <= at);
        let token = self.0.get_mut(behind.checked_sub(1)?)?;
        (token.kind == Kind::Number && at <= token.end as usize).then_some(token)
    }

    /// Moves everything from `from` on by `by` (wrapping).
    pub(super) fn shift(&mut self, from: u32, by: u32) {
        for token in &mut self.0 {
            if token.start >= from {
                token.start = token.start.wrapping_add(by);
            }
            if token.end >= from {
                token.end = token.end.wrapping_add(by);
            }
        }
    }

    /// The root over the text that was scanned last.
    pub(crate) fn root<'a>(&'a self, text: &'a [u8]) -> Node<'a> {
        Node { text, tokens: &self.0, at: 0 }
    }
}

/// A validated JSON text.
#[derive(Debug, Clone)]
pub struct Document<'t> {
    text: Cow<'t, [u8]>,
    tokens: Tokens,
}

impl<'t> Document<'t> {
    /// Validates `text`.
    ///
    /// # Errors
    /// When the text is not JSON, not UTF-8, or over one of the limits.
    pub fn parse(text: impl Into<Cow<'t, [u8]>>, limits: &Limits) -> Result<Self, JsonError> {
        let text = text.into();
        let mut tokens = Tokens::default();
        tokens.parse(&text, limits)?;
        Ok(Self { text, tokens })
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        self.tokens.root(&self.text)
    }
}

/// A cursor on one value of a document. Copying it is free.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: u32,
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the text: a node may hold a prompt, and debug output ends up in logs.
        write!(f, "Node({:?}, {} bytes)", self.kind(), self.raw().len())
    }
}

impl<'a> Node<'a> {
    #[inline(always)]
    fn token(self) -> Token {
        self.tokens[self.at as usize]
    }

    /// The kind of this value.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.token().kind
    }

    /// The value's bytes as they stand in the text.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        let token = self.token();
        &self.text[token.start as usize..token.end as usize]
    }

    /// The value's bytes as text.
    #[must_use]
    pub fn raw_str(self) -> &'a str {
        std::str::from_utf8(self.raw()).unwrap_or_default()
    }

    /// Where the value lies in the text.
    #[must_use]
    pub fn span(self) -> std::ops::Range<usize> {
        let token = self.token();
        token.start as usize..token.end as usize
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Whether this is an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// Whether this is an array.
    #[must_use]
    pub fn is_array(self) -> bool {
        self.kind() == Kind::Array
    }

    /// Whether this is a string.
    #[must_use]
    pub fn is_string(self) -> bool {
        matches!(self.kind(), Kind::Plain | Kind::Escaped)
    }

    /// The string, as its raw token.
    #[must_use]
    #[inline(always)]
    pub fn text(self) -> Option<Text<'a>> {
        let token = self.token();
        let inner = || &self.text[token.start as usize + 1..token.end as usize - 1];
        match token.kind {
            Kind::Plain => Some(Text::plain_token(inner())),
            Kind::Escaped => Some(Text::escaped_token(inner())),
            _ => None,
        }
    }

    /// The string, unescaped.
    #[must_use]
    pub fn str(self) -> Option<Cow<'a, str>> {
        self.text().map(|text| text.unescape())
    }

    /// Whether this is exactly the string `expected`.
    #[must_use]
    pub fn is_text(self, expected: &str) -> bool {
        self.text().is_some_and(|text| text.is(expected))
    }

    /// The boolean.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// The number, as it is spelled.
    #[must_use]
    pub fn number(self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.raw_str())
    }

    /// The number, if it is a whole one that fits. `8.0` and `1e3` count as whole.
    #[must_use]
    pub fn u64(self) -> Option<u64> {
        /// Every number of so many digits fits.
        const MOST_DIGITS: usize = 19;
        let digits = self.raw();
        if self.kind() == Kind::Number && digits.len() <= MOST_DIGITS && digits.iter().all(u8::is_ascii_digit)
        {
            return Some(digits.iter().fold(0, |whole, digit| whole * 10 + u64::from(digit - b'0')));
        }
        let spelled = self.number()?;
        if let Ok(whole) = spelled.parse() {
            return Some(whole);
        }
        let float: f64 = spelled.parse().ok()?;
        (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then_some(float as u64)
    }

    /// The number as a float.
    #[must_use]
    pub fn f64(self) -> Option<f64> {
        self.number()?.parse().ok()
    }

    /// The members of an object; none for any other kind.
    #[must_use]
    pub fn entries(self) -> Entries<'a> {
        Entries { text: self.text, tokens: self.tokens, at: self.at + 1, end: self.end_if(Kind::Object) }
    }

    /// The elements of an array; none for any other kind.
    #[must_use]
    pub fn items(self) -> Items<'a> {
        Items { text: self.text, tokens: self.tokens, at: self.at + 1, end: self.end_if(Kind::Array) }
    }

    fn end_if(self, kind: Kind) -> u32 {
        let token = self.token();
        if token.kind == kind { token.next } else { 0 }
    }

    /// The member `name` of an object; the last one where there are several, as most parsers take it.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        let end = self.end_if(Kind::Object);
        let (mut at, mut found) = (self.at + 1, None);
        while at < end {
            let key = Node { at, ..self };
            let value = Node { at: at + 1, ..self };
            if key.is_name(name) {
                found = Some(value);
            }
            at = value.token().next;
        }
        found
    }

    /// Whether this key is `name`. Most keys differ in length or first byte, which is told without a call.
    #[inline(always)]
    pub(crate) fn is_name(self, name: &str) -> bool {
        let token = self.token();
        if token.kind != Kind::Plain {
            return self.is_text(name);
        }
        let (start, end, name) = (token.start as usize + 1, token.end as usize - 1, name.as_bytes());
        end - start == name.len()
            && (name.is_empty() || (self.text[start] == name[0] && self.text[start..end] == *name))
    }

    /// Like [`Node::get`], with `null` as good as absent.
    #[must_use]
    pub fn some(self, name: &str) -> Option<Self> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// The member `name`, if it is a string.
    #[must_use]
    pub fn get_text(self, name: &str) -> Option<Text<'a>> {
        self.get(name).and_then(Self::text)
    }

    /// Whether an array or object has no elements.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.token().next == self.at + 1
    }
}

/// Iterator over the members of an object, in the text's order.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: u32,
    end: u32,
}

impl<'a> Entries<'a> {
    /// The next member with its key as a node, for callers that need the key's place in the text.
    #[inline(always)]
    pub(crate) fn next_with_key(&mut self) -> Option<(Node<'a>, Node<'a>)> {
        if self.at >= self.end {
            return None;
        }
        let key = Node { text: self.text, tokens: self.tokens, at: self.at };
        let value = Node { at: self.at + 1, ..key };
        self.at = value.token().next;
        Some((key, value))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Text<'a>, Node<'a>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.next_with_key()?;
        Some((key.text()?, value))
    }
}

/// Iterator over the elements of an array.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: u32,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Node<'a>> {
        if self.at >= self.end {
            return None;
        }
        let item = Node { text: self.text, tokens: self.tokens, at: self.at };
        self.at = item.token().next;
        Some(item)
    }
}
