//! Reasoning items of `openai_responses` among clients of other dialects, as LiteLLM hands them on: the summary as the
//! thinking, `encrypted_content` in the opaque field of the block, from where it comes back on the next turn.

use crate::ir::chat::Thinking;
use crate::json::{Node, Text};

/// What tells `encrypted_content` from a signature that some provider made.
const PREFIX: &str = "litellm_encrypted_reasoning:";

/// What stands between the parts of a summary that is one text to the client.
pub(crate) const BETWEEN_PARTS: &str = "\n\n";

/// The readable parts of an item: its summary, or the reasoning itself where a host gives that instead.
pub(crate) fn parts(item: Node<'_>) -> impl Iterator<Item = Text<'_>> {
    let [summary, content] = item.fields(["summary", "content"]);
    let summarised = texts(summary).next().is_some();
    texts(if summarised { summary } else { content })
}

fn texts(list: Option<Node<'_>>) -> impl Iterator<Item = Text<'_>> {
    let parts = list.into_iter().flat_map(Node::items);
    parts.filter_map(|part| part.get_text("text").filter(|text| !text.is_empty()))
}

/// An item as a block.
pub(crate) fn thinking(item: Node<'_>) -> Thinking<'_> {
    let mut parts = parts(item);
    let text = match (parts.next(), parts.next()) {
        (None, _) => Text::new(""),
        (Some(only), None) => only,
        (Some(first), Some(second)) => {
            let all: Vec<_> = [first, second].into_iter().chain(parts).collect();
            Text::new(all.iter().map(Text::unescape).collect::<Vec<_>>().join(BETWEEN_PARTS))
        }
    };
    Thinking { item: Some(item), ..Thinking::new(text) }
}

/// What a client keeps of an item in the opaque field of its block; the two parts of one string.
pub(crate) fn signature(item: Node<'_>) -> Option<[Text<'_>; 2]> {
    let encrypted = item.get_text("encrypted_content").filter(|encrypted| !encrypted.is_empty())?;
    Some([Text::new(PREFIX), encrypted])
}

/// The `encrypted_content` in a block's opaque field, if it is one.
pub(crate) fn encrypted_content<'a>(opaque: &Text<'a>) -> Option<Text<'a>> {
    opaque.strip_prefix(PREFIX).filter(|encrypted| !encrypted.is_empty())
}
