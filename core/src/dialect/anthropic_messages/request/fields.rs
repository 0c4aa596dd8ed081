//! Top-level fields that have no place in the IR, by their names in `openai_chat`.

use super::betas::Betas;
use super::reasoning;
use crate::dialect::openai_responses::wire::is_own_parameter;
use crate::dialect::{Dialect, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::{Reasoning, Request, Tool};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;

/// Parameters of `openai_chat` that the API has nothing for.
const UNSUPPORTED: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "modalities",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "seed",
    "store",
    "top_logprobs",
    "verbosity",
];

/// What the fields come to.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    sent: Vec<(Text<'a>, Value<'a>)>,
    /// JSON of the web search tool.
    pub(super) web_search: Option<Vec<u8>>,
    pub(super) output_config: Option<Node<'a>>,
    pub(super) mcp_servers: Vec<Node<'a>>,
    /// `metadata.user_id`, which wins over `user`.
    user: Option<Text<'a>>,
    unsupported: Vec<String>,
}

#[derive(Debug)]
enum Value<'a> {
    Given(Node<'a>),
    Built(Vec<u8>),
}

/// Sorts the fields into what is sent, what is lost and what is refused.
pub(super) fn collect<'a>(
    request: &Request<'a>,
    context: RequestContext<'_>,
    betas: &mut Betas,
    report: &mut Report,
) -> Result<Fields<'a>, Refusal> {
    let mut fields = Fields::default();
    if !reasoning::is_supported(context) {
        fields.unsupported.extend(request.reasoning.iter().filter_map(|reasoning| match reasoning {
            Reasoning::Effort(_) => Some("reasoning_effort".to_owned()),
            Reasoning::Thinking(_) => Some("thinking".to_owned()),
            Reasoning::OutputEffort(_) => None,
        }));
    }
    for param in &request.params {
        let name = param.name.unescape();
        if param.value.is_null() {
            continue;
        }
        let own = request.source == Dialect::OpenAiResponses && is_own_parameter(&name);
        if own || UNSUPPORTED.contains(&&*name) || (name == "n" && param.value.u64() != Some(1)) {
            fields.unsupported.push(name.into_owned());
            continue;
        }
        fields.take(&name, &param.name, param.value, context, betas, report)?;
    }
    fields.refuse_unsupported(context, report)?;
    Ok(fields)
}

impl<'a> Fields<'a> {
    fn take(
        &mut self,
        name: &str,
        text: &Text<'a>,
        value: Node<'a>,
        context: RequestContext<'_>,
        betas: &mut Betas,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        match name {
            "n" | "stream_options" => {}
            "temperature" | "top_p" | "top_k" => return self.sampling(name, text, value, context, report),
            "speed" if !context.capabilities().speed => return unsupported_value(name, context, report),
            "service_tier" => return self.service_tier(text, value, context, report),
            "web_search_options" if value.is_object() => self.web_search = Some(web_search(value, report)),
            "metadata" => {
                self.user = value.get_text("user_id").filter(|id| is_anonymous(&id.unescape()));
            }
            "context_management" => self.context_management(text, value, betas, report),
            "output_config" => {
                self.output_config = Some(value);
                // Newer models have it in the stable version.
                if value.get_text("effort").is_some() && !context.capabilities().adaptive_thinking {
                    betas.add("effort-2025-11-24");
                }
                if value.some("format").is_some() {
                    betas.add(STRUCTURED_OUTPUTS);
                }
            }
            "mcp_servers" => self.mcp_servers.extend(value.items()),
            _ => {
                beta_of(name, value, betas);
                self.sent.push((text.clone(), Value::Given(value)));
            }
        }
        Ok(())
    }

    fn sampling(
        &mut self,
        name: &str,
        text: &Text<'a>,
        value: Node<'a>,
        context: RequestContext<'_>,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        let neutral = || name == "temperature" && value.f64() == Some(1.0);
        if !context.capabilities().sampling_params && !neutral() {
            return unsupported_value(name, context, report);
        }
        self.sent.push((text.clone(), Value::Given(value)));
        Ok(())
    }

