//! Cache breakpoints beyond those that a provider takes.

use super::Turn;
use crate::ir::chat::{Block, Request, Role, Tool};
use crate::json::Node;
use crate::loss::Report;

/// Most breakpoints in one request.
const MOST: usize = 4;

/// Drops the oldest breakpoints of the conversation where there are more than the provider takes. Those on tools and the
/// request's own (`top_level`) stay.
pub(crate) fn cap(turns: &mut [Turn<'_>], request: &Request<'_>, top_level: bool, report: &mut Report) {
    let on_tools = request.tools.iter().filter(|tool| is_marked(tool)).count();
    let room = MOST.saturating_sub(on_tools + usize::from(top_level));
    let mut total = 0_usize;
    for turn in &mut *turns {
        for_each(turn, &mut |_| total += 1);
    }
    let mut excess = total.saturating_sub(room);
    for turn in turns {
        let path = turn.path();
        for_each(turn, &mut |mark| {
            if excess > 0 {
                excess -= 1;
                *mark = None;
                report.lose(format!("{path}.cache_control"), "too_many_cache_marks");
            }
        });
    }
}

fn is_marked(tool: &Tool<'_>) -> bool {
    match tool {
        Tool::Function { cache, .. } => cache.is_some_and(|cache| !cache.is_null()),
        Tool::Native { node, .. } => node.some("cache_control").is_some(),
        Tool::Custom { .. } => false,
    }
}

/// Visits the breakpoints of a turn in the order in which they are sent. One on a message whose content is a list is not
/// sent.
fn for_each<'a>(turn: &mut Turn<'a>, visit: &mut dyn FnMut(&mut Option<Node<'a>>)) {
    let message = &mut turn.message;
    let mut on_set = |mark: &mut Option<Node<'a>>| {
        if mark.is_some() {
            visit(mark);
        }
    };
    if message.plain || (message.blocks.is_empty() && message.role == Role::User) {
        on_set(&mut message.cache);
    }
    for block in &mut message.blocks {
        match block {
            Block::Text(text) => on_set(&mut text.cache),
            Block::Media(media) => on_set(&mut media.cache),
            Block::ToolUse(call) => on_set(&mut call.cache),
            Block::ToolResult(result) => {
                for inner in &mut result.content {
                    match inner {
                        Block::Text(text) => on_set(&mut text.cache),
                        Block::Media(media) => on_set(&mut media.cache),
                        _ => {}
                    }
                }
                on_set(&mut result.cache);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::turns;
    use super::*;
    use crate::ir::chat::{Message, TextBlock};
    use crate::json::{Limits, Text, Tokens};

    #[test]
    fn the_oldest_marks_go() {
        let mut tokens = Tokens::default();
        let mark = tokens.parse(br#"{"type":"ephemeral"}"#, &Limits::default()).expect("valid JSON");
        let marked = |_| {
            let text = TextBlock { cache: Some(mark), ..TextBlock::new(Text::new("x")) };
            Message::new(Role::User, vec![Block::Text(text)])
        };
        let mut turns = turns((0..6).map(marked).collect());
        let mut report = Report::default();
        cap(&mut turns, &Request::new(crate::dialect::Dialect::OpenAiChat), true, &mut report);
        let kept =
            |turn: &Turn<'_>| matches!(&turn.message.blocks[0], Block::Text(text) if text.cache.is_some());
        assert_eq!(turns.iter().map(kept).collect::<Vec<_>>(), [false, false, false, true, true, true]);
        assert_eq!(report.losses.len(), 3);
    }
}
