//! Streamed answers: framing, holding back until there is content, and the two ways of going on (relay or translate).

use crate::dialect::{
    AnswerContext, Dialect, StreamDecoder, StreamEncoder, anthropic_messages, openai_chat, openai_responses,
    stream_decoder, stream_encoder,
};
use crate::error::{FailureKind, UpstreamError};
use crate::frame::sse::{Frame, SseReader};
use crate::ir::chat::{BlockStart, Event};
use crate::json::{JsonError, Node, Series};
use crate::loss::Report;
use crate::usage::Usage;

/// What a stream has come to.
#[derive(Debug, Default)]
pub(crate) struct StreamState {
    /// Content has been written: the client has seen the beginning of an answer.
    pub(crate) committed: bool,
    pub(crate) usage: Option<Usage>,
    pub(crate) over: Option<Result<(), UpstreamError>>,
}

impl StreamState {
    /// The answer is complete.
    pub(crate) fn complete(&mut self) {
        self.committed = true;
        self.over.get_or_insert(Ok(()));
    }

    /// The answer failed.
    pub(crate) fn fail(&mut self, mut error: UpstreamError) {
        error.committed = self.committed;
        self.over.get_or_insert(Err(error));
    }
}

/// Passes on the streams of one dialect, edited.
pub(crate) trait Relaying {
    /// Passes on one frame, of which `root` is the data.
    fn frame(&mut self, frame: Frame<'_>, root: Node<'_>, state: &mut StreamState, out: &mut Vec<u8>);
    /// Passes on the frame that says `[DONE]`.
    fn done(&mut self, _frame: Frame<'_>, _state: &mut StreamState, _out: &mut Vec<u8>) {}
    /// The stream cannot be read on.
    fn fail(&mut self, error: UpstreamError, state: &mut StreamState, out: &mut Vec<u8>);
    /// The provider's stream ended.
    fn end(&mut self, state: &mut StreamState, out: &mut Vec<u8>);
}

enum Mode {
    Relay(Box<dyn Relaying + Send + Sync>),
    Translate { decoder: Box<dyn StreamDecoder + Send + Sync>, encoder: Box<dyn StreamEncoder + Send + Sync> },
}

/// Reads a provider's stream and writes the client's.
pub(super) struct StreamReader {
    sse: SseReader,
    mode: Mode,
    /// The data of the frames.
    events: Series,
    pub(super) state: StreamState,
    /// Frames before the first content: a failure now leaves the client untouched.
    held: Vec<u8>,
    over: bool,
    report: Report,
}

/// Held back without content, this much commits all the same.
const MOST_HELD: usize = 64 << 10;

impl StreamReader {
    pub(super) fn new(
        sse: SseReader,
        client: Dialect,
        upstream: Dialect,
        context: &AnswerContext,
        hide_usage: bool,
    ) -> Self {
        let mode = match client {
            Dialect::OpenAiChat if upstream == client => {
                Mode::Relay(Box::new(openai_chat::stream::Relay::new(context.clone(), hide_usage)))
            }
            Dialect::AnthropicMessages if upstream == client => {
                Mode::Relay(Box::new(anthropic_messages::stream::Relay::new(context.clone())))
            }
            Dialect::OpenAiResponses if upstream == client => {
                Mode::Relay(Box::new(openai_responses::stream::Relay::new(context.clone())))
            }
            _ => Mode::Translate {
                decoder: stream_decoder(upstream),
                encoder: stream_encoder(client, context),
            },
        };
        Self {
            sse,
            mode,
            events: Series::default(),
            state: StreamState::default(),
            held: Vec::new(),
            over: false,
            report: Report::default(),
        }
    }

    pub(super) fn report(&mut self) -> &mut Report {
        match &mut self.mode {
            Mode::Relay(_) => &mut self.report,
            Mode::Translate { encoder, .. } => encoder.report(),
        }
    }

