//! Deltas that wait for their block to open.

use super::frames::Kind;
use crate::json::Text;

/// The deltas of one block, neighbours of a kind joined.
#[derive(Debug, Default)]
pub(super) struct Pending {
    deltas: Vec<(Kind, Vec<u8>)>,
    bytes: usize,
}

impl Pending {
    /// Adds a delta; returns how many bytes that took.
    pub(super) fn push(&mut self, kind: Kind, text: &Text<'_>) -> usize {
        match self.deltas.last_mut() {
            Some((last, spelled)) if *last == kind => {
                let before = spelled.len();
                text.write_inner(spelled);
                let added = spelled.len() - before;
                self.bytes += added;
                added
            }
            _ => {
                let mut spelled = Vec::new();
                text.write_inner(&mut spelled);
                let added = spelled.len();
                self.bytes += added;
                self.deltas.push((kind, spelled));
                added
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Kind, Vec<u8>)> + '_ {
        self.bytes = 0;
        self.deltas.drain(..)
    }
}
