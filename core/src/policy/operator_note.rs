//! System messages after the first turn.
//!
//! Taking them to the front would change the beginning of the conversation, and with it every cached prefix. So they stay
//! about where they are: as system messages where the model accepts those, otherwise as the user's, with a note.

use super::Turn;
use crate::ir::chat::{Block, Message, Role, TextBlock};
use crate::json::{Node, Text};
use crate::loss::Report;

/// LiteLLM's words, so that prompts cached through one engine are hit through the other.
const NOTE: &str = "Operator note (not from the user): the following was originally a mid-conversation system-role reminder.";

/// Finds every system message among `turns` a place. The run at the beginning has been taken off before.
pub(crate) fn place<'a>(turns: Vec<Turn<'a>>, accepted: bool, report: &mut Report) -> Vec<Turn<'a>> {
    if !turns.iter().any(Turn::is_system) {
        return turns;
    }
    if accepted { keep(turns, report) } else { convert(turns, report) }
}

/// Every system message becomes a user message in place; between a tool call and its result there is no place, so there
/// it follows the result.
fn convert<'a>(turns: Vec<Turn<'a>>, report: &mut Report) -> Vec<Turn<'a>> {
    let mut placed = Vec::with_capacity(turns.len());
    let mut held = Vec::new();
    for turn in turns {
        if turn.is_system() {
            held.push(turn);
            continue;
        }
        if turn.message.role != Role::Tool {
            placed.extend(held.drain(..).filter_map(|turn| as_user(turn, report)));
        }
        placed.push(turn);
    }
    placed.extend(held.into_iter().filter_map(|turn| as_user(turn, report)));
    placed
}

/// The provider accepts a system message right after a user's turn and before the model's (or at the end). A run goes
/// behind the user's turn beside it; one without such a neighbour becomes the user's.
fn keep<'a>(turns: Vec<Turn<'a>>, report: &mut Report) -> Vec<Turn<'a>> {
    let spans = Spans::of(&turns);
    let anchors: Vec<_> = (0..turns.len()).map(|index| spans.anchor(&turns, index)).collect();
    let mut placed = Vec::with_capacity(turns.len());
    let mut anchored: Vec<(usize, Turn<'a>)> = Vec::new();
    let mut current = None;
    for (index, turn) in turns.into_iter().enumerate() {
        if turn.is_system() {
            match anchors[index] {
                Some(span) => anchored.push((span, turn)),
                None => placed.extend(as_user(turn, report)),
            }
            continue;
        }
        if current != spans.of_turn[index] {
            placed.extend(merged(&mut anchored, current, report));
            current = spans.of_turn[index];
        }
        placed.push(turn);
    }
    placed.extend(merged(&mut anchored, current, report));
    placed
}

/// The system messages that belong behind `span`, as one.
fn merged<'a>(
    anchored: &mut Vec<(usize, Turn<'a>)>,
    span: Option<usize>,
    report: &mut Report,
) -> Option<Turn<'a>> {
    let here: Vec<_> =
        anchored.extract_if(.., |(anchor, _)| Some(*anchor) == span).map(|(_, turn)| turn).collect();
    let source = here.first()?.source;
    let blocks: Vec<_> = here.into_iter().flat_map(|turn| parts(turn.message)).collect();
    let turn = Turn::new(source, Message::new(Role::System, blocks));
    if turn.message.blocks.is_empty() {
        return None;
    }
    report.rewrite(turn.path(), "system_moved");
    Some(turn)
}

/// Stretches of messages that are all the user's or all the model's, system messages not counted.
struct Spans {
    /// The stretch of each message; `None` for system messages.
    of_turn: Vec<Option<usize>>,
    /// Whether a system message may follow the stretch.
    anchorable: Vec<bool>,
}

