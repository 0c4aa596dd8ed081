//! Searches for tools in an answer of `openai_responses`. Chat has no word for them: clients find the items in
//! `provider_specific_fields.tool_search_items`, as LiteLLM's do, and send them back with the message.

use crate::json::{Node, Writer};

/// The items that the client has to send back: the searches, and the reasoning before the last of them.
pub(super) fn items<'a>(output: impl Iterator<Item = Node<'a>>) -> Vec<Node<'a>> {
    let mut items: Vec<Node<'a>> = output.filter(|item| is_search(*item) || is_reasoning(*item)).collect();
    let last = items.iter().rposition(|item| is_search(*item));
    items.truncate(last.map_or(0, |last| last + 1));
    items
}

pub(super) fn is_search(item: Node<'_>) -> bool {
    item.get_text("type").is_some_and(|kind| kind.is("tool_search_call") || kind.is("tool_search_output"))
}

fn is_reasoning(item: Node<'_>) -> bool {
    item.some("type").is_some_and(|kind| kind.is_text("reasoning"))
}

/// Writes the member of `provider_specific_fields`; what is null says nothing.
pub(super) fn write(items: &[Node<'_>], w: &mut Writer<'_>) {
    w.key("tool_search_items").begin_array();
    for item in items {
        w.begin_object();
        for (key, value) in item.entries().filter(|(_, value)| !value.is_null()) {
            w.key_text(&key).node(value);
        }
        w.end_object();
    }
    w.end_array();
}
