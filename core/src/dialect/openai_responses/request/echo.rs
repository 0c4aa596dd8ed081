//! What an answer repeats of its request.

use bytes::Bytes;

use crate::json::{Node, Text, Writer};

/// Members that are repeated as they are, with what the answer says where the request says nothing: the API's own default
/// where it is one of any host, else that it is not known. Nothing is kept here, so `store` is not said to be the API's.
const REPEATED: &[(&str, &[u8])] = &[
    ("instructions", b"null"),
    ("max_output_tokens", b"null"),
    ("max_tool_calls", b"null"),
    ("metadata", b"{}"),
    ("parallel_tool_calls", b"true"),
    ("previous_response_id", b"null"),
    ("prompt_cache_key", b"null"),
    ("safety_identifier", b"null"),
    ("store", b"false"),
    ("temperature", b"null"),
    ("top_logprobs", b"null"),
    ("top_p", b"null"),
    ("truncation", br#""disabled""#),
    ("user", b"null"),
];

/// The members of the request that its answer repeats, as JSON in one line: an object without its braces.
pub(crate) fn echo(root: Node<'_>) -> Bytes {
    let mut json = Vec::with_capacity(512);
    let mut w = Writer::new(&mut json);
    w.key("background").bool(false);
    for (name, default) in REPEATED {
        w.key(name);
        match root.some(name) {
            Some(value) => w.line(value),
            None => w.raw(default),
        };
    }
    w.key("reasoning");
    match root.some("reasoning").filter(|reasoning| reasoning.is_object()) {
        Some(reasoning) => w.line(reasoning),
        None => w.begin_object().key("effort").null().key("summary").null().end_object(),
    };
    text(root.some("text"), &mut w);
    choice(root.some("tool_choice"), &mut w);
    w.key("tools").begin_array();
    for tool in root.get("tools").into_iter().flat_map(Node::items) {
        self::tool(tool, &mut w);
    }
    w.end_array();
    json.into()
}

fn text(given: Option<Node<'_>>, w: &mut Writer<'_>) {
    w.key("text").begin_object();
    if given.and_then(|text| text.some("format")).is_none() {
        w.key("format").begin_object().key("type").word("text").end_object();
    }
    for (key, value) in given.into_iter().flat_map(Node::entries).filter(|(_, value)| !value.is_null()) {
        w.key_text(&key).line(value);
    }
    w.end_object();
}

/// The choice in the API's own form, whichever form the client used.
fn choice(given: Option<Node<'_>>, w: &mut Writer<'_>) {
    w.key("tool_choice");
    let kind = given.and_then(|given| given.get_text("type"));
    let inner = given.and_then(|given| given.some("function").or_else(|| given.some("custom")));
    let name = inner.or(given).and_then(|given| given.get_text("name"));
    match (given, kind.as_ref().map(Text::name).as_deref(), &kind) {
        (None, ..) => w.word("auto"),
        (_, Some(b"auto" | b"none" | b"required"), Some(word)) => w.text(word),
        (_, Some(b"tool" | b"any"), _) => w.word("required"),
        (_, Some(b"function" | b"custom"), Some(kind)) => match name {
            Some(name) => w.begin_object().key("type").text(kind).key("name").text(&name).end_object(),
            None => w.word("required"),
        },
        (Some(given), ..) => w.line(given),
    };
}

/// A tool, with the members that a function of an answer always has.
fn tool(node: Node<'_>, w: &mut Writer<'_>) {
    if !node.get_text("type").is_some_and(|kind| kind.is("function")) {
        w.line(node);
        return;
    }
    let inner = node.some("function").filter(|inner| inner.is_object()).unwrap_or(node);
    w.begin_object().key("type").word("function");
    for name in ["parameters", "strict"].into_iter().filter(|name| inner.get(name).is_none()) {
        w.key(name).null();
    }
    for (key, value) in inner.entries().filter(|(key, _)| !key.is("type")) {
        w.key_text(&key).line(value);
    }
    w.end_object();
}
