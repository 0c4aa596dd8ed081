//! Edit lists: the only changes made to a body whose dialect client and provider share.
//!
//! A [`Patch`] collects splices while the body's tokens are walked once, then lays the untouched stretches and the new
//! pieces one after the other. Outside the splices every byte stays: key order, number spelling, unknown fields, nulls.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{Body, Node, Text, WORTH_SHARING, Writer};

/// What happens to one member of an object or one element of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It stays as it is.
    Keep,
    /// It goes.
    Remove,
    /// Its value becomes this JSON.
    Replace(Vec<u8>),
    /// Its key becomes this, its value stays.
    Rename(&'static str),
}

impl Decision {
    /// Replaces a value by a string.
    pub(crate) fn string(text: &str) -> Self {
        let mut json = Vec::with_capacity(text.len() + 2);
        Writer::new(&mut json).str(text);
        Self::Replace(json)
    }
}

#[derive(Debug)]
struct Splice {
    start: usize,
    end: usize,
    /// What comes in this place: a stretch of [`Patch::new`].
    with: Range<usize>,
}

/// Changes to one JSON text; reused from text to text, a stream's edits allocate nothing per event.
#[derive(Debug, Default)]
pub(crate) struct Patch {
    splices: Vec<Splice>,
    new: Vec<u8>,
}

impl Patch {
    /// Forgets the changes, for the next text.
    pub(crate) fn clear(&mut self) {
        self.splices.clear();
        self.new.clear();
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Puts `json` in the place of a value.
    pub(crate) fn replace(&mut self, node: Node<'_>, json: impl AsRef<[u8]>) {
        let (span, from) = (node.span(), self.new.len());
        self.new.extend_from_slice(json.as_ref());
        self.splice(span.start, span.end, from);
    }

    /// Puts what was added to `new` since it was `from` bytes long in the place of a stretch of the text.
    fn splice(&mut self, start: usize, end: usize, from: usize) {
        self.splices.push(Splice { start, end, with: from..self.new.len() });
    }

    /// Puts something before and behind a value.
    pub(crate) fn wrap(&mut self, node: Node<'_>, before: &[u8], behind: &[u8]) {
        let span = node.span();
        for (place, with) in [(span.start, before), (span.end, behind)] {
            let from = self.new.len();
            self.new.extend_from_slice(with);
            self.splice(place, place, from);
        }
    }

    /// Decides on every member of `object` and appends `insert` (key, JSON) at its end. `decide` may patch the values of
    /// members that it keeps. Returns how many members are left.
    pub(crate) fn object<'a>(
        &mut self,
        object: Node<'a>,
        insert: &[(&str, Vec<u8>)],
        mut decide: impl FnMut(&mut Self, &Text<'a>, Node<'a>) -> Decision,
    ) -> usize {
        let mut list = List::new(object.span().start);
        let mut entries = object.entries();
        while let Some((key, value)) = entries.next_with_key() {
            let Some(name) = key.text() else { continue };
            match decide(self, &name, value) {
                Decision::Keep => list.keep(self, key.span().start, value.span().end),
                Decision::Remove => list.remove(key.span().start, value.span().end),
                Decision::Replace(json) => {
                    self.replace(value, json);
                    list.keep(self, key.span().start, value.span().end);
                }
                Decision::Rename(to) => {
                    let mut quoted = vec![b'"'];
                    quoted.extend_from_slice(to.as_bytes());
                    quoted.push(b'"');
                    self.replace(key, quoted);
                    list.keep(self, key.span().start, value.span().end);
                }
            }
        }
        list.finish(self);
        for (index, (key, json)) in insert.iter().enumerate() {
            self.append(object, list.kept + index, key, json);
        }
        list.kept + insert.len()
    }