    fn service_tier(
        &mut self,
        text: &Text<'a>,
        value: Node<'a>,
        context: RequestContext<'_>,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        if value.is_text("auto") || value.is_text("standard_only") {
            self.sent.push((text.clone(), Value::Given(value)));
        } else if value.is_text("default") {
            self.sent.push((text.clone(), Value::Built(b"\"standard_only\"".to_vec())));
        } else {
            return unsupported_value("service_tier", context, report);
        }
        Ok(())
    }

    /// The API's own form goes through; OpenAI's list of compactions becomes it.
    fn context_management(
        &mut self,
        text: &Text<'a>,
        value: Node<'a>,
        betas: &mut Betas,
        report: &mut Report,
    ) {
        let kind = |edit: Node<'_>, name: &str| edit.get("type").is_some_and(|kind| kind.is_text(name));
        if let Some(edits) = value.get("edits") {
            betas.of_context_management(edits.items().map(|edit| kind(edit, "compact_20260112")));
            self.sent.push((text.clone(), Value::Given(value)));
            return;
        }
        let compactions: Vec<_> = value.items().filter(|entry| kind(*entry, "compaction")).collect();
        if compactions.is_empty() {
            return report.lose("context_management", "unknown_form");
        }
        betas.of_context_management(compactions.iter().map(|_| true));
        self.sent.push((text.clone(), Value::Built(compaction_edits(&compactions))));
    }

    fn refuse_unsupported(
        &mut self,
        context: RequestContext<'_>,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        let Some(first) = self.unsupported.first() else { return Ok(()) };
        if context.target.drop_params {
            for name in &self.unsupported {
                report.lose(name.as_str(), "unsupported");
            }
            return Ok(());
        }
        let names = self.unsupported.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let target = context.target;
        let message = format!(
            "{} does not support parameters: [{names}], for model={}. To drop these, set drop_params",
            target.provider.name(),
            target.model
        );
        Err(Refusal::unsupported(first.clone(), message))
    }

    /// The search among tools of `openai_responses`, in the API's own form.
    pub(super) fn take_search(&mut self, tools: &mut Vec<Tool<'a>>, report: &mut Report) {
        tools.retain(|tool| {
            let Tool::Native { dialect: Dialect::OpenAiResponses, node } = tool else { return true };
            let search = node.get_text("type").is_some_and(|kind| kind.starts_with("web_search"));
            if search {
                self.web_search = Some(web_search(*node, report));
            }
            !search
        });
    }

    /// Whether the request as a whole has a cache breakpoint.
    pub(super) fn is_cached(&self) -> bool {
        self.sent.iter().any(|(name, _)| name.is("cache_control"))
    }

    /// Writes what is sent as it is.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        for (name, value) in &self.sent {
            match value {
                Value::Given(node) => w.key_text(name).node(*node),
                Value::Built(json) => w.key_text(name).raw(json),
            };
        }
    }

    /// Writes `metadata`, the end user's id. The API refuses what looks like an address or a telephone number.
    pub(super) fn write_user(&self, request: &Request<'_>, w: &mut Writer<'_>, report: &mut Report) {
        let user = request.user.as_ref().filter(|user| {
            let fits = is_anonymous(&user.unescape());
            if !fits {
                report.lose("user", "identifies_a_person");
            }
            fits
        });
        if let Some(user) = self.user.as_ref().or(user) {
            w.key("metadata").begin_object().key("user_id").text(user).end_object();
        }
    }
}

/// The beta for answers by a schema.
pub(super) const STRUCTURED_OUTPUTS: &str = "structured-outputs-2025-11-13";

fn beta_of(name: &str, value: Node<'_>, betas: &mut Betas) {
    match name {
        "output_format" => betas.add(STRUCTURED_OUTPUTS),
        "speed" if value.is_text("fast") => betas.add("fast-mode-2026-02-01"),
        "compaction" => betas.add("compact-2026-09-04"),
        "container" if value.some("skills").is_some_and(|skills| skills.is_array() && !skills.is_empty()) => {
            betas.add("skills-2025-10-02");
        }
        _ => {}
    }
}

