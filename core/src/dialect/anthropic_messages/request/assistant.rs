//! What the model said, as it has to come back: thinking with its signatures, tool calls, and what the provider's own
//! tools did.

use super::super::wire::{arguments, tool_id};
use super::content::write_cache;
use crate::error::Refusal;
use crate::ir::chat::{Block, Input, Role, ToolUse};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy::{Turn, custom_tools};

/// Ids of calls that the provider ran itself begin like this.
const SERVER_ID: &[u8] = b"srvtoolu_";

/// Writes the blocks of the model's turns, which become one message.
pub(super) struct Assistant<'t, 'a, 'r> {
    report: &'r mut Report,
    /// Ids of the calls that the client answered.
    pub(super) answered: &'t [&'t Text<'a>],
    /// Ids and thinking that are written already: the provider refuses repetitions.
    calls: Vec<&'t Text<'a>>,
    thoughts: Vec<&'t Text<'a>>,
}

/// A piece of a turn in the order in which it is written.
enum Piece<'t, 'a> {
    Block(&'t Block<'a>),
    /// A call that the provider ran itself.
    ServerUse(&'t ToolUse<'a>),
    Node(Node<'a>),
}

/// A turn's blocks by kind, in order.
#[derive(Default)]
struct Sorted<'t, 'a> {
    thinking: Vec<&'t Block<'a>>,
    rest: Vec<&'t Block<'a>>,
    calls: Vec<Call<'t, 'a>>,
}

/// A call, by who answers it.
enum Call<'t, 'a> {
    /// The client.
    Client(&'t Block<'a>),
    /// The provider, which has.
    Done(&'t ToolUse<'a>, Node<'a>),
    /// The provider, which has not yet.
    Paused { call: &'t ToolUse<'a>, sent: bool },
}

impl<'t, 'a> Call<'t, 'a> {
    fn is_paused(&self) -> bool {
        matches!(self, Self::Paused { .. })
    }

    fn append(&self, pieces: &mut Vec<Piece<'t, 'a>>) {
        match self {
            Self::Client(block) => pieces.push(Piece::Block(block)),
            Self::Done(call, result) => pieces.extend([Piece::ServerUse(call), Piece::Node(*result)]),
            Self::Paused { call, sent: true } => pieces.push(Piece::ServerUse(call)),
            Self::Paused { .. } => {}
        }
    }
}

impl<'t, 'a, 'r> Assistant<'t, 'a, 'r> {
    pub(super) fn new(answered: &'t [&'t Text<'a>], report: &'r mut Report) -> Self {
        Self { report, answered, calls: Vec::new(), thoughts: Vec::new() }
    }

    /// Whether the turn puts anything on the wire.
    pub(super) fn speaks(&self, turn: &'t Turn<'a>, last: bool) -> bool {
        let blocks = &turn.message.blocks;
        let says = if blocks.iter().any(|block| self.server_call(block).is_some()) {
            !self.server_pieces(turn, last).is_empty()
        } else {
            !blocks.is_empty()
        };
        says || compactions(turn).next().is_some()
    }

    /// Writes one turn.
    pub(super) fn write(
        &mut self,
        turn: &'t Turn<'a>,
        last: bool,
        w: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        let message = &turn.message;
        for block in compactions(turn) {
            w.node(block);
        }
        if message.blocks.iter().any(|block| self.server_call(block).is_some()) {
            for piece in self.server_pieces(turn, last) {
                self.write_piece(&piece, turn, w)?;
            }
            return Ok(());
        }
        for block in &message.blocks {
            self.write_block(block, turn, w)?;
        }
        Ok(())
    }

    fn server_call(&self, block: &'t Block<'a>) -> Option<&'t ToolUse<'a>> {
        match block {
            Block::ToolUse(call)
                if call.id.name().starts_with(SERVER_ID) && !self.answered.contains(&&call.id) =>
            {
                Some(call)
            }
            _ => None,
        }
    }

