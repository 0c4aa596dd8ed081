//! Tool names in the characters that a provider allows.

use super::Turn;
use crate::ir::chat::{Block, Tool, ToolChoice};
use crate::json::Text;
use crate::loss::Report;

const LONGEST: usize = 128;

/// Gives tools whose names have other characters than `[a-zA-Z0-9_-]`, or more than 128, names that fit. No two tools end
/// up with the same one. Returns the changes as `(sent, client's)`.
pub(crate) fn make_safe(
    tools: &mut [Tool<'_>],
    choice: Option<&mut ToolChoice<'_>>,
    turns: &mut [Turn<'_>],
    report: &mut Report,
) -> Vec<(String, String)> {
    let changes = changes(tools);
    if changes.is_empty() {
        return changes;
    }
    for (index, tool) in tools.iter_mut().enumerate() {
        if let Tool::Function { name, .. } | Tool::Custom { name, .. } = tool
            && replace(name, &changes)
        {
            report.rewrite(format!("tools[{index}].name"), "tool_name");
        }
    }
    if let Some(ToolChoice::Named(name)) = choice {
        replace(name, &changes);
    }
    for turn in turns {
        for block in &mut turn.message.blocks {
            if let Block::ToolUse(call) = block {
                replace(&mut call.name, &changes);
            }
        }
    }
    changes
}

fn changes(tools: &[Tool<'_>]) -> Vec<(String, String)> {
    let names = || {
        tools.iter().filter_map(|tool| match tool {
            Tool::Function { name, .. } | Tool::Custom { name, .. } if !name.is_empty() => Some(name),
            _ => None,
        })
    };
    if names().all(is_safe) {
        return Vec::new();
    }
    // Names that need no change keep their places, wherever they stand.
    let mut used: Vec<String> =
        names().filter(|name| is_safe(name)).map(|name| name.unescape().into_owned()).collect();
    let mut changes: Vec<(String, String)> = Vec::new();
    for name in names().filter(|name| !is_safe(name)) {
        let name = name.unescape();
        if changes.iter().any(|(_, client)| *client == name) {
            continue;
        }
        let sent = free_name(&name, &used);
        used.push(sent.clone());
        changes.push((sent, name.into_owned()));
    }
    changes
}

fn is_safe(name: &Text<'_>) -> bool {
    let name = name.name();
    name.len() <= LONGEST
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn free_name(name: &str, used: &[String]) -> String {
    let fit = |character: char| {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '-') { character } else { '_' }
    };
    let candidate: String = name.chars().take(LONGEST).map(fit).collect();
    let mut free = candidate.clone();
    let mut number = 1;
    while used.contains(&free) {
        number += 1;
        let suffix = format!("_{number}");
        let length = candidate.len().min(LONGEST - suffix.len());
        free = format!("{}{suffix}", &candidate[..length]);
    }
    free
}

fn replace(name: &mut Text<'_>, changes: &[(String, String)]) -> bool {
    let Some((sent, _)) = changes.iter().find(|(_, client)| name.is(client)) else { return false };
    *name = Text::new(sent.clone());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &'static str) -> Tool<'static> {
        Tool::Function {
            name: Text::new(name),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
            extra: Vec::new(),
        }
    }

    #[test]
    fn names_stay_apart_and_can_be_undone() {
        let mut tools = [tool("a/b"), tool("a_b"), tool("a.b"), tool("fine")];
        let changes = make_safe(&mut tools, None, &mut [], &mut Report::default());
        let expected = [("a_b_2", "a/b"), ("a_b_3", "a.b")];
        assert_eq!(changes, expected.map(|(sent, client)| (sent.to_owned(), client.to_owned())));
    }

    #[test]
    fn names_that_fit_are_left_alone() {
        assert!(make_safe(&mut [tool("get_weather")], None, &mut [], &mut Report::default()).is_empty());
    }
}
