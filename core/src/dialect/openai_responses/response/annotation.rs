//! Citations → annotations, where the API has a kind for them.

use crate::dialect::Dialect;
use crate::json::{Node, Text};
use crate::loss::Report;

use super::item::after_members;

/// Appends an annotation of the text from `start` to `end` for a citation of `dialect`.
pub(in crate::dialect::openai_responses) fn append(
    dialect: Dialect,
    citation: Node<'_>,
    (start, end): (usize, usize),
    annotations: &mut Vec<u8>,
    report: &mut Report,
) {
    match dialect {
        Dialect::OpenAiChat => of_chat(citation, annotations, report),
        _ => of_search(citation, (start, end), annotations, report),
    }
}

/// A citation of `anthropic_messages`. Those of documents point into what the client sent, for which the API has nothing.
fn of_search(citation: Node<'_>, range: (usize, usize), annotations: &mut Vec<u8>, report: &mut Report) {
    let found = citation.get_text("type").is_some_and(|kind| kind.is("web_search_result_location"));
    let Some(url) = citation.get_text("url").filter(|_| found) else {
        return report.lose_once("output.content.citations", "citations");
    };
    write(&url, citation.get_text("title"), range, annotations);
    if citation.some("cited_text").is_some() {
        report.lose_once("output.content.citations.cited_text", "citations");
    }
}

/// An annotation of `openai_chat`, which is the same with one more object around it.
fn of_chat(annotation: Node<'_>, annotations: &mut Vec<u8>, report: &mut Report) {
    let inner = annotation.some("url_citation");
    let Some((inner, url)) = inner.and_then(|inner| Some((inner, inner.get_text("url")?))) else {
        return report.lose_once("output.content.annotations", "citations");
    };
    let at = |name: &str| inner.some(name).and_then(Node::u64).unwrap_or(0) as usize;
    write(&url, inner.get_text("title"), (at("start_index"), at("end_index")), annotations);
}

fn write(url: &Text<'_>, title: Option<Text<'_>>, (start, end): (usize, usize), annotations: &mut Vec<u8>) {
    let mut w = after_members(annotations);
    w.begin_object().key("type").word("url_citation");
    w.key("start_index").number(start as u64).key("end_index").number(end as u64);
    w.key("title").text(&title.unwrap_or_else(|| Text::new(""))).key("url").text(url).end_object();
}

/// How many characters a text in JSON spelling has.
pub(in crate::dialect::openai_responses) fn characters(spelled: &[u8]) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < spelled.len() {
        let low_surrogate = matches!(&spelled[at..], [b'\\', b'u', b'd' | b'D', third, ..]
            if matches!(third, b'c'..=b'f' | b'C'..=b'F'));
        let inside = spelled[at] & 0xC0 == 0x80;
        count += usize::from(!low_surrogate && !inside);
        at += match &spelled[at..] {
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            _ => 1,
        };
    }
    count
}

#[cfg(test)]
mod tests {
    use super::characters;

    #[test]
    fn characters_are_counted_in_any_spelling() {
        for text in ["", "plain", "é😀", "a\n\"b\"\\\\", "\u{1}x"] {
            let spelled = serde_json::to_string(text).unwrap();
            assert_eq!(characters(&spelled.as_bytes()[1..spelled.len() - 1]), text.chars().count(), "{text}");
        }
        assert_eq!(characters(br"\ud83d\ude00\u00e9"), 2);
    }
}
