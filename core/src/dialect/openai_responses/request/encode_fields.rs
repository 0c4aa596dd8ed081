//! Everything at the top level but the conversation and the tools.

use super::encode_reasoning::Effort;
use crate::dialect::openai_responses::parameters::{Rules, raised_limit};
use crate::dialect::openai_responses::wire::sent_model;
use crate::dialect::{Dialect, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::{Format, Request};
use crate::json::{Document, Limits, Node, Text, Writer};
use crate::loss::Report;
use crate::provider::OpenAiFamily;

/// Fields that a client of another dialect may set and that mean the same here.
const SHARED: &[&str] = &[
    "max_tool_calls",
    "moderation",
    "partial_images",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
    "temperature",
    "top_logprobs",
    "top_p",
    "truncation",
];
/// Fields without which the answer would be another one.
const ESSENTIAL: &[&str] =
    &["audio", "background", "container", "conversation", "function_call", "functions", "mcp_servers"];
/// Longest `user` that the API takes, in characters.
const LONGEST_USER: usize = 64;

/// What the fields come to.
pub(super) struct Fields<'a> {
    sent: Vec<(Text<'a>, Node<'a>)>,
    effort: Option<Effort<'a>>,
    pub(super) web_search: Option<Node<'a>>,
    parallel_tools: Option<bool>,
    verbosity: Option<Node<'a>>,
    include: Vec<Node<'a>>,
    logprobs: bool,
    instructions: Option<Node<'a>>,
    service_tier: Option<Text<'a>>,
    /// JSON of the list.
    context_management: Option<Vec<u8>>,
}

impl<'a> Fields<'a> {
    /// Sorts the fields into what is sent, what is lost and what is refused.
    pub(super) fn collect(
        request: &Request<'a>,
        context: RequestContext<'_>,
        report: &mut Report,
    ) -> Result<Self, Refusal> {
        let mut fields = Self {
            sent: Vec::new(),
            effort: Effort::of(request, context, report)?,
            web_search: None,
            parallel_tools: None,
            verbosity: None,
            include: Vec::new(),
            logprobs: false,
            instructions: None,
            service_tier: None,
            context_management: None,
        };
        let unsupported = unsupported(request, context);
        let rules = Rules::of(context.target);
        for param in request.params.iter().filter(|param| !param.value.is_null()) {
            let name = param.name.unescape();
            if unsupported.contains(&&*name) {
                rules.drop_or_refuse(&name, not_supported(&name, context), report)?;
            } else {
                fields.take(&name, param.value, request.source, context, report)?;
            }
        }
        if request.parallel_tools.is_some() && unsupported.contains(&"parallel_tool_calls") {
            let name = "parallel_tool_calls";
            rules.drop_or_refuse(name, not_supported(name, context), report)?;
        } else {
            let some = request.parallel_tools == Some(false) && !request.tools.is_empty();
            fields.parallel_tools =
                request.parallel_tools.filter(|_| some || request.source == Dialect::OpenAiChat);
        }
        if !request.stop.is_empty() {
            rules.drop_or_refuse("stop", not_supported("stop", context), report)?;
        }
        Ok(fields)
    }