impl Spans {
    fn of(turns: &[Turn<'_>]) -> Self {
        let mut of_turn = Vec::with_capacity(turns.len());
        // For each stretch: whether it is the user's, and whether anything of it is sent.
        let mut stretches: Vec<(bool, bool)> = Vec::new();
        for turn in turns {
            if turn.is_system() {
                of_turn.push(None);
                continue;
            }
            let user = turn.is_user();
            if stretches.last().is_none_or(|(last, _)| *last != user) {
                stretches.push((user, false));
            }
            let sent = user || !turn.message.blocks.is_empty();
            if let Some((_, sends)) = stretches.last_mut() {
                *sends |= sent;
            }
            of_turn.push(Some(stretches.len() - 1));
        }
        let before_model =
            |from: usize| stretches[from..].iter().find(|(_, sends)| *sends).is_none_or(|(user, _)| !user);
        let anchorable = (0..stretches.len()).map(|at| stretches[at].1 && before_model(at + 1)).collect();
        Self { of_turn, anchorable }
    }

    /// The user's stretch that the system message at `index` follows, if there is one beside its run.
    fn anchor(&self, turns: &[Turn<'_>], index: usize) -> Option<usize> {
        if !turns[index].is_system() {
            return None;
        }
        let before = turns[..index].iter().rposition(|turn| !turn.is_system());
        let after = turns[index..].iter().position(|turn| !turn.is_system()).map(|at| index + at);
        let neighbour = before.filter(|&at| turns[at].is_user()).or(after)?;
        let span = self.of_turn[neighbour].filter(|_| turns[neighbour].is_user())?;
        self.anchorable[span].then_some(span)
    }
}

fn as_user<'a>(turn: Turn<'a>, report: &mut Report) -> Option<Turn<'a>> {
    let source = turn.source;
    let mut blocks = vec![Block::Text(TextBlock::new(Text::new(NOTE)))];
    blocks.extend(parts(turn.message));
    if blocks.len() == 1 {
        return None;
    }
    let turn = Turn::new(source, Message::new(Role::User, blocks));
    report.rewrite(turn.path(), "operator_note");
    Some(turn)
}

/// The texts of a system message.
fn parts(message: Message<'_>) -> Vec<Block<'_>> {
    let Message { blocks, plain, cache: whole, .. } = message;
    let text = |block| match block {
        Block::Text(text) if !text.text.is_empty() => {
            let cache = if plain { text.cache.or(whole) } else { text.cache };
            Some(Block::Text(TextBlock {
                cache: cache.filter(|&cache| is_ephemeral(cache)),
                ..TextBlock::new(text.text)
            }))
        }
        _ => None,
    };
    blocks.into_iter().filter_map(text).collect()
}

fn is_ephemeral(cache: Node<'_>) -> bool {
    cache.get("type").is_some_and(|kind| kind.is_text("ephemeral"))
}

#[cfg(test)]
mod tests {
    use super::super::turns;
    use super::*;

    fn run(roles: &str, accepted: bool) -> String {
        let message = |(index, role): (usize, char)| {
            let role = match role {
                'u' => Role::User,
                'a' => Role::Assistant,
                't' => Role::Tool,
                _ => Role::System,
            };
            Message::new(role, vec![Block::Text(TextBlock::new(Text::new(index.to_string())))])
        };
        let placed =
            place(turns(roles.chars().enumerate().map(message).collect()), accepted, &mut Report::default());
        let show = |turn: &Turn<'_>| {
            let role = match turn.message.role {
                Role::User if turn.message.blocks.len() > 1 => 'n',
                Role::User => 'u',
                Role::Assistant => 'a',
                Role::Tool => 't',
                _ => 's',
            };
            format!("{role}{}", turn.source)
        };
        placed.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn without_support_they_become_the_users_but_never_before_a_result() {
        assert_eq!(run("usau", false), "u0 n1 a2 u3");
        assert_eq!(run("uastsu", false), "u0 a1 t3 n2 n4 u5");
        assert_eq!(run("uas", false), "u0 a1 n2");
    }

    #[test]
    fn with_support_they_follow_a_users_turn() {
        assert_eq!(run("usa", true), "u0 s1 a2");
        assert_eq!(run("usua", true), "u0 u2 s1 a3");
        assert_eq!(run("uasta", true), "u0 a1 t3 s2 a4");
        assert_eq!(run("uas", true), "u0 a1 n2");
        assert_eq!(run("uasa", true), "u0 a1 n2 a3");
    }
}
