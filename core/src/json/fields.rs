//! Several members of an object at once.

use super::node::Node;

impl<'a> Node<'a> {
    /// The members of these names, found in one walk over the object; with several of a name the last, as
    /// [`Node::get`] takes it, and `null` as good as absent. For any other kind there are none.
    #[inline(always)]
    pub(crate) fn fields<const N: usize>(self, names: [&str; N]) -> [Option<Self>; N] {
        let mut found = [None; N];
        let mut entries = self.entries();
        while let Some((key, value)) = entries.next_with_key() {
            for (name, place) in names.iter().zip(&mut found) {
                if key.is_name(name) {
                    *place = Some(value).filter(|value| !value.is_null());
                    break;
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Document, Limits};

    #[test]
    fn fields_are_what_single_look_ups_find() {
        let text = br#"{"a":1,"ab":null,"\u0061":{"b":3},"c":"x","b":[1],"":0,"c":null,"b":false}"#;
        let document = Document::parse(text.as_slice(), &Limits::default()).unwrap();
        let root = document.root();
        let names = ["a", "ab", "b", "c", "", "d"];
        for (name, found) in names.iter().zip(root.fields(names)) {
            assert_eq!(found.map(|node| node.raw()), root.some(name).map(|node| node.raw()), "{name}");
        }
        assert!(root.fields(["a"])[0].unwrap().fields(["b"])[0].unwrap().fields(["b"])[0].is_none());
    }
}