    fn take(
        &mut self,
        name: &str,
        value: Node<'a>,
        source: Dialect,
        context: RequestContext<'_>,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        let from_chat = source == Dialect::OpenAiChat;
        let rules = Rules::of(context.target);
        match name {
            "temperature" | "top_p" => {
                let effort = self.effort.as_ref().and_then(Effort::word);
                let refused = if from_chat {
                    rules.refuses_chat_sampling(name, value, effort.as_ref())
                } else {
                    rules.refuses_sampling(name, value, effort.as_ref())
                };
                if let Some(why) = refused {
                    return rules.drop_or_refuse(name, why, report);
                }
            }
            "n" if value.u64() == Some(1) => return Ok(()),
            "n" => return Err(Refusal::unsupported("n", not_supported("n", context))),
            "modalities" if value.items().all(|word| word.is_text("text")) => return Ok(()),
            "modalities" => return rules.drop_or_refuse(name, not_supported(name, context), report),
            "background" if value.bool() == Some(false) => return Ok(()),
            "stream_options" => {
                if let Some(obfuscation) = value.some("include_obfuscation") {
                    self.sent.push((Text::new("stream_options"), obfuscation));
                }
                return Ok(());
            }
            "verbosity" => self.verbosity = Some(value),
            "logprobs" => self.logprobs = value.bool() == Some(true),
            "include" => self.include.extend(value.items()),
            "instructions" if from_chat => self.instructions = Some(value),
            "web_search_options" if value.is_object() => self.web_search = Some(value),
            "reasoning" if from_chat && self.effort.is_none() => {
                self.effort = Effort::Given(value).taken("reasoning.effort", &rules, report)?;
            }
            "service_tier" => {
                let standard = value.is_text("standard_only");
                self.service_tier = if standard { Some(Text::new("default")) } else { value.text() };
            }
            "context_management" if from_chat => {
                return rules.drop_or_refuse(name, not_supported(name, context), report);
            }
            "context_management" => self.compaction(value, report),
            "extra_body" if from_chat => return self.more(value, context, report),
            _ => {}
        }
        if ESSENTIAL.contains(&name) {
            return rules.drop_or_refuse(name, not_supported(name, context), report);
        }
        if SHARED.contains(&name) {
            self.sent.push((Text::new(name.to_owned()), value));
        } else if !TAKEN.contains(&name) || (name == "instructions" && !from_chat) {
            report.lose(name, "unsupported_parameter");
        }
        Ok(())
    }

    /// What a client wants in the body beyond its fields.
    fn more(
        &mut self,
        body: Node<'a>,
        context: RequestContext<'_>,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        for (key, value) in body.entries().filter(|(_, value)| !value.is_null()) {
            let name = key.unescape();
            match &*name {
                "reasoning_effort" => self.effort = Effort::of_value(value),
                "extra_body" => report.lose("extra_body.extra_body", "unsupported_parameter"),
                name => self.take(name, value, Dialect::OpenAiChat, context, report)?,
            }
        }
        Ok(())
    }

    /// The edits of `anthropic_messages` that this API makes as well.
    fn compaction(&mut self, management: Node<'_>, report: &mut Report) {
        let mut json = Vec::new();
        let mut w = Writer::new(&mut json);
        w.begin_array();
        for (index, edit) in management.some("edits").into_iter().flat_map(Node::items).enumerate() {
            if !edit.some("type").is_some_and(|kind| kind.is_text("compact_20260112")) {
                report.lose(format!("context_management.edits[{index}]"), "unsupported_parameter");
                continue;
            }
            w.begin_object().key("type").word("compaction");
            if let Some(threshold) = edit.some("trigger").and_then(|trigger| trigger.some("value")) {
                w.key("compact_threshold").node(threshold);
            }
            w.end_object();
        }
        w.end_array();
        self.context_management = Some(json).filter(|json| json != b"[]");
    }

    /// Writes them; `instructions` are those that the conversation began with.
    pub(super) fn write(
        &self,
        request: &Request<'_>,
        instructions: Option<Text<'_>>,
        w: &mut Writer<'_>,
        report: &mut Report,
    ) {
        match (&instructions, self.instructions) {
            (Some(text), lost) => {
                w.key("instructions").text(text);
                if lost.is_some() {
                    report.lose("instructions", "decided_elsewhere");
                }
            }
            (None, Some(given)) => {
                w.key("instructions").node(given);
            }
            (None, None) => {}
        }
        self.write_limits(request, w, report);
        for (name, value) in &self.sent {
            if name.is("stream_options") {
                w.key_text(name).begin_object().key("include_obfuscation").node(*value).end_object();
            } else {
                w.key_text(name).node(*value);
            }
        }
        if let Some(parallel) = self.parallel_tools {
            w.key("parallel_tool_calls").bool(parallel);
        }
        if let Some(tier) = &self.service_tier {
            w.key("service_tier").text(tier);
        }
        if let Some(list) = &self.context_management {
            w.key("context_management").raw(list);
        }
        if let Some(effort) = &self.effort {
            effort.write(w);
        }
        self.write_text(request.format.as_ref(), w);
        self.write_include(request.source, w);
        if request.stream {
            w.key("stream").bool(true);
        }
    }

    fn write_limits(&self, request: &Request<'_>, w: &mut Writer<'_>, report: &mut Report) {
        if let Some(limit) = &request.max_tokens {
            match limit.parse().ok().and_then(raised_limit) {
                Some(raised) => {
                    report.rewrite("max_output_tokens", "least_output_tokens");
                    w.key("max_output_tokens").number(raised);
                }
                None => {
                    w.key("max_output_tokens").raw(limit.as_bytes());
                }
            }
        }
        let Some(user) = &request.user else { return };
        let whole = user.unescape();
        match whole.char_indices().nth(LONGEST_USER) {
            Some((end, _)) => {
                report.rewrite("user", "user_shortened");
                w.key("user").str(&whole[..end]);
            }
            None => {
                w.key("user").text(user);
            }
        }
        let session = (request.source == Dialect::AnthropicMessages).then(|| session_of(&whole)).flatten();
        if let Some(session) =
            session.filter(|_| !self.sent.iter().any(|(name, _)| name.is("prompt_cache_key")))
        {
            w.key("prompt_cache_key").str(&session);
        }
    }

    fn write_text(&self, format: Option<&Format<'_>>, w: &mut Writer<'_>) {
        if format.is_none() && self.verbosity.is_none() {
            return;
        }
        w.key("text").begin_object();
        if let Some(format) = format {
            w.key("format").begin_object();
            write_format(format, w);
            w.end_object();
        }
        if let Some(verbosity) = self.verbosity {
            w.key("verbosity").node(verbosity);
        }
        w.end_object();
    }

    fn write_include(&self, source: Dialect, w: &mut Writer<'_>) {
        const ENCRYPTED: &str = "reasoning.encrypted_content";
        const LOGPROBS: &str = "message.output_text.logprobs";
        let missing = |name: &str| !self.include.iter().any(|given| given.is_text(name));
        // Clients of this dialect keep no reasoning items, so the reasoning itself has to travel.
        let encrypted = source == Dialect::AnthropicMessages && missing(ENCRYPTED);
        let logprobs = self.logprobs && missing(LOGPROBS);
        if self.include.is_empty() && !encrypted && !logprobs {
            return;
        }
        w.key("include").begin_array();
        if encrypted {
            w.word(ENCRYPTED);
        }
        if logprobs {
            w.word(LOGPROBS);
        }
        for given in &self.include {
            w.node(*given);
        }
        w.end_array();
    }
}

