//! What a translation could not carry, and what it added.

use std::borrow::Cow;

/// Something that a translation could not carry over. Never silent: every loss is reported to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Where it stood in the source, such as `messages[2].content[0].cache_control`. Never its value.
    pub path: String,
    /// Stable snake_case name of the reason.
    pub code: &'static str,
}

/// Something that a translation added or changed because LiteLLM does, so that both engines behave alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// Where it stands in the provider's request.
    pub path: String,
    /// Stable snake_case name of the rule in `policy/`.
    pub code: &'static str,
}

/// Collects losses and rewrites during one translation.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was lost.
    pub losses: Vec<Loss>,
    /// What was added or changed.
    pub rewrites: Vec<Rewrite>,
}

impl Report {
    /// Records a loss.
    pub fn lose<'p>(&mut self, path: impl Into<Cow<'p, str>>, code: &'static str) {
        self.losses.push(Loss { path: path.into().into_owned(), code });
    }

    /// Records a loss once per path and code, for streams that lose the same thing in every event.
    pub fn lose_once(&mut self, path: &str, code: &'static str) {
        if !self.losses.iter().any(|loss| loss.code == code && loss.path == path) {
            self.lose(path, code);
        }
    }

    /// Adds what another report holds.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.losses.append(&mut later.losses);
        self.rewrites.append(&mut later.rewrites);
    }

    /// Records a rewrite.
    pub fn rewrite<'p>(&mut self, path: impl Into<Cow<'p, str>>, code: &'static str) {
        self.rewrites.push(Rewrite { path: path.into().into_owned(), code });
    }
}
