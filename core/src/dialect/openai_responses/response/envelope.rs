//! The response around its items, in answers and in the events of streams.

use crate::dialect::AnswerContext;
use crate::json::{Node, Writer};
use crate::usage::Usage;

use super::super::wire::write_usage;

/// Whether the API knows a tier of this name; other hosts have others.
pub(in crate::dialect::openai_responses) fn is_tier(tier: Node<'_>) -> bool {
    const TIERS: &[&str] = &["auto", "default", "flex", "priority", "scale"];
    TIERS.iter().any(|known| tier.is_text(known))
}

/// A response without its items.
pub(in crate::dialect::openai_responses) struct Envelope<'e> {
    pub(in crate::dialect::openai_responses) context: &'e AnswerContext,
    /// The id under which the client knows it.
    pub(in crate::dialect::openai_responses) id: &'e str,
    /// When it began, in Unix seconds.
    pub(in crate::dialect::openai_responses) created: u64,
    pub(in crate::dialect::openai_responses) status: &'e str,
    /// Why it is incomplete.
    pub(in crate::dialect::openai_responses) incomplete: Option<&'e str>,
    pub(in crate::dialect::openai_responses) usage: Option<Usage>,
    /// The tier that served it, as JSON.
    pub(in crate::dialect::openai_responses) service_tier: Option<&'e [u8]>,
}

impl Envelope<'_> {
    /// Writes the response; `items` writes what stands in its `output`.
    pub(in crate::dialect::openai_responses) fn write(
        &self,
        w: &mut Writer<'_>,
        items: impl FnOnce(&mut Writer<'_>),
    ) {
        w.begin_object().key("id").str(self.id).key("object").word("response");
        w.key("created_at").number(self.created).key("status").word(self.status);
        w.key("error").null().key("incomplete_details");
        match self.incomplete {
            Some(reason) => w.begin_object().key("reason").word(reason).end_object(),
            None => w.null(),
        };
        w.key("model").str(&self.context.requested_model);
        w.key("output").begin_array();
        items(w);
        w.end_array();
        if let Some(tier) = self.service_tier {
            w.key("service_tier").raw(tier);
        }
        w.key("usage");
        match &self.usage {
            Some(usage) => write_usage(usage, w),
            None => {
                w.null();
            }
        }
        self.context.echo.write(w);
        w.end_object();
    }
}