/// Fields that [`Fields::take`] has a place for.
const TAKEN: &[&str] = &[
    "context_management",
    "include",
    "instructions",
    "logprobs",
    "reasoning",
    "service_tier",
    "verbosity",
    "web_search_options",
];

/// The parameters that LiteLLM refuses of a chat client, by the family of the model.
fn unsupported(request: &Request<'_>, context: RequestContext<'_>) -> &'static [&'static str] {
    if request.source != Dialect::OpenAiChat || context.target.provider.name() != "openai" {
        return &[];
    }
    let family = OpenAiFamily::of(sent_model(context.target));
    family.unsupported(context.capabilities().none_effort)
}

fn not_supported(name: &str, context: RequestContext<'_>) -> String {
    let model = sent_model(context.target);
    format!("{} does not support parameters: ['{name}'], for model={model}", context.target.provider.name())
}

/// The session in the user id of a client that puts one there (Claude Code does), for the provider's cache.
fn session_of(user: &str) -> Option<String> {
    if !user.starts_with('{') {
        return None;
    }
    let document = Document::parse(user.as_bytes(), &Limits::default()).ok()?;
    let session = document.root().get_text("session_id").filter(|session| !session.is_empty())?;
    Some(session.unescape().chars().take(LONGEST_USER).collect())
}

fn write_format(format: &Format<'_>, w: &mut Writer<'_>) {
    match format {
        Format::Text => {
            w.key("type").word("text");
        }
        Format::JsonObject { .. } => {
            w.key("type").word("json_object");
        }
        Format::JsonSchema { name, description, schema, strict } => {
            w.key("type").word("json_schema").key("name");
            match name {
                Some(name) => w.text(name),
                None => w.word("structured_output"),
            };
            if let Some(description) = description {
                w.key("description").text(description);
            }
            w.key("schema");
            match schema {
                Some(schema) => w.node(*schema),
                None => w.begin_object().end_object(),
            };
            w.key("strict");
            match strict {
                Some(strict) => w.node(*strict),
                None => w.bool(false),
            };
        }
    }
}
