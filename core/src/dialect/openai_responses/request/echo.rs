//! What an answer repeats of its request.

use std::sync::Arc;

use bytes::Bytes;

use crate::json::{Node, Text, Writer, write_in_line};

/// Members that are repeated as they are, with what the answer says where the request says nothing: the API's own default
/// where it is one of any host, else that it is not known. Nothing is kept here, so `store` is not said to be the API's.
const REPEATED: &[(&str, &str, &[u8])] = &[
    ("instructions", r#","instructions":"#, b"null"),
    ("max_output_tokens", r#","max_output_tokens":"#, b"null"),
    ("max_tool_calls", r#","max_tool_calls":"#, b"null"),
    ("metadata", r#","metadata":"#, b"{}"),
    ("parallel_tool_calls", r#","parallel_tool_calls":"#, b"true"),
    ("previous_response_id", r#","previous_response_id":"#, b"null"),
    ("prompt_cache_key", r#","prompt_cache_key":"#, b"null"),
    ("safety_identifier", r#","safety_identifier":"#, b"null"),
    ("store", r#","store":"#, b"false"),
    ("temperature", r#","temperature":"#, b"null"),
    ("top_logprobs", r#","top_logprobs":"#, b"null"),
    ("top_p", r#","top_p":"#, b"null"),
    ("truncation", r#","truncation":"#, br#""disabled""#),
    ("user", r#","user":"#, b"null"),
];

/// The members of a request that its answer repeats: slices of the request, between pieces of our own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Echo(Option<Arc<[(&'static str, Bytes)]>>);

impl Echo {
    /// What the answer to the request `root`, which is `body`, repeats.
    pub(crate) fn of(root: Node<'_>, body: &Bytes) -> Self {
        let mut pieces = Pieces { body, list: Vec::with_capacity(32) };
        let names: [&str; REPEATED.len()] = std::array::from_fn(|at| REPEATED[at].0);
        let given = root.fields(names);
        pieces.push(r#""background":"#, Bytes::from_static(b"false"));
        for ((_, key, default), value) in REPEATED.iter().zip(given) {
            match value {
                Some(value) => pieces.node(key, value),
                None => pieces.push(key, Bytes::from_static(default)),
            }
        }
        let [reasoning, text, choice, tools] = root.fields(["reasoning", "text", "tool_choice", "tools"]);
        match reasoning.filter(|reasoning| reasoning.is_object()) {
            Some(reasoning) => pieces.node(r#","reasoning":"#, reasoning),
            None => pieces.push(r#","reasoning":"#, Bytes::from_static(br#"{"effort":null,"summary":null}"#)),
        }
        pieces.text(text);
        pieces.choice(choice);
        pieces.push(r#","tools":["#, Bytes::new());
        for (index, tool) in tools.into_iter().flat_map(Node::items).enumerate() {
            pieces.push(if index > 0 { "," } else { "" }, Bytes::new());
            pieces.tool(tool);
        }
        pieces.push("]", Bytes::new());
        Self(Some(pieces.list.into()))
    }

    /// Writes the members, in one line whatever the client's spelling.
    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let Some(pieces) = &self.0 else { return };
        let out = w.value();
        for (own, of_request) in pieces.iter() {
            out.extend_from_slice(own.as_bytes());
            write_in_line(of_request, out);
        }
    }
}

struct Pieces<'b> {
    body: &'b Bytes,
    list: Vec<(&'static str, Bytes)>,
}

impl Pieces<'_> {
    fn push(&mut self, own: &'static str, of_request: Bytes) {
        self.list.push((own, of_request));
    }

    fn node(&mut self, own: &'static str, node: Node<'_>) {
        self.push(own, self.body.slice_ref(node.raw()));
    }

    fn written(&mut self, own: &'static str, write: impl FnOnce(&mut Writer<'_>)) {
        let mut json = Vec::new();
        write(&mut Writer::new(&mut json));
        self.push(own, json.into());
    }

    /// The form of the answer; plain text where nothing is said of it.
    fn text(&mut self, given: Option<Node<'_>>) {
        if let Some(text) = given.filter(|text| text.some("format").is_some()) {
            return self.node(r#","text":"#, text);
        }
        self.written(r#","text":"#, |w| {
            w.begin_object().key("format").begin_object().key("type").word("text").end_object();
            for (key, value) in
                given.into_iter().flat_map(Node::entries).filter(|(_, value)| !value.is_null())
            {
                w.key_text(&key).node(value);
            }
            w.end_object();
        });
    }

    /// The choice in the API's own form, whichever form the client used.
    fn choice(&mut self, given: Option<Node<'_>>) {
        let kind = given.and_then(|given| given.get_text("type"));
        let inner = given.and_then(|given| given.some("function").or_else(|| given.some("custom")));
        let name = inner.or(given).and_then(|given| given.get_text("name"));
        self.written(r#","tool_choice":"#, |w| {
            match (given, kind.as_ref().map(Text::name).as_deref(), &kind) {
                (None, ..) => w.word("auto"),
                (_, Some(b"auto" | b"none" | b"required"), Some(word)) => w.text(word),
                (_, Some(b"tool" | b"any"), _) => w.word("required"),
                (_, Some(b"function" | b"custom"), Some(kind)) => match name {
                    Some(name) => {
                        w.begin_object().key("type").text(kind).key("name").text(&name).end_object()
                    }
                    None => w.word("required"),
                },
                (Some(given), ..) => w.node(given),
            };
        });
    }

    /// A tool, with the members that a function of an answer always has.
    fn tool(&mut self, node: Node<'_>) {
        let [kind, nested, parameters, strict] = node.fields(["type", "function", "parameters", "strict"]);
        if !kind.is_some_and(|kind| kind.is_text("function")) {
            return self.node("", node);
        }
        // Some clients write tools as `openai_chat` has them.
        let nested = nested.filter(|nested| nested.is_object() && !nested.is_empty());
        let [parameters, strict] =
            nested.map_or([parameters, strict], |nested| nested.fields(["parameters", "strict"]));
        let first = match (parameters, strict) {
            (Some(_), Some(_)) => "{",
            (Some(_), None) => r#"{"strict":null,"#,
            (None, Some(_)) => r#"{"parameters":null,"#,
            (None, None) => r#"{"parameters":null,"strict":null,"#,
        };
        self.push(first, Bytes::new());
        let members = &nested.unwrap_or(node).raw()[1..];
        self.push(if nested.is_some() { r#""type":"function","# } else { "" }, self.body.slice_ref(members));
    }
}