    /// The order in which a turn with calls of the provider's own came: each thought before the call that it led to. A
    /// call without a result is a paused turn: it comes last, and thinking is not sent with it.
    fn server_pieces(&self, turn: &'t Turn<'a>, last: bool) -> Vec<Piece<'t, 'a>> {
        let sorted = self.sorted(turn, last);
        let Sorted { thinking, rest, calls } = sorted;
        let interleave = !thinking.is_empty() && !turn.listed;
        let mut thoughts =
            thinking.into_iter().filter(|_| !calls.iter().any(Call::is_paused)).map(Piece::Block);
        let mut pieces = Vec::new();
        if !interleave {
            pieces.extend(thoughts);
            pieces.extend(rest.into_iter().map(Piece::Block));
            calls.iter().for_each(|call| call.append(&mut pieces));
            return pieces;
        }
        for call in calls.iter().filter(|call| matches!(call, Call::Done(..))) {
            pieces.extend(thoughts.next());
            call.append(&mut pieces);
        }
        pieces.extend(thoughts);
        pieces.extend(rest.into_iter().map(Piece::Block));
        calls.iter().filter(|call| matches!(call, Call::Client(_))).for_each(|call| call.append(&mut pieces));
        calls.iter().filter(|call| call.is_paused()).for_each(|call| call.append(&mut pieces));
        pieces
    }

    fn sorted(&self, turn: &'t Turn<'a>, last: bool) -> Sorted<'t, 'a> {
        let fields = provider_fields(turn);
        let mut sorted = Sorted::default();
        for block in &turn.message.blocks {
            match block {
                Block::Thinking(_) | Block::RedactedThinking { .. } => sorted.thinking.push(block),
                Block::ToolUse(call) if self.server_call(block).is_some() => {
                    match fields.and_then(|fields| result_of(fields, &call.id)) {
                        Some(result) => sorted.calls.push(Call::Done(call, result)),
                        // Nothing was searched for in the end, and the provider refuses half a search.
                        None if call.name.name().starts_with(b"tool_search_tool_") => {}
                        None => sorted.calls.push(Call::Paused { call, sent: false }),
                    }
                }
                Block::ToolUse(_) => sorted.calls.push(Call::Client(block)),
                _ => sorted.rest.push(block),
            }
        }
        // Only what the conversation ends with can be gone on with.
        if let Some(Call::Paused { sent, .. }) = sorted.calls.iter_mut().rev().find(|call| call.is_paused()) {
            *sent = last;
        }
        sorted
    }

    fn write_piece(
        &mut self,
        piece: &Piece<'t, 'a>,
        turn: &Turn<'_>,
        w: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        match piece {
            Piece::Block(block) => self.write_block(block, turn, w),
            Piece::ServerUse(call) => self.write_call(call, "server_tool_use", turn, w),
            Piece::Node(node) => {
                w.node(*node);
                Ok(())
            }
        }
    }

    fn write_block(
        &mut self,
        block: &'t Block<'a>,
        turn: &Turn<'_>,
        w: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        match block {
            Block::Text(text) => {
                w.begin_object().key("type").word("text").key("text").text(&text.text);
                let whole = turn.message.cache.filter(|_| turn.message.plain);
                write_cache(text.cache.or(whole), w);
                w.end_object();
            }
            Block::Refusal(text) => {
                w.begin_object().key("type").word("text").key("text").text(text).end_object();
            }
            Block::Thinking(thinking) => {
                let Some(signature) = &thinking.signature else { return Ok(()) };
                if self.is_new_thought(signature) {
                    w.begin_object().key("type").word("thinking").key("thinking").text(&thinking.text);
                    w.key("signature").text(signature).end_object();
                }
            }
            Block::RedactedThinking { data } => {
                if self.is_new_thought(data) {
                    w.begin_object()
                        .key("type")
                        .word("redacted_thinking")
                        .key("data")
                        .text(data)
                        .end_object();
                }
            }
            Block::ToolUse(call) => return self.write_call(call, "tool_use", turn, w),
            Block::Native { node, .. } => {
                w.node(*node);
            }
            Block::Media(_) | Block::ToolResult(_) => {}
        }
        Ok(())
    }

