//! How much to reason, in the words of this API.

use std::borrow::Cow;

use crate::dialect::openai_chat::effort::budget_effort;
use crate::dialect::openai_responses::parameters::Rules;
use crate::dialect::{Dialect, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::{Reasoning, Request};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;

/// What `reasoning` will say.
pub(super) enum Effort<'a> {
    /// The client's own object.
    Given(Node<'a>),
    /// A level, and how to sum the reasoning up.
    Level { level: Cow<'a, str>, summary: Option<Text<'a>> },
}

impl<'a> Effort<'a> {
    /// What the client asks for, as far as the model takes it.
    pub(super) fn of(
        request: &Request<'a>,
        context: RequestContext<'_>,
        report: &mut Report,
    ) -> Result<Option<Self>, Refusal> {
        let rules = Rules::of(context.target);
        let asked = match request.source {
            Dialect::AnthropicMessages => Self::of_messages(request, context, report),
            _ => request.reasoning.iter().find_map(Self::of_chat),
        };
        for (index, reasoning) in request.reasoning.iter().enumerate() {
            let foreign =
                matches!(reasoning, Reasoning::Thinking(_)) && request.source == Dialect::OpenAiChat;
            if foreign {
                let why = "thinking is not a parameter of openai_responses; reasoning_effort is";
                rules.drop_or_refuse("thinking", why, report)?;
            } else if matches!(reasoning, Reasoning::OutputEffort(_)) && asked.is_none() && index == 0 {
                report.lose("output_config.effort", "unsupported_parameter");
            }
        }
        let Some(asked) = asked else { return Ok(None) };
        let name = if request.source == Dialect::AnthropicMessages { "thinking" } else { "reasoning_effort" };
        asked.taken(name, &rules, report)
    }

    /// The effort, if the model takes it; `name` is what the client calls it.
    pub(super) fn taken(
        self,
        name: &str,
        rules: &Rules<'_>,
        report: &mut Report,
    ) -> Result<Option<Self>, Refusal> {
        let refused =
            self.word().and_then(|level| rules.refuses_reasoning().or_else(|| rules.refuses_effort(&level)));
        let Some(why) = refused else { return Ok(Some(self)) };
        rules.drop_or_refuse(name, why, report)?;
        Ok(None)
    }

    fn of_chat(reasoning: &Reasoning<'a>) -> Option<Self> {
        match reasoning {
            Reasoning::Effort(node) => Self::of_value(*node),
            _ => None,
        }
    }

    /// `reasoning_effort`: a word, or what `reasoning` is here.
    pub(super) fn of_value(node: Node<'a>) -> Option<Self> {
        match node.str() {
            Some(level) => Some(Self::Level { level, summary: None }),
            None => Some(Self::Given(node)).filter(|_| node.is_object()),
        }
    }

    fn of_messages(request: &Request<'a>, context: RequestContext<'_>, report: &mut Report) -> Option<Self> {
        let thinking = request.reasoning.iter().find_map(|reasoning| match reasoning {
            Reasoning::Thinking(thinking) => Some(*thinking),
            _ => None,
        })?;
        let declared = request.reasoning.iter().find_map(|reasoning| match reasoning {
            Reasoning::OutputEffort(effort) => Some(effort.unescape()),
            _ => None,
        });
        let asked = match &*thinking.get_text("type")?.name() {
            b"adaptive" => declared.unwrap_or(Cow::Borrowed("medium")),
            b"enabled" => {
                let budget = thinking.some("budget_tokens").and_then(Node::u64).unwrap_or(0);
                Cow::Borrowed(budget_effort(budget))
            }
            _ => return None,
        };
        let nearest = Rules::of(context.target).nearest_effort(&asked).to_owned();
        if nearest != *asked || thinking.some("budget_tokens").is_some() {
            report.rewrite("reasoning.effort", "reasoning_effort");
        }
        Some(Self::Level { level: Cow::Owned(nearest), summary: thinking.get_text("summary") })
    }

    /// The level, in a word.
    pub(super) fn word(&self) -> Option<Text<'a>> {
        match self {
            Self::Given(node) => node.get_text("effort"),
            Self::Level { level, .. } => Some(Text::new(level.clone())),
        }
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.key("reasoning");
        match self {
            Self::Given(node) => {
                w.node(*node);
            }
            Self::Level { level, summary } => {
                w.begin_object().key("effort").str(level);
                if let Some(summary) = summary {
                    w.key("summary").text(summary);
                }
                w.end_object();
            }
        }
    }
}