fn unsupported_value(name: &str, context: RequestContext<'_>, report: &mut Report) -> Result<(), Refusal> {
    if context.target.drop_params {
        report.lose(name, "unsupported");
        return Ok(());
    }
    let message = format!(
        "{} does not support this value of {name}. To drop it, set drop_params",
        context.target.model
    );
    Err(Refusal::unsupported(name, message))
}

/// Options of a search, as `openai_chat` or `openai_responses` has them.
fn web_search(options: Node<'_>, report: &mut Report) -> Vec<u8> {
    let mut json = Vec::new();
    let mut w = Writer::new(&mut json);
    w.begin_object().key("type").word("web_search_20250305").key("name").word("web_search");
    let tool = options.get("type").is_some();
    let place = options
        .some("user_location")
        .and_then(|location| if tool { Some(location) } else { location.some("approximate") });
    if let Some(place) = place {
        w.key("user_location").begin_object().key("type").word("approximate");
        for (key, value) in place.entries().filter(|(_, value)| !tool || !value.is_null()) {
            if ["city", "region", "country", "timezone"].iter().any(|known| key.is(known)) {
                w.key_text(&key).node(value);
            }
        }
        w.end_object();
    }
    for (key, value) in options.some("filters").filter(|_| tool).into_iter().flat_map(Node::entries) {
        match &*key.name() {
            _ if value.is_null() => {}
            b"allowed_domains" | b"blocked_domains" => {
                w.key_text(&key).node(value);
            }
            _ => report.lose(format!("tools.web_search.filters.{}", key.unescape()), "tool_option"),
        }
    }
    let uses = options.get_text("search_context_size").and_then(|size| match &*size.name() {
        b"low" => Some(1),
        b"medium" => Some(5),
        b"high" => Some(10),
        _ => None,
    });
    if let Some(uses) = uses {
        w.key("max_uses").number(uses);
    }
    w.end_object();
    json
}

fn compaction_edits(entries: &[Node<'_>]) -> Vec<u8> {
    let mut json = Vec::new();
    let mut w = Writer::new(&mut json);
    w.begin_object().key("edits").begin_array();
    for entry in entries {
        w.begin_object().key("type").word("compact_20260112");
        if let Some(threshold) = entry.get("compact_threshold").and_then(Node::f64) {
            w.key("trigger").begin_object().key("type").word("input_tokens");
            w.key("value").number(threshold.max(0.0) as u64).end_object();
        }
        for (key, value) in entry.entries() {
            if !key.is("type") && !key.is("compact_threshold") {
                w.key_text(&key).node(value);
            }
        }
        w.end_object();
    }
    w.end_array().end_object();
    json
}

/// Whether an id is neither an e-mail address nor a telephone number.
fn is_anonymous(id: &str) -> bool {
    let email = id.split_once('@').is_some_and(|(name, host)| {
        let named =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._%+-".contains(c));
        let domain = host.rsplit_once('.').is_some_and(|(domain, top)| {
            let fits = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
            !domain.is_empty()
                && domain.chars().all(fits)
                && top.len() >= 2
                && top.chars().all(|c| c.is_ascii_alphabetic())
        });
        named && domain
    });
    let digits = id.strip_prefix('+').unwrap_or(id);
    let phone = digits.chars().count() >= 7
        && digits.chars().all(|c| c.is_numeric() || c.is_whitespace() || "()-".contains(c));
    !email && !phone
}

#[cfg(test)]
mod tests {
    use super::is_anonymous;

    #[test]
    fn ids_that_name_a_person_are_told_from_others() {
        assert!(is_anonymous("user-42") && is_anonymous("a@b") && is_anonymous("12345"));
        assert!(!is_anonymous("jane.doe@example.com") && !is_anonymous("+49 (30) 1234567"));
    }
}
