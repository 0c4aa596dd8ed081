//! Token usage, in one convention.

/// Token counts of one exchange.
///
/// The convention: `input` **includes** tokens read from and written to a cache, `output` includes reasoning. Each
/// dialect converts from and to its own. A count that a provider did not send is `None`, never guessed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// Total as the provider says, where it does.
    pub total: Option<u64>,
    /// Input tokens read from a cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to a cache.
    pub cache_write: Option<u64>,
    /// Of those written, the ones that live five minutes.
    pub cache_write_5m: Option<u64>,
    /// Of those written, the ones that live one hour.
    pub cache_write_1h: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<u64>,
    /// Web searches made by the provider.
    pub web_searches: Option<u64>,
}

impl Usage {
    /// The provider's total, or input plus output.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.unwrap_or_else(|| self.input.saturating_add(self.output))
    }

    /// Input tokens that no cache was involved in.
    #[must_use]
    pub fn uncached_input(&self) -> u64 {
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        self.input.saturating_sub(cached)
    }
}
