//! The text of a tool that takes free text, out of the JSON arguments that it comes in: piece by piece.

use crate::json::{Text, write_escaped};
use crate::policy::custom_tools;

/// The longest that a piece may have to wait for its rest: two escapes that are one character.
const LONGEST_ESCAPE: usize = 12;

/// Reads the arguments of one call.
#[derive(Debug, Default)]
pub(super) struct CustomInput {
    state: State,
    /// The arguments before the text; all of them where they are not what was asked for.
    arguments: Vec<u8>,
    /// An escape whose rest has not come yet.
    escape: Vec<u8>,
    piece: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Inside,
    After,
    /// The arguments have another form.
    Other,
}

/// What the beginning of the arguments says.
enum Beginning {
    /// The text begins here.
    Text(usize),
    Unclear,
    Other,
}

impl CustomInput {
    /// Appends what this piece of the arguments, JSON in a string, has of the text, in JSON spelling.
    pub(super) fn feed(&mut self, piece: &Text<'_>, out: &mut Vec<u8>) {
        let mut piece_text = std::mem::take(&mut self.piece);
        piece_text.clear();
        piece.append_to(&mut piece_text);
        match self.state {
            State::Before => {
                self.arguments.extend_from_slice(&piece_text);
                match beginning(&self.arguments) {
                    Beginning::Text(at) => {
                        self.state = State::Inside;
                        let arguments = std::mem::take(&mut self.arguments);
                        self.inside(&arguments[at..], out);
                    }
                    Beginning::Unclear => {}
                    Beginning::Other => self.state = State::Other,
                }
            }
            State::Inside => self.inside(&piece_text, out),
            State::Other => self.arguments.extend_from_slice(&piece_text),
            State::After => {}
        }
        self.piece = piece_text;
    }

    /// The text is spelled in JSON as it stands: it only has to be cut where no escape is.
    fn inside(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < text.len() && self.state == State::Inside {
            if !self.escape.is_empty() {
                self.escape.push(text[at]);
                at += 1;
                self.settle_escape(out);
                continue;
            }
            let run = text[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let end = run.map_or(text.len(), |run| at + run);
            out.extend_from_slice(&text[at..end]);
            at = end + 1;
            match text.get(end) {
                Some(b'"') => self.state = State::After,
                Some(b'\\') => self.escape.push(b'\\'),
                // No JSON, but what the model means is clear.
                Some(&control) => write_escaped(char::from(control).encode_utf8(&mut [0; 4]), out),
                None => {}
            }
        }
    }

    /// Writes the escape that waits, if it is complete.
    fn settle_escape(&mut self, out: &mut Vec<u8>) {
        let complete = match self.escape.as_slice() {
            [_] | [_, b'u'] => false,
            [_, b'u', rest @ ..] => match rest.len() {
                0..4 => false,
                4 => !is_high_surrogate(rest),
                length => length + 2 >= LONGEST_ESCAPE,
            },
            _ => true,
        };
        if complete {
            let known =
                matches!(self.escape[1], b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u');
            if known {
                out.extend_from_slice(&self.escape);
            } else {
                write_escaped(&String::from_utf8_lossy(&self.escape), out);
            }
            self.escape.clear();
        }
    }

    /// Appends what has not been written of the text.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if matches!(self.state, State::Before | State::Other) {
            let arguments = String::from_utf8_lossy(&self.arguments).into_owned();
            write_escaped(&custom_tools::text_in(&arguments).unwrap_or(arguments), out);
        }
        self.state = State::After;
    }
}

fn is_high_surrogate(digits: &[u8]) -> bool {
    matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..])
}

/// Finds the text in arguments of the form `{"content": "…`.
fn beginning(arguments: &[u8]) -> Beginning {
    let mut at = 0;
    for token in [&b"{"[..], b"\"content\"", b":", b"\""] {
        at += arguments[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let rest = &arguments[at..];
        if rest.len() < token.len() {
            return if token.starts_with(rest) { Beginning::Unclear } else { Beginning::Other };
        }
        if !rest.starts_with(token) {
            return Beginning::Other;
        }
        at += token.len();
    }
    Beginning::Text(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of the arguments `json`, fed in pieces of `size` characters; says as well how many pieces had some.
    fn text(json: &str, size: usize) -> (String, usize) {
        let mut input = CustomInput::default();
        let (mut out, mut told) = (Vec::new(), 0);
        let characters: Vec<char> = json.chars().collect();
        for piece in characters.chunks(size) {
            let before = out.len();
            input.feed(&Text::new(piece.iter().collect::<String>()), &mut out);
            // Each piece is a JSON string of its own.
            let piece = [b"\"", &out[before..], b"\""].concat();
            assert!(serde_json::from_slice::<String>(&piece).is_ok(), "{}", String::from_utf8_lossy(&piece));
            told += usize::from(out.len() > before);
        }
        input.end(&mut out);
        let all = [b"\"", out.as_slice(), b"\""].concat();
        (serde_json::from_slice(&all).unwrap(), told)
    }

    #[test]
    fn any_text_comes_out_of_its_arguments_however_they_are_cut() {
        let texts = ["", "a", "*** Begin Patch\n+\t\"x\"\\\n", "é😀/ \u{1}", "\\n", "{\"content\": \"x\"}"];
        for expected in texts {
            let arguments = serde_json::json!({ "content": expected }).to_string();
            let spaced = arguments.replacen("{\"content\":", " { \"content\" : ", 1) + " ";
            let escaped = arguments.replace('😀', "\\ud83d\\ude00").replace('é', "\\u00e9");
            for json in [arguments, spaced, escaped] {
                for size in [1, 2, 3, 7, 1000] {
                    assert_eq!(text(&json, size).0, expected, "{json} by {size}");
                }
            }
        }
    }

    #[test]
    fn text_is_told_as_it_comes() {
        let (_, told) = text(r#"{"content": "abcdefgh"}"#, 2);
        assert!(told >= 4, "{told}");
    }

    #[test]
    fn arguments_of_another_form_are_read_as_a_whole() {
        assert_eq!(text(r#"{"note":1,"content":"x"}"#, 3).0, "x");
        assert_eq!(text("*** Begin Patch", 4).0, "*** Begin Patch");
        assert_eq!(text(r#"{"other":"x"}"#, 4).0, r#"{"other":"x"}"#);
        assert_eq!(text("", 1).0, "");
        assert_eq!(text("{\"content\":\"a\nb\\q\"}", 1).0, "a\nb\\q");
    }
}
