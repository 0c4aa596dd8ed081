//! Tools that take free text, for hosts that know none: functions with one string argument, as LiteLLM makes of them.

use crate::ir::chat::Tool;
use crate::json::{Document, Limits, Node, Text, Writer};

/// The argument that holds the text.
const ARGUMENT: &str = "content";

/// What such a tool does: its description, with the grammar that its text must follow.
pub(crate) fn description<'a>(
    description: Option<&Text<'a>>,
    grammar: Option<&(Text<'a>, Text<'a>)>,
) -> Option<Text<'a>> {
    let Some((syntax, definition)) = grammar else { return description.cloned() };
    let format = format!("Format:\n```{}\n{}\n```", syntax.unescape(), definition.unescape());
    Some(Text::new(match description.map(Text::unescape).filter(|text| !text.is_empty()) {
        Some(text) => format!("{text}\n\n{format}"),
        None => format,
    }))
}

/// Writes the schema of the function that stands for the tool of that name.
pub(crate) fn write_schema(name: &Text<'_>, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("object").key("properties").begin_object().key(ARGUMENT);
    w.begin_object().key("type").word("string").key("description");
    w.str(&format!("The {} content following the specified format", name.unescape())).end_object();
    w.end_object().key("required").begin_array().word(ARGUMENT).end_array().end_object();
}

/// Writes a call's text as the function's arguments, an object.
pub(crate) fn write_arguments(text: &Text<'_>, w: &mut Writer<'_>) {
    w.begin_object().key(ARGUMENT).text(text).end_object();
}

/// A call's text as the function's arguments, JSON in a string.
pub(crate) fn arguments(text: &Text<'_>) -> String {
    let mut json = Vec::new();
    write_arguments(text, &mut Writer::new(&mut json));
    String::from_utf8(json).unwrap_or_default()
}

/// The text in the arguments of such a function, if they are what was asked for.
pub(crate) fn text(arguments: Node<'_>) -> Option<Text<'_>> {
    arguments.get_text(ARGUMENT)
}

/// The same, of arguments that are JSON in a string.
pub(crate) fn text_in(arguments: &str) -> Option<String> {
    let document = Document::parse(arguments.as_bytes(), &Limits::lenient()).ok()?;
    text(document.root()).map(|text| text.unescape().into_owned())
}

/// A call's text as it comes, as the arguments of the function: an object in pieces.
#[derive(Debug, Default)]
pub(crate) struct FreeText {
    begun: bool,
}

impl FreeText {
    /// The next piece of the object.
    pub(crate) fn piece(&mut self, text: &Text<'_>) -> String {
        let mut json = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            Writer::new(&mut json).begin_object().key(ARGUMENT);
            json.push(b'"');
        }
        text.write_inner(&mut json);
        String::from_utf8(json).unwrap_or_default()
    }

    /// The last piece of the object.
    pub(crate) fn end(&mut self) -> String {
        self.piece(&Text::new("")) + "\"}"
    }
}

/// The names of a request's tools that take free text.
pub(crate) fn names(tools: &[Tool<'_>]) -> Vec<String> {
    let name = |tool: &Tool<'_>| match tool {
        Tool::Custom { name, .. } => Some(name.unescape().into_owned()),
        _ => None,
    };
    tools.iter().filter_map(name).collect()
}
