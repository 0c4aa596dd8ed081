//! A whole answer as the events of a stream, for hosts that do not stream what the client wants streamed.

use crate::ir::chat::{Block, BlockStart, Choice, Delta, Event, Input, Response, Start, ToolUse};
use crate::json::{Node, Text};

/// Tells `response` as events.
pub(super) fn replay(response: &Response<'_>, mut sink: impl FnMut(Event<'_>)) {
    sink(Event::Start(Start {
        id: response.id.clone(),
        model: response.model.clone(),
        created: response.created,
        usage: response.usage,
        extra: None,
    }));
    for choice in &response.choices {
        for (index, block) in choice.blocks.iter().enumerate() {
            replay_block(choice, index as u32, block, &mut sink);
        }
        if let Some(node) = choice.logprobs {
            sink(Event::Logprobs { choice: choice.index, node });
        }
        sink(Event::Finish {
            choice: choice.index,
            finish: choice.finish.clone(),
            stop_sequence: choice.stop_sequence.clone(),
        });
    }
    if let Some(usage) = response.usage {
        sink(Event::Usage { usage, node: response.usage_node });
    }
    sink(Event::End);
}

fn replay_block(choice: &Choice<'_>, index: u32, block: &Block<'_>, sink: &mut impl FnMut(Event<'_>)) {
    let number = choice.index;
    let (start, deltas): (BlockStart<'_>, Vec<Delta<'_>>) = match block {
        Block::Text(text) => (BlockStart::Text, vec![Delta::Text(text.text.clone())]),
        Block::Refusal(text) => (BlockStart::Refusal, vec![Delta::Text(text.clone())]),
        Block::Thinking(thinking) => {
            let signature = thinking.signature.clone().map(Delta::Signature);
            let text = Some(Delta::Thinking(thinking.text.clone()));
            (BlockStart::Thinking, text.into_iter().chain(signature).collect())
        }
        Block::RedactedThinking { data } => (BlockStart::RedactedThinking { data: data.clone() }, Vec::new()),
        Block::ToolUse(call) => {
            let start = BlockStart::ToolUse {
                id: call.id.clone(),
                name: call.name.clone(),
                custom: matches!(call.input, Input::Free(_)),
                caller: extra(call, "caller"),
                namespace: extra(call, "namespace"),
            };
            let input = match &call.input {
                Input::Json(node) => Text::new(node.raw_str()),
                Input::Encoded(text) | Input::Free(text) => text.clone(),
            };
            (start, vec![Delta::Input(input)])
        }
        Block::Native { node, .. } => (BlockStart::Native(*node), Vec::new()),
        Block::Media(_) | Block::ToolResult(_) => return,
    };
    sink(Event::BlockStart { choice: number, index, block: start });
    for delta in deltas {
        sink(Event::Delta { choice: number, index, delta });
    }
    sink(Event::BlockStop { choice: number, index });
}

fn extra<'a>(call: &ToolUse<'a>, name: &str) -> Option<Node<'a>> {
    call.extra.iter().find(|(key, _)| key.is(name)).map(|(_, value)| *value)
}