    /// Adds a last member to `object`, of which `kept` others are left.
    pub(crate) fn append(&mut self, object: Node<'_>, kept: usize, key: &str, json: &[u8]) {
        let (end, from) = (object.span().end - 1, self.new.len());
        if kept > 0 {
            self.new.push(b',');
        }
        self.new.push(b'"');
        self.new.extend_from_slice(key.as_bytes());
        self.new.extend_from_slice(b"\":");
        self.new.extend_from_slice(json);
        self.splice(end, end, from);
    }

    /// Decides on every element of `array`. Returns how many are left.
    pub(crate) fn array<'a>(
        &mut self,
        array: Node<'a>,
        mut decide: impl FnMut(&mut Self, usize, Node<'a>) -> Decision,
    ) -> usize {
        let mut list = List::new(array.span().start);
        for (index, item) in array.items().enumerate() {
            match decide(self, index, item) {
                Decision::Remove => list.remove(item.span().start, item.span().end),
                Decision::Replace(json) => {
                    self.replace(item, json);
                    list.keep(self, item.span().start, item.span().end);
                }
                Decision::Keep | Decision::Rename(_) => list.keep(self, item.span().start, item.span().end),
            }
        }
        list.finish(self);
        list.kept
    }

    /// Removes every member `name` in `node` and below.
    pub(crate) fn remove_everywhere(&mut self, node: Node<'_>, name: &str) {
        let nested = |node: &Node<'_>| node.is_object() || node.is_array();
        for item in node.items().filter(nested) {
            self.remove_everywhere(item, name);
        }
        let mut list = List::new(node.span().start);
        let mut entries = node.entries();
        while let Some((key, value)) = entries.next_with_key() {
            let (start, end) = (key.span().start, value.span().end);
            if key.is_name(name) {
                list.remove(start, end);
                continue;
            }
            if nested(&value) {
                self.remove_everywhere(value, name);
            }
            list.keep(self, start, end);
        }
        list.finish(self);
    }

    fn cut(&mut self, start: usize, end: usize) {
        let from = self.new.len();
        self.splice(start, end, from);
    }

    fn in_order(&mut self) {
        // Stable: of splices at one place, the one that was made first comes first.
        self.splices.sort_by_key(|splice| splice.start);
    }

    /// Appends the patched text to `out`.
    pub(crate) fn write(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.write_from(0, text, out);
    }

    /// Writes `node`, inside which everything is that changes.
    pub(crate) fn write_node(mut self, node: Node<'_>, w: &mut Writer<'_>) {
        if self.is_empty() {
            w.node(node);
        } else {
            self.write_from(node.span().start, node.raw(), w.value());
        }
    }

    /// Appends the patched form of `text`, which begins at `base` in the whole.
    fn write_from(&mut self, base: usize, text: &[u8], out: &mut Vec<u8>) {
        self.in_order();
        for (kept, with) in self.stretches(base, base + text.len()) {
            out.extend_from_slice(&text[kept.start - base..kept.end - base]);
            out.extend_from_slice(with);
        }
    }

    /// The patched text in pieces: long untouched stretches are slices of `text`, not copies.
    pub(crate) fn pieces(mut self, text: &Bytes) -> Vec<Bytes> {
        if self.splices.is_empty() {
            return vec![text.clone()];
        }
        self.in_order();
        let copied = |kept: &Range<usize>| if kept.len() < WORTH_SHARING { kept.len() } else { 0 };
        let room = self.stretches(0, text.len()).map(|(kept, with)| copied(&kept) + with.len()).sum();
        let mut body = Body::new(text.clone(), room);
        for (kept, with) in self.stretches(0, text.len()) {
            body.append(&text[kept]);
            body.append(with);
        }
        body.into_pieces()
    }

