//! A search of the provider's in a client's stream.

use super::encode_item::{Events, Place};
use crate::json::{Document, Limits, Node, Text, Writer};

use super::super::response::native::write_search;

/// A search, and its arguments so far.
#[derive(Debug)]
pub(super) struct Search {
    call_id: String,
    arguments: String,
    query: Text<'static>,
    /// The provider's block with what was found, as JSON.
    result: Option<Vec<u8>>,
}

impl Search {
    pub(super) fn new(call_id: String) -> Self {
        Self { call_id, arguments: String::new(), query: Text::new(""), result: None }
    }

    pub(super) fn is(&self, call_id: &Text<'_>) -> bool {
        call_id.is(&self.call_id)
    }

    pub(super) fn grow(&mut self, arguments: &Text<'_>) {
        self.arguments.push_str(&arguments.unescape());
    }

    /// Tells how far the search is.
    pub(super) fn tell(phase: &str, place: &Place, events: &mut Events, out: &mut Vec<u8>) {
        events.write(&["response.web_search_call.", phase].concat(), out, |w| place.write(w));
    }

    /// The query is known.
    pub(super) fn asked(&mut self, place: &Place, events: &mut Events, out: &mut Vec<u8>) {
        if let Ok(document) = Document::parse(self.arguments.as_bytes(), &Limits::lenient()) {
            let query = document.root().get_text("query");
            self.query = Text::new(query.map(|query| query.unescape().into_owned()).unwrap_or_default());
        }
        Self::tell("searching", place, events, out);
    }

    pub(super) fn found(&mut self, result: Node<'_>, place: &Place, events: &mut Events, out: &mut Vec<u8>) {
        self.result = Some(result.raw().to_vec());
        Self::tell("completed", place, events, out);
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let parsed =
            self.result.as_deref().and_then(|result| Document::parse(result, &Limits::lenient()).ok());
        let id = Text::new(self.call_id.as_str());
        write_search(&id, &self.query, parsed.as_ref().map(Document::root), w);
    }
}
