//! Items that a client gives back, as their provider takes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::edit::{Decision, Patch};
use crate::json::{Document, Limits, Node, Text};
use crate::loss::Report;

/// The ids that OpenAI gives calls begin like this; it refuses others.
const CALL_IDS: [(&str, &str); 3] =
    [("function_call", "fc"), ("custom_tool_call", "ctc"), ("tool_search_call", "tsc")];
/// Before `encrypted_content` into which LiteLLM has put the deployment.
const WRAPPED: &str = "litellm_enc:";
/// Before ids of items into which LiteLLM has put the deployment.
const WRAPPED_ID: &str = "encitem_";

/// Collects the edits of an input. `strict`: the provider refuses items that are not its own.
pub(super) fn edit(input: Node<'_>, strict: bool, patch: &mut Patch, report: &mut Report) {
    patch.array(input, |patch, index, item| {
        let kind = item.get_text("type");
        let is = |name: &str| kind.as_ref().is_some_and(|kind| kind.is(name));
        let reasoning = is("reasoning");
        if strict && reasoning && is_foreign_reasoning(item) {
            report.lose(format!("input[{index}]"), "foreign_reasoning");
            return Decision::Remove;
        }
        let prefix = CALL_IDS.iter().find(|(name, _)| strict && is(name)).map(|(_, prefix)| *prefix);
        patch.object(item, &[], |patch, key, value| match &*key.name() {
            b"cache_control" => {
                report.lose(format!("input[{index}].cache_control"), "cache_control");
                Decision::Remove
            }
            b"content" | b"status" | b"encrypted_content" if reasoning && value.is_null() => Decision::Remove,
            b"content" | b"output" => {
                parts(value, index, patch, report);
                Decision::Keep
            }
            b"created_by" if value.is_null() => Decision::Remove,
            b"id" => id(value, prefix, index, report),
            b"encrypted_content" => unwrapped(value),
            _ => Decision::Keep,
        });
        Decision::Keep
    });
}

/// Parts lose marks that only Anthropic knows.
fn parts(content: Node<'_>, index: usize, patch: &mut Patch, report: &mut Report) {
    for (part, node) in content.items().enumerate().filter(|(_, node)| node.is_object()) {
        patch.object(node, &[], |_, key, _| {
            if !key.is("cache_control") {
                return Decision::Keep;
            }
            report.lose(format!("input[{index}].content[{part}].cache_control"), "cache_control");
            Decision::Remove
        });
    }
}

fn id(value: Node<'_>, prefix: Option<&str>, index: usize, report: &mut Report) -> Decision {
    let Some(id) = value.text() else { return Decision::Keep };
    if let Some(own) = id.starts_with(WRAPPED_ID).then(|| own_id(&id)).flatten() {
        return Decision::string(&own);
    }
    if prefix.is_some_and(|prefix| !id.starts_with(prefix)) {
        report.rewrite(format!("input[{index}].id"), "item_id");
        return Decision::Remove;
    }
    Decision::Keep
}

/// The provider's id in one that LiteLLM has wrapped.
fn own_id(id: &Text<'_>) -> Option<String> {
    let id = id.unescape();
    let encoded = id.strip_prefix(WRAPPED_ID)?.trim_end_matches('=');
    let text = String::from_utf8(STANDARD_NO_PAD.decode(encoded).ok()?).ok()?;
    Some(text.split_once(";item_id:")?.1.to_owned())
}

fn unwrapped(value: Node<'_>) -> Decision {
    let Some(text) = value.text().filter(|text| text.starts_with(WRAPPED)) else { return Decision::Keep };
    match text.unescape().split_once(';') {
        Some((_, content)) => Decision::string(content),
        None => Decision::Keep,
    }
}

/// Whether a reasoning item was made in a translation from another provider's answer: by its id, a version 4 UUID, or by
/// its content, thinking blocks of Anthropic's.
fn is_foreign_reasoning(item: Node<'_>) -> bool {
    let minted = item.get_text("id").is_some_and(|id| is_minted(&id.unescape()));
    minted || item.get_text("encrypted_content").is_some_and(|content| holds_thinking(&content))
}

fn is_minted(id: &str) -> bool {
    let Some(uuid) = id.strip_prefix("rs_").filter(|uuid| uuid.len() == 36) else { return false };
    uuid.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        14 => byte == b'4',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    })
}

/// Whether `content` is a list of thinking blocks.
fn holds_thinking(content: &Text<'_>) -> bool {
    if !content.starts_with("[") {
        return false;
    }
    let text = content.unescape();
    let Ok(document) = Document::parse(text.as_bytes(), &Limits::default()) else { return false };
    document.root().items().any(|block| {
        let proof = match block.get_text("type").as_ref().map(|kind| kind.name()).as_deref() {
            Some(b"thinking") => block.get_text("signature"),
            Some(b"redacted_thinking") => block.get_text("data"),
            _ => None,
        };
        proof.is_some_and(|proof| !proof.is_empty())
    })
}
