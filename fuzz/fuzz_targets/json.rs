//! The scanner: whatever it accepts can be walked, and every string of it unescaped and written again.
#![no_main]

use interlingua::json::{Document, Limits, Node, Writer};
use libfuzzer_sys::fuzz_target;

fn walk(node: Node<'_>) {
    if let Some(text) = node.text() {
        let mut json = Vec::new();
        Writer::new(&mut json).str(&text.unescape());
        let again = Document::parse(json, &Limits::lenient()).unwrap();
        assert_eq!(again.root().str().unwrap(), text.unescape());
    }
    node.items().for_each(walk);
    node.entries().for_each(|(_, value)| walk(value));
    let _ = (node.u64(), node.f64(), node.bool(), node.raw_str());
}

fuzz_target!(|data: &[u8]| {
    if let Ok(document) = Document::parse(data, &Limits::lenient()) {
        walk(document.root());
    }
});
