//! A provider's stream → events.

use crate::dialect::StreamDecoder;
use crate::error::UpstreamError;
use crate::ir::chat::Event;
use crate::json::Node;

/// Reads a stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder;

impl StreamDecoder for Decoder {
    fn frame(&mut self, _name: &[u8], _root: Node<'_>, _sink: &mut dyn FnMut(Event<'_>)) {}
    fn fail(&mut self, error: &UpstreamError, sink: &mut dyn FnMut(Event<'_>)) {
        sink(Event::Failed(error));
    }
    fn end(&mut self, _sink: &mut dyn FnMut(Event<'_>)) {}
}
