//! A tool call of a client's stream.

use super::encode_custom_input::CustomInput;
use super::encode_item::{Events, Place, end_delta};
use crate::json::{Text, Writer};

use super::super::response::item::{Call as Whole, Words, call_item_id};

/// A call, and its arguments so far.
#[derive(Debug)]
pub(super) struct Call {
    call_id: Text<'static>,
    name: String,
    namespace: Option<String>,
    /// The tool takes free text.
    custom: bool,
    /// The text is inside JSON arguments.
    wrapped: Option<CustomInput>,
    /// The arguments or the text, in JSON spelling.
    input: Vec<u8>,
    /// What every delta's event begins with.
    head: Vec<u8>,
    complete: bool,
}

impl Call {
    /// A call of the tool `name`. The provider's deltas are the text itself if `free`, else JSON.
    pub(super) fn new(
        call_id: String,
        (name, namespace): (String, Option<String>),
        custom: bool,
        free: bool,
    ) -> Self {
        Self {
            call_id: Text::new(call_id),
            name,
            namespace,
            custom,
            wrapped: (custom && !free).then(CustomInput::default),
            input: Vec::new(),
            head: Vec::new(),
            complete: false,
        }
    }

    pub(super) fn item_id(&self) -> String {
        call_item_id(self.custom, &self.call_id.unescape())
    }

    fn names(&self) -> (&'static str, &'static str, &'static str) {
        if self.custom {
            ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input")
        } else {
            ("response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments")
        }
    }

    pub(super) fn grow(&mut self, text: &Text<'_>, place: &Place, events: &mut Events, out: &mut Vec<u8>) {
        self.tell(place, events, out, |wrapped, out| match wrapped {
            Some(wrapped) => wrapped.feed(text, out),
            None => text.write_inner(out),
        });
    }

    /// Tells of what `write` writes, if it writes something.
    fn tell(
        &mut self,
        place: &Place,
        events: &mut Events,
        out: &mut Vec<u8>,
        write: impl FnOnce(Option<&mut CustomInput>, &mut Vec<u8>),
    ) {
        if self.head.is_empty() {
            place.delta_head(self.names().0, None, &mut self.head);
        }
        let before = out.len();
        out.extend_from_slice(&self.head);
        let start = out.len();
        write(self.wrapped.as_mut(), out);
        if out.len() == start {
            out.truncate(before);
            return;
        }
        self.input.extend_from_slice(&out[start..]);
        end_delta(b"", events, out);
    }

    /// Nothing more belongs to the arguments.
    pub(super) fn complete(&mut self, place: &Place, events: &mut Events, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.complete, true) {
            return;
        }
        let none = !self.custom && self.input.is_empty();
        self.tell(place, events, out, |wrapped, out| match wrapped {
            Some(wrapped) => wrapped.end(out),
            // No arguments: what clients collect is JSON all the same.
            None if none => out.extend_from_slice(b"{}"),
            None => {}
        });
        self.head = Vec::new();
        let (_, done, field) = self.names();
        events.write(done, out, |w| {
            place.write(w);
            w.key(field);
            Words::Spelled(&self.input).write(w);
        });
    }

    pub(super) fn write(&self, id: &str, status: &str, w: &mut Writer<'_>) {
        let call = Whole {
            custom: self.custom,
            id,
            call_id: &self.call_id,
            name: &self.name,
            namespace: self.namespace.as_deref(),
            input: Words::Spelled(&self.input),
        };
        call.write(status, w);
    }
}