    pub(super) fn feed(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) {
        while !self.over {
            match self.sse.next_frame(&mut chunk) {
                Ok(Some(frame)) => {
                    let to = if self.state.committed { &mut *out } else { &mut self.held };
                    self.mode.frame(frame, &mut self.events, &mut self.state, to);
                }
                Ok(None) => break,
                Err(error) => {
                    let message = format!("the provider's stream has an {error}");
                    return self.fail(UpstreamError::new(FailureKind::TooLarge, 502, message), out);
                }
            }
            self.settle(out);
        }
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        if let Some(frame) = self.sse.finish() {
            let to = if self.state.committed { &mut *out } else { &mut self.held };
            let before = to.len();
            self.mode.frame(frame, &mut self.events, &mut self.state, to);
            if to.len() > before && !to.ends_with(b"\n\n") {
                // A relayed block that its sender never ended: whatever follows must not run into it.
                to.extend_from_slice(b"\n\n");
            }
            self.settle(out);
        }
        if !self.over {
            let to = if self.state.committed { &mut *out } else { &mut self.held };
            self.mode.end(&mut self.state, to);
            self.settle(out);
        }
    }

    /// Hands out what was held once there is content.
    fn settle(&mut self, out: &mut Vec<u8>) {
        self.over = self.state.over.is_some();
        if !self.state.committed && self.held.len() > MOST_HELD && !self.over {
            self.state.committed = true;
        }
        if self.state.committed && !self.held.is_empty() {
            out.append(&mut self.held);
        }
    }

    /// Ends the stream with a failure of the host's side.
    pub(super) fn fail(&mut self, error: UpstreamError, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match &mut self.mode {
            Mode::Relay(relay) => relay.fail(error, &mut self.state, out),
            Mode::Translate { encoder, .. } => {
                if self.state.committed {
                    encoder.event(Event::Failed(&error), out);
                }
                self.state.fail(error);
            }
        }
        self.over = true;
    }
}

impl Mode {
    fn frame(&mut self, frame: Frame<'_>, events: &mut Series, state: &mut StreamState, out: &mut Vec<u8>) {
        let Some(data) = frame.data.filter(|data| !data.is_empty()) else {
            // The official SDKs skip comments, and take a block with other fields but no data for an event.
            if matches!(self, Self::Relay(_)) && frame.is_comment() {
                out.extend_from_slice(frame.raw);
            }
            return;
        };
        let root = match data {
            b"[DONE]" => Ok(None),
            data => events.parse(data).map(Some).map_err(malformed),
        };
        match self {
            Self::Relay(relay) => match root {
                Ok(Some(root)) => relay.frame(frame, root, state, out),
                Ok(None) => relay.done(frame, state, out),
                Err(error) => relay.fail(error, state, out),
            },
            Self::Translate { decoder, encoder } => {
                translate(encoder.as_mut(), state, out, |sink| match root {
                    Ok(Some(root)) => decoder.frame(frame.event, root, sink),
                    Ok(None) => decoder.done(sink),
                    Err(error) => decoder.fail(&error, sink),
                });
            }
        }
    }

    fn end(&mut self, state: &mut StreamState, out: &mut Vec<u8>) {
        match self {
            Self::Relay(relay) => relay.end(state, out),
            Self::Translate { decoder, encoder } => {
                translate(encoder.as_mut(), state, out, |sink| decoder.end(sink));
            }
        }
    }
}

#[cold]
fn malformed(error: JsonError) -> UpstreamError {
    let message = format!("the provider sent an event that is not JSON: {error}");
    UpstreamError::new(FailureKind::Malformed, 500, message)
}

/// Hands the events that `decode` finds to the encoder.
fn translate(
    encoder: &mut (dyn StreamEncoder + Send + Sync),
    state: &mut StreamState,
    out: &mut Vec<u8>,
    decode: impl FnOnce(&mut dyn FnMut(Event<'_>)),
) {
    decode(&mut |event| {
        if observe(&event, state) {
            encoder.event(event, out);
        }
    });
    if let Some(failure) = encoder.take_failure() {
        state.over = None;
        state.fail(failure);
    }
}

/// Notes what an event means for the stream's state; false where the client must not see it.
fn observe(event: &Event<'_>, state: &mut StreamState) -> bool {
    match event {
        Event::Delta { .. } | Event::Finish { .. } => state.committed = true,
        Event::BlockStart {
            block: BlockStart::ToolUse { .. } | BlockStart::RedactedThinking { .. }, ..
        } => {
            state.committed = true;
        }
        Event::Usage { usage, .. } => state.usage = Some(*usage),
        Event::Start(start) => state.usage = start.usage,
        Event::End => state.complete(),
        Event::Failed(error) => {
            let committed = state.committed;
            state.fail((*error).clone());
            return committed;
        }
        _ => {}
    }
    true
}
