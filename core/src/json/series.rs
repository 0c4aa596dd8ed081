//! Texts one after the other, as the events of a stream are: most differ from the one before in a string or two, and in
//! their number.

use super::bytes::{hex4, plain_run};
use super::error::{JsonError, Limits};
use super::node::{Kind, Node, Token, Tokens};

/// Parses one text after the other. A text that is the last one with other strings or whole numbers in some places has
/// the last one's tokens, so that only these are looked at.
#[derive(Debug, Default)]
pub(crate) struct Series {
    tokens: Tokens,
    /// The text that was parsed last; empty where it is not worth keeping.
    last: Vec<u8>,
}

/// Longer texts are not kept.
const LONGEST_KEPT: usize = 4096;

/// Texts that differ in more values are scanned.
const MOST_CHANGES: usize = 4;

/// The value that ended at `end` in the last text is longer by `by` now, or shorter (wrapping).
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    end: u32,
    by: u32,
}

impl Series {
    /// Validates `text` and returns its root. Half a surrogate pair is accepted, as in [`Limits::lenient`].
    pub(crate) fn parse<'a>(&'a mut self, text: &'a [u8]) -> Result<Node<'a>, JsonError> {
        let kept = text.len() <= LONGEST_KEPT;
        if self.last.is_empty() || !kept || !self.is_alike(text) {
            self.last.clear();
            self.tokens.parse(text, &Limits::lenient())?;
        }
        self.last.clear();
        if kept {
            self.last.extend_from_slice(text);
        }
        Ok(self.tokens.root(text))
    }

    /// Whether `text` differs from the last one in strings and whole numbers only; if so, the tokens are its own afterwards.
    fn is_alike(&mut self, text: &[u8]) -> bool {
        let (mut old, mut new) = (0, 0);
        let mut changes = [Change::default(); MOST_CHANGES];
        let mut count = 0;
        loop {
            let same = common(&self.last[old..], &text[new..]);
            (old, new) = (old + same, new + same);
            if old == self.last.len() && new == text.len() {
                break;
            }
            let Some((token, end)) = self.other_value((old, new), text) else { return false };
            let Some(change) = changes.get_mut(count) else { return false };
            let (was, is) = (token.end.wrapping_sub(old as u32), (end as u32).wrapping_sub(new as u32));
            *change = Change { end: token.end, by: is.wrapping_sub(was) };
            count += 1;
            (old, new) = (token.end as usize, end);
        }
        // From the last to the first: what lies before a change stays where the earlier ones are counted.
        for change in changes[..count].iter().rev().filter(|change| change.by != 0) {
            self.tokens.shift(change.end, change.by);
        }
        true
    }

    /// The string or whole number in which the texts differ at these places, and where it ends in the new one.
    fn other_value(&mut self, (old, new): (usize, usize), text: &[u8]) -> Option<(Token, usize)> {
        let begin = |token: &Token| new.checked_sub(old.checked_sub(token.start as usize)?);
        if let Some(token) = self.tokens.string_at(old) {
            let (end, kind) = string(text, begin(token)?)?;
            token.kind = kind;
            return Some((*token, end));
        }
        let token = self.tokens.number_at(old)?;
        let end = whole_number(text, begin(token)?)?;
        (end > new || old < token.end as usize).then_some((*token, end))
    }
}

/// How many bytes two texts have in common at their start.
fn common(left: &[u8], right: &[u8]) -> usize {
    let mut at = 0;
    while let (Some(a), Some(b)) = (left[at..].first_chunk::<8>(), right[at..].first_chunk::<8>()) {
        let different = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if different != 0 {
            return at + (different.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + left[at..].iter().zip(&right[at..]).take_while(|(a, b)| a == b).count()
}

/// The end of the whole number that starts at `start`.
fn whole_number(text: &[u8], start: usize) -> Option<usize> {
    let digits = text.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let leading_zero = digits > 1 && text[start] == b'0';
    (digits > 0 && !leading_zero).then_some(start + digits)
}

/// The end and the kind of the string that starts at `start`; `None` leaves it to the scanner to say what is wrong.
fn string(text: &[u8], start: usize) -> Option<(usize, Kind)> {
    let (mut at, mut kind) = (start + 1, Kind::Plain);
    loop {
        at += plain_run(&text[at..]);
        match text.get(at)? {
            b'"' => break,
            b'\\' => kind = Kind::Escaped,
            _ => return None,
        }
        at += match text.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => hex4(text, at + 2).filter(|unit| !(0xD800..=0xDFFF).contains(unit)).map(|_| 6)?,
            _ => return None,
        };
    }
    std::str::from_utf8(&text[start..at]).ok().map(|_| (at + 1, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses `text` as the next of a series, and alone: both must say the same.
    fn check(series: &mut Series, text: &[u8]) {
        let mut tokens = Tokens::default();
        let alone = tokens.parse(text, &Limits::lenient()).map(|_| ());
        let next = series.parse(text).map(|_| ());
        assert_eq!(next, alone, "{}", String::from_utf8_lossy(text));
        if alone.is_ok() {
            assert_eq!(series.tokens, tokens, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_series_finds_what_a_scan_finds() {
        let event =
            r#"{"id":"a1","n":[10,"é",null],"delta":{"text":"\n\u00e9 ok","":""},"x":"Zq","end":true}"#
                .as_bytes();
        let pieces: [&[u8]; 17] = [
            b"",
            b"\"",
            b"\\",
            b"\\\"",
            b"a",
            b"\x01",
            b"\xff",
            b"\xc3",
            "é".as_bytes(),
            b"\\n",
            b"\\u00e9",
            b"\\ud83d",
            b"\\u12",
            b"{",
            b",",
            b" ",
            b"a long piece of text, longer than what was there before",
        ];
        let mut series = Series::default();
        for at in 0..=event.len() {
            for piece in pieces {
                for cut in [0, 1, 3] {
                    let rest = &event[(at + cut).min(event.len())..];
                    check(&mut series, event);
                    check(&mut series, &[&event[..at], piece, rest].concat());
                }
            }
        }
    }

    #[test]
    fn numbers_may_differ() {
        let event = |a: &str, b: &str| format!(r#"{{"n":{a},"s":"x","m":[{b} ],"o":{{"k":{a}}}}}"#);
        let mut series = Series::default();
        let numbers = [
            "0",
            "7",
            "10",
            "99",
            "100",
            "123456789012345678901234567890",
            "01",
            "-1",
            "1.5",
            "1e3",
            "",
            "x",
        ];
        for a in numbers {
            for b in numbers {
                for (c, d) in [("7", "7"), ("10", "9"), (b, a), ("1.5", "-1")] {
                    check(&mut series, event(a, b).as_bytes());
                    check(&mut series, event(c, d).as_bytes());
                }
            }
        }
        check(&mut series, event("9", "99").as_bytes());
        let next = event("10", "100").into_bytes();
        assert!(series.is_alike(&next));
    }

    #[test]
    fn several_strings_may_differ() {
        let event =
            |a: &str, b: &str, c: &str| format!(r#"{{"a":"{a}","b":[{{"c":"{b}"}},{{"d":1}}],"e":"{c}"}}"#);
        let mut series = Series::default();
        let texts = ["", "x", "xy", r"\n", "some more", "é", r#"\"q\""#];
        for a in texts {
            for b in texts {
                for c in texts {
                    check(&mut series, event(a, b, c).as_bytes());
                    let next = event(c, a, b).into_bytes();
                    assert!(series.is_alike(&next), "{a} {b} {c}");
                    series.last = next;
                }
            }
        }
    }
}
