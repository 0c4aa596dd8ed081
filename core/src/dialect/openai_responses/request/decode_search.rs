//! Searches that a provider made in an earlier turn, told to one that cannot see them: as LiteLLM tells them.

use crate::ir::chat::{Block, TextBlock};
use crate::json::{Node, Text, Writer};

const TOLD: &str = "Hosted web search: ";
/// Members in the order of the official types, which LiteLLM writes them in.
const ITEM: &[&str] = &["id", "action", "status", "type"];
const ACTION: &[&str] = &["pattern", "type", "queries", "query", "sources", "url"];

/// A `web_search_call` as something that the model said.
pub(super) fn told(item: Node<'_>) -> Block<'_> {
    let mut json = TOLD.as_bytes().to_vec();
    let mut w = Writer::new(&mut json);
    write_members(item, ITEM, &mut w);
    Block::Text(TextBlock::new(Text::new(String::from_utf8(json).unwrap_or_default())))
}

/// Whether a text is one of these.
pub(super) fn is_told(text: &TextBlock<'_>) -> bool {
    text.text.token().is_none() && text.text.starts_with(TOLD)
}

fn write_members(node: Node<'_>, first: &[&str], w: &mut Writer<'_>) {
    let known = first.iter().filter_map(|name| Some((Text::new(*name), node.some(name)?)));
    let others =
        node.entries().filter(|(key, value)| !value.is_null() && !first.iter().any(|name| key.is(name)));
    w.begin_object();
    for (key, value) in known.chain(others) {
        w.key_text(&key);
        if key.is("action") && value.is_object() {
            write_members(value, ACTION, w);
        } else {
            w.node(value);
        }
    }
    w.end_object();
}
