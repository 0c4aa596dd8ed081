//! Edits of one message on its way to a host that speaks `openai_chat`.

use std::borrow::Cow;

use crate::dialect::openai_chat::edit::Editor;
use crate::edit::{Decision, Patch};
use crate::json::{Node, Text, write_escaped};
use crate::loss::Report;

/// What a user may send, as LiteLLM checks it: the documented parts, and those of hosts that look like OpenAI.
const USER_PARTS: &[&str] = &[
    "text",
    "image_url",
    "input_audio",
    "audio_url",
    "document",
    "file",
    "grounding_source",
    "guarded_text",
    "query",
    "video_url",
];

/// The first part of a user's message that belongs to another API, with its type.
pub(in crate::dialect::openai_chat) fn foreign_part<'a>(
    editor: &Editor<'_>,
    message: Node<'a>,
    role: Option<&Text<'_>>,
) -> Option<(usize, Cow<'a, str>)> {
    let user = role.is_some_and(|role| role.is("user"));
    // Mistral's own API has parts of its own.
    if !user || editor.target.provider.name() == "mistral" {
        return None;
    }
    let parts = message.some("content").filter(|content| content.is_array())?;
    parts.items().enumerate().find_map(|(index, part)| {
        let kind = part.some("type")?.str()?;
        let foreign = !USER_PARTS.contains(&&*kind) || (editor.rules.no_files && &*kind == "file");
        foreign.then_some((index, kind))
    })
}

/// Edits `message`, the one at `index`; with `join`, lists of text become strings.
pub(in crate::dialect::openai_chat) fn message(
    editor: &Editor<'_>,
    (message, role): (Node<'_>, Option<&Text<'_>>),
    (index, join): (usize, bool),
    patch: &mut Patch,
    report: &mut Report,
) {
    let is = |name: &str| role.is_some_and(|role| role.is(name));
    let (user, assistant) = (is("user"), is("assistant"));
    patch.object(message, &[], |patch, key, value| match &*key.name() {
        b"role" if value.is_text("developer") && !editor.family.developer_role() => {
            report.rewrite(format!("messages[{index}].role"), "developer_role_as_system");
            Decision::string("system")
        }
        b"cache_control" if !editor.cache_control => {
            report.lose(format!("messages[{index}].cache_control"), "cache_control");
            Decision::Remove
        }
        b"cache_control"
            if editor.rules.cache_control && message.some("content").is_some_and(Node::is_string) =>
        {
            Decision::Remove
        }
        b"content" if editor.rules.cache_control && marked(message).is_some() && value.is_string() => {
            wrap_text(value, marked(message), patch);
            Decision::Keep
        }
        b"content" if join && joinable(value) && !blank(value) => Decision::Replace(joined(value, b"")),
        b"content" if assistant && editor.rules.join_assistant_text && joinable(value) => {
            Decision::Replace(joined(value, b"\\n"))
        }
        b"name" if editor.rules.drop_names && !is("tool") => {
            report.lose(format!("messages[{index}].name"), "speaker_name");
            Decision::Remove
        }
        b"content" if value.is_array() => {
            parts(editor, value, user, index, patch, report);
            Decision::Keep
        }
        b"thinking_blocks" if assistant && editor.rules.drop_thinking_blocks => {
            report.lose(format!("messages[{index}].thinking_blocks"), "thinking_replay");
            Decision::Remove
        }
        b"reasoning_content" if assistant && editor.rules.drop_reasoning_content => {
            report.lose(format!("messages[{index}].reasoning_content"), "thinking_replay");
            Decision::Remove
        }
        _ if assistant && editor.rules.drop_null_in_assistant && value.is_null() && !key.is("content") => {
            Decision::Remove
        }
        _ => Decision::Keep,
    });
}

/// The cache mark on a whole message.
fn marked(message: Node<'_>) -> Option<Node<'_>> {
    message.some("cache_control")
}

/// Hosts that read cache marks want them on a part, not on the message.
fn wrap_text(content: Node<'_>, mark: Option<Node<'_>>, patch: &mut Patch) {
    let mut behind = Vec::new();
    if let Some(mark) = mark {
        behind.extend_from_slice(br#","cache_control":"#);
        behind.extend_from_slice(mark.raw());
    }
    behind.extend_from_slice(b"}]");
    patch.wrap(content, br#"[{"type":"text","text":"#, &behind);
}

fn joinable(content: Node<'_>) -> bool {
    content.is_array()
        && !content.is_empty()
        && content.items().all(|part| part.some("type").is_some_and(|kind| kind.is_text("text")))
}

fn blank(content: Node<'_>) -> bool {
    content.items().all(|part| part.get_text("text").is_none_or(|text| text.is_empty()))
}

fn joined(content: Node<'_>, between: &[u8]) -> Vec<u8> {
    let mut json = vec![b'"'];
    for (number, text) in content.items().filter_map(|part| part.get_text("text")).enumerate() {
        if number > 0 {
            json.extend_from_slice(between);
        }
        text.write_inner(&mut json);
    }
    json.push(b'"');
    json
}

fn parts(
    editor: &Editor<'_>,
    content: Node<'_>,
    user: bool,
    index: usize,
    patch: &mut Patch,
    report: &mut Report,
) {
    patch.array(content, |patch, part_index, part| {
        if !part.is_object() {
            return Decision::Keep;
        }
        patch.object(part, &[], |patch, key, value| match &*key.name() {
            b"cache_control" if !editor.cache_control => {
                report
                    .lose(format!("messages[{index}].content[{part_index}].cache_control"), "cache_control");
                Decision::Remove
            }
            b"image_url" if user => image_url(value, patch),
            b"file" if user => file(value, patch),
            _ => Decision::Keep,
        });
        Decision::Keep
    });
}

/// OpenAI takes `image_url` as an object only; `format` and `video_metadata` are LiteLLM's own fields.
fn image_url(value: Node<'_>, patch: &mut Patch) -> Decision {
    if value.is_string() {
        patch.wrap(value, br#"{"url":"#, b"}");
        return Decision::Keep;
    }
    patch.object(value, &[], |_, key, _| match &*key.name() {
        b"format" | b"video_metadata" => Decision::Remove,
        _ => Decision::Keep,
    });
    Decision::Keep
}

/// Inline files need a name; `format`, `detail` and `video_metadata` are LiteLLM's own fields.
fn file(value: Node<'_>, patch: &mut Patch) -> Decision {
    let mut insert = Vec::new();
    if value.some("file_data").is_some() && value.some("filename").is_none() {
        let mut name = vec![b'"'];
        write_escaped("my_file.pdf", &mut name);
        name.push(b'"');
        insert.push(("filename", name));
    }
    patch.object(value, &insert, |_, key, value| match &*key.name() {
        b"format" | b"detail" | b"video_metadata" => Decision::Remove,
        b"filename" if value.is_null() => Decision::Remove,
        _ => Decision::Keep,
    });
    Decision::Keep
}
