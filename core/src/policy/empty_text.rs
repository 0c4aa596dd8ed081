//! Empty texts, which the provider refuses.

use super::Turn;
use crate::ir::chat::{Block, Message, Role};
use crate::json::Text;
use crate::loss::Report;

/// LiteLLM's words, so that prompts cached through one engine are hit through the other.
pub(crate) const PLACEHOLDER: &str = "[System: Empty message content sanitised to satisfy protocol]";

/// Replaces blank texts of users and assistants by a placeholder, or drops them where the model's turn has other content.
pub(crate) fn fill(turns: &mut [Turn<'_>], report: &mut Report) {
    for turn in turns {
        let message = &mut turn.message;
        if !matches!(message.role, Role::User | Role::Assistant) || !message.blocks.iter().any(is_blank) {
            continue;
        }
        let others = message.blocks.iter().any(stands_alone);
        if message.role == Role::Assistant && others {
            message.blocks.retain(|block| !is_blank(block));
            report.rewrite(turn.path(), "empty_text_dropped");
            continue;
        }
        for block in &mut message.blocks {
            if let Block::Text(text) = block
                && text.text.is_blank()
            {
                text.text = Text::new(PLACEHOLDER);
            }
        }
        report.rewrite(turn.path(), "empty_text_placeholder");
    }
}

fn is_blank(block: &Block<'_>) -> bool {
    matches!(block, Block::Text(text) if text.text.is_blank())
}

/// Drops blank texts and empty unsigned thinking from a list of content, as LiteLLM does for messages clients of any
/// provider: such blocks come from earlier answers and are refused on the way back. Returns whether something is left.
pub(crate) fn drop_blank(message: &mut Message<'_>, index: usize, report: &mut Report) -> bool {
    let says_nothing = |block: &Block<'_>| match block {
        Block::Thinking(thinking) => thinking.signature.is_none() && thinking.text.is_blank(),
        _ => is_blank(block),
    };
    if message.plain || !message.blocks.iter().any(says_nothing) {
        return true;
    }
    message.blocks.retain(|block| !says_nothing(block));
    report.rewrite(format!("messages[{index}]"), "empty_text_dropped");
    !message.blocks.is_empty()
}

/// Whether a turn is complete with this block. Thinking is not content of its own: it stands beside the message.
fn stands_alone(block: &Block<'_>) -> bool {
    match block {
        // A search that the provider ran may turn out to have no result, and then it is not sent.
        Block::ToolUse(call) => {
            !(call.id.name().starts_with(b"srvtoolu_") && call.name.name().starts_with(b"tool_search_tool_"))
        }
        Block::Native { node, .. } => node.get_text("type").is_some_and(|kind| {
            let name = kind.name();
            &*name == b"server_tool_use" || name.ends_with(b"_tool_result")
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::turns;
    use super::*;
    use crate::ir::chat::{Input, TextBlock, ToolUse};

    fn text(text: &'static str) -> Block<'static> {
        Block::Text(TextBlock::new(Text::new(text)))
    }

    #[test]
    fn blank_texts_are_filled_or_dropped() {
        let call = Block::ToolUse(ToolUse {
            id: Text::new("t"),
            name: Text::new("f"),
            input: Input::Encoded(Text::new("{}")),
            cache: None,
            extra: Vec::new(),
        });
        let mut turns = turns(vec![
            Message::new(Role::User, vec![text(" "), text("a")]),
            Message::new(Role::Assistant, vec![text(""), call]),
            Message::new(Role::Assistant, vec![text("\n")]),
        ]);
        fill(&mut turns, &mut Report::default());
        assert!(matches!(&turns[0].message.blocks[0], Block::Text(text) if text.text.is(PLACEHOLDER)));
        assert_eq!(turns[1].message.blocks.len(), 1);
        assert!(matches!(&turns[2].message.blocks[0], Block::Text(text) if text.text.is(PLACEHOLDER)));
    }

    #[test]
    fn messages_clients_lose_blank_blocks() {
        let mut message = Message::new(Role::Assistant, vec![text(""), text("a"), text(" ")]);
        assert!(drop_blank(&mut message, 0, &mut Report::default()));
        assert_eq!(message.blocks.len(), 1);
        let mut message = Message::new(Role::User, vec![text(" ")]);
        assert!(!drop_blank(&mut message, 0, &mut Report::default()));
    }
}
