//! Reasoning that comes back, and compactions: what a provider of another dialect can read of them.

use crate::ir::chat::{Block, Thinking};
use crate::json::{Document, Limits, Node, Text};
use crate::loss::Report;

/// Before `encrypted_content` into which LiteLLM has put the deployment: `litellm_enc:<deployment>;<content>`.
const WRAPPED: &str = "litellm_enc:";

/// Reads the reasoning item at `index`: the signed blocks that it was made of, or its text.
pub(super) fn blocks<'a>(item: Node<'a>, index: usize, report: &mut Report) -> Vec<Block<'a>> {
    let encrypted = item.get_text("encrypted_content").filter(|content| !content.is_empty());
    if let Some(content) = &encrypted {
        let signed = signed_blocks(content);
        if !signed.is_empty() {
            return signed;
        }
        report.lose(format!("input[{index}].encrypted_content"), "foreign_reasoning");
    }
    let told = item.some("content").and_then(joined).or_else(|| item.some("summary").and_then(joined));
    told.map(|text| Block::Thinking(Thinking { item: Some(item), ..Thinking::new(text) }))
        .into_iter()
        .collect()
}

/// The texts of a list of parts, each in lines of its own; nothing where there is no text.
fn joined(parts: Node<'_>) -> Option<Text<'_>> {
    if let Some(text) = parts.text() {
        return Some(text).filter(|text| !text.is_blank());
    }
    let mut texts = parts.items().filter_map(|part| part.get_text("text")).filter(|text| !text.is_blank());
    let first = texts.next()?;
    let Some(second) = texts.next() else { return Some(first) };
    let rest = std::iter::once(second).chain(texts);
    Some(Text::new(rest.fold(first.unescape().into_owned(), |all, text| all + "\n" + &text.unescape())))
}

/// `anthropic_messages` blocks inside `encrypted_content`: those that their provider takes back.
fn signed_blocks(content: &Text<'_>) -> Vec<Block<'static>> {
    let content = unwrapped(content);
    let Some(document) = content.starts_with('[').then(|| parse(&content)).flatten() else {
        return Vec::new();
    };
    let owned = |block: Node<'_>, name: &str| {
        let text = block.get_text(name)?.unescape().into_owned();
        Some(Text::new(text)).filter(|text| !text.is_empty())
    };
    let read = |block: Node<'_>| match &*block.get_text("type")?.name() {
        b"thinking" => {
            let text = owned(block, "thinking").unwrap_or_else(|| Text::new(""));
            let signature = Some(owned(block, "signature")?);
            Some(Block::Thinking(Thinking { signature, ..Thinking::new(text) }))
        }
        b"redacted_thinking" => Some(Block::RedactedThinking { data: owned(block, "data")? }),
        _ => None,
    };
    document.root().items().filter_map(read).collect()
}

/// The summary in a compaction item that was made of one of `anthropic_messages`.
pub(super) fn summary_of_compaction(item: Node<'_>) -> Option<Text<'static>> {
    let content = unwrapped(&item.get_text("encrypted_content")?);
    let document = parse(&content)?;
    let root = document.root();
    let own = root.some("type")?.is_text("compaction");
    let summary = root.get_text("content").filter(|text| own && !text.is_empty())?;
    Some(Text::new(summary.unescape().into_owned()))
}

fn unwrapped(content: &Text<'_>) -> String {
    let content = content.unescape();
    let wrapped = content.strip_prefix(WRAPPED).and_then(|rest| Some(rest.split_once(';')?.1));
    wrapped.unwrap_or(&content).to_owned()
}

fn parse(text: &str) -> Option<Document<'_>> {
    Document::parse(text.as_bytes(), &Limits::default()).ok()
}
