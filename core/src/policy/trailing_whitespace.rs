//! White space at the end of a prefilled answer, which the provider refuses.

use super::Turn;
use crate::ir::chat::{Block, Role};
use crate::json::Text;
use crate::loss::Report;

/// Cuts white space off the end of the texts in a last assistant turn.
pub(crate) fn trim(turns: &mut [Turn<'_>], report: &mut Report) {
    for turn in turns.iter_mut().rev().take_while(|turn| turn.message.role == Role::Assistant) {
        let mut changed = false;
        for block in &mut turn.message.blocks {
            let Block::Text(text) = block else { continue };
            let whole = text.text.unescape();
            let trimmed = whole.trim_end();
            if trimmed.len() < whole.len() {
                text.text = Text::new(trimmed.to_owned());
                changed = true;
            }
        }
        if changed {
            report.rewrite(turn.path(), "trailing_whitespace");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::turns;
    use super::*;
    use crate::ir::chat::{Message, TextBlock};

    #[test]
    fn only_the_last_assistant_turn_is_trimmed() {
        let message = |role| Message::new(role, vec![Block::Text(TextBlock::new(Text::new(" a \n")))]);
        let mut turns = turns(vec![message(Role::Assistant), message(Role::User), message(Role::Assistant)]);
        let mut report = Report::default();
        trim(&mut turns, &mut report);
        assert!(matches!(&turns[0].message.blocks[0], Block::Text(text) if text.text.is(" a \n")));
        assert!(matches!(&turns[2].message.blocks[0], Block::Text(text) if text.text.is(" a")));
        assert_eq!(report.rewrites.len(), 1);
    }
}