    fn is_new_thought(&mut self, identity: &'t Text<'a>) -> bool {
        let new = !self.thoughts.contains(&identity);
        if new {
            self.thoughts.push(identity);
        }
        new
    }

    fn write_call(
        &mut self,
        call: &'t ToolUse<'a>,
        kind: &str,
        turn: &Turn<'_>,
        w: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        // A function call of the older form has no id; its answer is known by the function's name.
        let id = if call.id.is_empty() { &call.name } else { &call.id };
        if self.calls.contains(&id) {
            return Ok(());
        }
        self.calls.push(id);
        let sent = tool_id(id);
        if sent != *id {
            self.report.rewrite(format!("{}.tool_calls", turn.path()), "tool_id");
        }
        w.begin_object().key("type").str(kind).key("id").text(&sent).key("name").text(&call.name);
        w.key("input");
        match &call.input {
            Input::Json(node) => {
                w.node(*node);
            }
            Input::Free(text) => custom_tools::write_arguments(text, w),
            Input::Encoded(text) => {
                let found = arguments(text).ok_or_else(|| {
                    let path = format!("{}.tool_calls", turn.path());
                    Refusal::invalid(
                        path.clone(),
                        format!("{path}: the arguments of a tool call are not JSON"),
                    )
                })?;
                if found.mended {
                    self.report.rewrite(format!("{}.tool_calls", turn.path()), "arguments_mended");
                }
                w.raw(found.json.as_bytes());
            }
        }
        write_cache(call.cache, w);
        w.end_object();
        Ok(())
    }
}

fn provider_fields<'a>(turn: &Turn<'a>) -> Option<Node<'a>> {
    turn.message.extra.iter().find(|(key, _)| key.is("provider_specific_fields")).map(|(_, node)| *node)
}

fn compactions<'a>(turn: &Turn<'a>) -> impl Iterator<Item = Node<'a>> {
    provider_fields(turn)
        .and_then(|fields| fields.some("compaction_blocks"))
        .into_iter()
        .flat_map(Node::items)
}

/// What the provider's tool answered, as LiteLLM's clients replay it.
fn result_of<'a>(fields: Node<'a>, id: &Text<'_>) -> Option<Node<'a>> {
    let id = id.unescape();
    ["web_search_results", "tool_results"]
        .into_iter()
        .filter_map(|name| fields.some(name))
        .flat_map(Node::items)
        .find(|result| result.get("tool_use_id").is_some_and(|of| of.is_text(&id)))
}

/// Takes out the client's answers to calls that the provider answered itself: a call has one result. Where the user's turn
/// would be empty without it, the client's answer stays.
pub(super) fn drop_replaced_answers(turns: &mut Vec<Turn<'_>>, report: &mut Report) {
    let mut dropped = Vec::new();
    for (at, turn) in turns.iter().enumerate().filter(|(_, turn)| turn.message.role == Role::Assistant) {
        let Some(fields) = provider_fields(turn) else { continue };
        let is_replaced = |turn: &Turn<'_>| match turn.message.blocks.as_slice() {
            [Block::ToolResult(result)] => {
                result.tool_use_id.name().starts_with(SERVER_ID)
                    && result_of(fields, &result.tool_use_id).is_some()
            }
            _ => false,
        };
        let following =
            || (at + 1..turns.len()).take_while(|&next| turns[next].message.role != Role::Assistant);
        if following().any(|next| turns[next].is_user() && !is_replaced(&turns[next])) {
            dropped.extend(following().filter(|&next| is_replaced(&turns[next])));
        }
    }
    for &at in dropped.iter().rev() {
        report.lose(turns[at].path(), "answered_by_provider");
        turns.remove(at);
    }
}