    /// What stays of the text from `start` to `end`, each stretch with what follows it.
    fn stretches(&self, start: usize, end: usize) -> impl Iterator<Item = (Range<usize>, &[u8])> {
        let mut at = start;
        let mut kept_before = move |splice_start: usize, splice_end: usize| {
            // Nothing is left to change inside what went.
            (splice_start >= at).then(|| std::mem::replace(&mut at, splice_end)..splice_start)
        };
        let splices =
            self.splices.iter().map(|splice| (splice.start, splice.end, &self.new[splice.with.clone()]));
        splices
            .chain([(end, end, &[][..])])
            .filter_map(move |(start, end, with)| Some((kept_before(start, end)?, with)))
    }
}

/// Walks over a list and cuts removed elements together with one comma each.
struct List {
    /// End of the last kept element, or of the opening bracket.
    after: usize,
    /// Start of the first of the removed elements since then.
    removing: Option<usize>,
    removed_end: usize,
    kept: usize,
}

impl List {
    fn new(open: usize) -> Self {
        Self { after: open + 1, removing: None, removed_end: 0, kept: 0 }
    }

    fn keep(&mut self, patch: &mut Patch, start: usize, end: usize) {
        if let Some(from) = self.removing.take() {
            // The comma after the removed elements goes with them, the one before stays.
            patch.cut(from, start);
        }
        self.kept += 1;
        self.after = end;
    }

    fn remove(&mut self, start: usize, end: usize) {
        self.removing.get_or_insert(start);
        self.removed_end = end;
    }

    fn finish(&mut self, patch: &mut Patch) {
        if let Some(from) = self.removing.take() {
            // Nothing follows: the comma before goes with them.
            patch.cut(if self.kept > 0 { self.after } else { from }, self.removed_end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits};

    fn edited(text: &str, remove: &[&str], insert: &[(&str, Vec<u8>)]) -> String {
        let document = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
        let mut patch = Patch::default();
        patch.object(document.root(), insert, |_, key, _| {
            if remove.iter().any(|name| key.is(name)) { Decision::Remove } else { Decision::Keep }
        });
        let mut out = Vec::new();
        patch.write(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn removing_any_subset_leaves_valid_json_with_the_rest_untouched() {
        let text = r#"{ "a": 1 , "b" : [1e2], "c":null, "d": "\u00e9" }"#;
        for mask in 0..16u32 {
            let remove: Vec<&str> = ["a", "b", "c", "d"]
                .into_iter()
                .enumerate()
                .filter(|(i, _)| mask >> i & 1 == 1)
                .map(|(_, k)| k)
                .collect();
            for insert in [vec![], vec![("x", b"true".to_vec()), ("y", b"{}".to_vec())]] {
                let result = edited(text, &remove, &insert);
                let document = Document::parse(result.as_bytes(), &Limits::default()).unwrap();
                let keys: Vec<String> =
                    document.root().entries().map(|(key, _)| key.unescape().into_owned()).collect();
                let mut expected: Vec<&str> =
                    ["a", "b", "c", "d"].into_iter().filter(|k| !remove.contains(k)).collect();
                expected.extend(insert.iter().map(|(key, _)| *key));
                assert_eq!(keys, expected, "{result}");
                if !remove.contains(&"b") {
                    assert!(result.contains(r#""b" : [1e2]"#), "{result}");
                }
            }
        }
    }

    #[test]
    fn pieces_share_long_stretches_and_equal_the_written_text() {
        let image = "A".repeat(200_000);
        let text = Bytes::from(format!(r#"{{"model":"x","image":"{image}","n":1}}"#));
        let make = || {
            let document = Document::parse(text.as_ref(), &Limits::default()).unwrap();
            let mut patch = Patch::default();
            patch.object(document.root(), &[], |_, key, _| match &*key.name() {
                b"model" => Decision::string("y"),
                b"n" => Decision::Remove,
                _ => Decision::Keep,
            });
            patch
        };
        let mut written = Vec::new();
        make().write(&text, &mut written);
        let pieces = make().pieces(&text);
        assert_eq!(pieces.concat(), written);
        assert!(pieces.iter().any(|piece| text.as_ptr_range().contains(&piece.as_ptr())));
    }
}
