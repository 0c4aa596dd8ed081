//! A text in the making, of which long stretches are slices of another one.

use bytes::Bytes;

/// Shorter stretches are copied: that is cheaper than one more piece to send.
pub(crate) const WORTH_SHARING: usize = 64 << 10;

/// Pieces of a text that is written: our own bytes, and long stretches of a source between them.
#[derive(Debug)]
pub(crate) struct Body {
    pub(super) own: Vec<u8>,
    pub(super) shared: Shared,
}

/// The stretches, each with its place among our own bytes.
#[derive(Debug)]
pub(super) struct Shared {
    source: Bytes,
    stretches: Vec<(usize, Bytes)>,
}

impl Body {
    /// A body with room for `capacity` bytes of our own.
    pub(crate) fn new(source: Bytes, capacity: usize) -> Self {
        Self { own: Vec::with_capacity(capacity), shared: Shared { source, stretches: Vec::new() } }
    }

    /// Appends `bytes`.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        if bytes.len() < WORTH_SHARING || !self.shared.put(self.own.len(), bytes) {
            self.own.extend_from_slice(bytes);
        }
    }

    /// The pieces in order.
    pub(crate) fn into_pieces(self) -> Vec<Bytes> {
        let own = Bytes::from(self.own);
        if self.shared.stretches.is_empty() {
            return vec![own];
        }
        let mut pieces = Vec::with_capacity(2 * self.shared.stretches.len() + 1);
        let mut at = 0;
        for (place, stretch) in self.shared.stretches {
            pieces.extend((place > at).then(|| own.slice(at..place)));
            pieces.push(stretch);
            at = place;
        }
        pieces.extend((at < own.len()).then(|| own.slice(at..)));
        pieces
    }
}

impl Shared {
    /// Puts `stretch` behind `place` bytes of our own. False where it is not of the source.
    pub(super) fn put(&mut self, place: usize, stretch: &[u8]) -> bool {
        let (whole, part) = (self.source.as_ptr_range(), stretch.as_ptr_range());
        let inside = whole.start <= part.start && part.end <= whole.end;
        if inside {
            self.stretches.push((place, self.source.slice_ref(stretch)));
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Text, Tokens, Writer};

    #[test]
    fn long_strings_of_the_source_are_slices_of_it() {
        let long = "A".repeat(WORTH_SHARING);
        let source = Bytes::from(format!(r#"["{long}","short",["{long}"]]"#));
        let mut tokens = Tokens::default();
        let root = tokens.parse(&source, &crate::json::Limits::default()).expect("valid JSON");
        let mut body = Body::new(source.clone(), 0);
        let mut w = Writer::into_body(&mut body);
        w.begin_array();
        for item in root.items() {
            match item.text() {
                Some(text) => w.concat([&Text::new("data:"), &text]),
                None => w.node(item),
            };
        }
        // Long as well, but not the source's.
        w.str(&long).end_array();
        let pieces = body.into_pieces();
        let expected = format!(r#"["data:{long}","data:short",["{long}"],"{long}"]"#);
        assert_eq!(pieces.concat(), expected.as_bytes());
        let of_source = |piece: &&Bytes| source.as_ptr_range().contains(&piece.as_ptr());
        assert_eq!(pieces.iter().filter(of_source).count(), 2);
    }
}
