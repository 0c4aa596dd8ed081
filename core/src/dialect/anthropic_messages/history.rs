//! The edit list of a conversation that goes back to the provider: what earlier answers left in it and the provider would
//! refuse.

use super::wire::tool_id;
use crate::edit::{Decision, Patch};
use crate::json::{Node, Text};
use crate::loss::Report;

/// Collects the edits of `messages`.
pub(super) fn edit(messages: Node<'_>, patch: &mut Patch, report: &mut Report) {
    patch.array(messages, |patch, index, message| {
        let blocks = || message.get("content").into_iter().flat_map(Node::items);
        if !has_field_of_ours(message) && !blocks().any(is_edited) {
            return Decision::Keep;
        }
        if blocks().next().is_some() && blocks().all(says_nothing) {
            report.rewrite(format!("messages[{index}]"), "empty_text_dropped");
            return Decision::Remove;
        }
        patch.object(message, &[], |patch, key, value| {
            if key.is(FIELD_OF_OURS) {
                return Decision::Remove;
            }
            if key.is("content") {
                patch.array(value, |patch, number, block| {
                    edit_block(block, patch, &mut |code| {
                        report.rewrite(format!("messages[{index}].content[{number}]"), code);
                    })
                });
            }
            Decision::Keep
        });
        Decision::Keep
    });
}

/// What LiteLLM's answers carry beside the dialect's own fields.
const FIELD_OF_OURS: &str = "provider_specific_fields";

fn has_field_of_ours(node: Node<'_>) -> bool {
    node.get(FIELD_OF_OURS).is_some()
}

fn is_edited(block: Node<'_>) -> bool {
    says_nothing(block) || has_field_of_ours(block) || odd_id(block).is_some()
}

fn edit_block(block: Node<'_>, patch: &mut Patch, rewrite: &mut dyn FnMut(&'static str)) -> Decision {
    if says_nothing(block) {
        rewrite("empty_text_dropped");
        return Decision::Remove;
    }
    if has_field_of_ours(block) || odd_id(block).is_some() {
        patch.object(block, &[], |_, key, value| {
            if key.is(FIELD_OF_OURS) {
                return Decision::Remove;
            }
            match odd_id(block) {
                Some((field, id)) if key.is(field) && value.is_string() => {
                    rewrite("tool_id");
                    Decision::string(&tool_id(&id).unescape())
                }
                _ => Decision::Keep,
            }
        });
    }
    Decision::Keep
}

/// Blank texts and empty unsigned thinking.
fn says_nothing(block: Node<'_>) -> bool {
    let is_blank = |name: &str| block.get_text(name).is_none_or(|text| text.is_blank());
    match &*block.get_text("type").as_ref().map(Text::name).unwrap_or_default() {
        b"text" => is_blank("text"),
        b"thinking" => is_blank("thinking") && block.get_text("signature").is_none_or(|text| text.is_empty()),
        _ => false,
    }
}

/// The id of a block and its field, where the provider would refuse it.
fn odd_id(block: Node<'_>) -> Option<(&'static str, Text<'_>)> {
    let field = match &*block.get_text("type")?.name() {
        b"tool_use" | b"server_tool_use" => "id",
        b"tool_result" => "tool_use_id",
        _ => return None,
    };
    let id = block.get_text(field)?;
    let is_odd = tool_id(&id) != id;
    is_odd.then_some((field, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits};

    fn edited(json: &str) -> (String, usize) {
        let document = Document::parse(json.as_bytes(), &Limits::default()).expect("valid JSON");
        let mut patch = Patch::default();
        let mut report = Report::default();
        edit(document.root(), &mut patch, &mut report);
        let mut out = Vec::new();
        patch.write(json.as_bytes(), &mut out);
        (String::from_utf8(out).expect("UTF-8"), report.rewrites.len())
    }

    #[test]
    fn what_is_fine_stays_as_it_is() {
        let json = r#"[{"role":"user","content":""}, {"role":"user","content":[{"type":"tool_result","tool_use_id":"a-1"}]}]"#;
        assert_eq!(edited(json), (json.to_owned(), 0));
    }

    #[test]
    fn what_the_provider_would_refuse_goes() {
        let json = r#"[{"role":"assistant","content":[{"type":"text","text":" "},{"type":"tool_use","id":"f:0","name":"f","input":{}}]},{"role":"user","content":[{"type":"text","text":""}]}]"#;
        let expected =
            r#"[{"role":"assistant","content":[{"type":"tool_use","id":"f_0","name":"f","input":{}}]}]"#;
        assert_eq!(edited(json), (expected.to_owned(), 3));
    }
}
