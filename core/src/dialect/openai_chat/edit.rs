//! The edit list of requests whose client and provider both speak `openai_chat`: what LiteLLM changes on the way to
//! each host. docs/edits.md lists them for people.

use crate::controls;
use crate::edit::{Decision, Patch};
use crate::error::Refusal;
use crate::json::{Node, Text};
use crate::loss::Report;
use crate::provider::{ChatRules, MaxTokens, OpenAiFamily, is_own_host};
use crate::target::Target;

use super::effort::{deepseek_thinking, thinking_effort};
use super::request::message_edit;

/// What the edits of one request depend on.
pub(super) struct Editor<'t> {
    pub(super) target: &'t Target,
    pub(super) rules: &'static ChatRules,
    pub(super) family: OpenAiFamily,
    /// The request goes to OpenAI itself.
    pub(super) openai: bool,
    /// `cache_control` marks stay.
    pub(super) cache_control: bool,
}

/// Top-level fields that decide about others.
#[derive(Default)]
pub(super) struct Present<'a> {
    stream: bool,
    stream_options: Option<Node<'a>>,
    extra_body: Option<Node<'a>>,
    max_completion_tokens: bool,
    tools: bool,
    web_search: bool,
    response_format: Option<Node<'a>>,
    thinking: Option<Node<'a>>,
    pub(super) effort: Option<Node<'a>>,
    /// Images, files or sound stand somewhere in the conversation, where the host cares.
    media: bool,
}

impl<'a> Present<'a> {
    fn of(root: Node<'a>, rules: &ChatRules) -> Self {
        let mut present = Self::default();
        for (key, value) in root.entries() {
            if value.is_null() {
                continue;
            }
            match &*key.name() {
                b"stream" => present.stream = value.bool() == Some(true),
                b"stream_options" => present.stream_options = Some(value),
                b"extra_body" => present.extra_body = Some(value).filter(|body| body.is_object()),
                b"max_completion_tokens" => present.max_completion_tokens = true,
                b"tools" | b"functions" => present.tools |= !value.is_empty(),
                b"web_search_options" => present.web_search = true,
                b"response_format" => present.response_format = Some(value),
                b"messages" if rules.join_unless_media => present.media = value.items().any(has_media),
                b"thinking" => present.thinking = Some(value),
                b"reasoning_effort" => present.effort = Some(value),
                _ => {}
            }
        }
        present
    }
}

/// What the edits of a request hand on.
#[derive(Debug, Default)]
pub(crate) struct Edited {
    pub(crate) patch: Patch,
    /// We asked for usage, the client did not.
    pub(crate) hide_usage: bool,
    pub(crate) json_tool: Option<&'static str>,
    /// The host does not stream this answer: it is asked for whole, and streamed to the client.
    pub(crate) whole: bool,
    /// [`TOOLS_STUB`] stands for tools that the host takes.
    pub(crate) tools: bool,
}

/// Stands for the tools among [`fields`].
pub(crate) const TOOLS_STUB: &[u8] = b"[0]";

/// Collects the edits that `root` needs for `target`.
pub(crate) fn edit(root: Node<'_>, target: &Target, report: &mut Report) -> Result<Edited, Refusal> {
    if root.get("messages").is_none() {
        return Err(Refusal::invalid("messages", "messages is required"));
    }
    Editor::of(target).run(root, false, report)
}

/// The same for a request of which messages and tools are written apart: the latter are a stub here, which is removed.
pub(crate) fn fields(root: Node<'_>, target: &Target, report: &mut Report) -> Result<Edited, Refusal> {
    Editor::of(target).run(root, true, report)
}

impl<'t> Editor<'t> {
    fn of(target: &'t Target) -> Self {
        let rules = target.provider.chat_rules();
        let openai = target.provider.name() == "openai";
        let own = is_own_host(target.provider, target.base_url.as_deref());
        let family = if openai { OpenAiFamily::of(&target.model) } else { OpenAiFamily::Gpt };
        Self { target, rules, family, openai, cache_control: rules.cache_control || (openai && !own) }
    }

    fn run(&self, root: Node<'_>, apart: bool, report: &mut Report) -> Result<Edited, Refusal> {
        let present = Present::of(root, self.rules);
        self.decline_for_responses(&present)?;
        self.refuse_unfit_format(&present)?;
        let mut edited = Edited { whole: self.streams_whole(&present), ..Edited::default() };
        let more = more_body(root, &present, report);
        let mut insert = self.insertions(&present, &mut edited);
        insert.extend(more.iter().map(|(name, json)| (name.as_str(), json.to_vec())));
        let mut refusal = None;
        let mut patch = Patch::default();
        let mut takes_tools = false;
        patch.object(root, &insert, |patch, key, value| {
            let decision = self.top_level(key, value, &present, patch, report).unwrap_or_else(|refused| {
                refusal.get_or_insert(refused);
                Decision::Keep
            });
            if apart && key.is("tools") {
                takes_tools = decision == Decision::Keep;
                return Decision::Remove;
            }
            decision
        });
        edited.tools = takes_tools;
        edited.patch = patch;
        refusal.map_or(Ok(edited), Err)
    }

    /// LiteLLM sends these to the responses API, which this core does not speak yet.
    fn decline_for_responses(&self, present: &Present<'_>) -> Result<(), Refusal> {
        if present.web_search && self.target.provider.name() == "xai" {
            return Err(Refusal::decline(
                "responses_dialect",
                "web search at xai goes through /v1/responses, which is not built yet",
            ));
        }
        Ok(())
    }

    /// Whether the host answers whole where a stream was asked for.
    fn streams_whole(&self, present: &Present<'_>) -> bool {
        present.stream && self.rules.json_tool && present.response_format.is_some()
    }

    /// Hosts that follow a schema only as a forced tool cannot have other tools beside it.
    fn refuse_unfit_format(&self, present: &Present<'_>) -> Result<(), Refusal> {
        let Some(format) = present.response_format.filter(|_| self.rules.json_tool) else { return Ok(()) };
        if present.tools && schema_of(format).is_some() && !self.target.capabilities.response_schema {
            let message = format!("{} does not take a schema and tools at once", self.target.model);
            return Err(Refusal::unsupported("response_format", message));
        }
        Ok(())
    }

    fn insertions<'n>(&self, present: &Present<'_>, edited: &mut Edited) -> Vec<(&'n str, Vec<u8>)> {
        let mut insert = Vec::new();
        if present.stream && self.rules.include_usage && present.stream_options.is_none() {
            edited.hide_usage = true;
            insert.push(("stream_options", br#"{"include_usage":true}"#.to_vec()));
        }
        if self.rules.openrouter {
            insert.push(("usage", br#"{"include":true}"#.to_vec()));
        }
        if self.rules.deepseek_thinking {
            let (thinking, effort) = deepseek_thinking(present.thinking, present.effort);
            insert.extend(thinking.filter(|_| present.thinking.is_none()).map(|json| ("thinking", json)));
            insert.extend(effort.filter(|_| present.effort.is_none()).map(|json| ("reasoning_effort", json)));
        }
        let budget = present.thinking.filter(|_| self.rules.thinking_as_effort && present.effort.is_none());
        if let Some(effort) = budget.and_then(thinking_effort) {
            insert.push(("reasoning_effort", format!("\"{effort}\"").into_bytes()));
        }
        if let Some(schema) = self.json_tool_schema(present) {
            edited.json_tool = Some(JSON_TOOL);
            insert.extend(json_tool(schema));
        }
        insert
    }

    /// The schema of a `response_format` that the model can only follow as a forced tool.
    fn json_tool_schema<'a>(&self, present: &Present<'a>) -> Option<Node<'a>> {
        let format = present.response_format.filter(|_| self.rules.json_tool)?;
        if self.target.capabilities.response_schema || present.tools {
            return None;
        }
        schema_of(format)
    }

    fn top_level<'a>(
        &self,
        key: &Text<'a>,
        value: Node<'a>,
        present: &Present<'a>,
        patch: &mut Patch,
        report: &mut Report,
    ) -> Result<Decision, Refusal> {
        let name = &*key.name();
        match name {
            b"model" => return Ok(Decision::string(&self.target.model)),
            b"messages" => {
                let join = self.rules.join_text && !(self.rules.join_unless_media && present.media);
                self.messages(value, join, patch, report)?;
                return Ok(Decision::Keep);
            }
            _ if value.is_null() => return Ok(Decision::Remove),
            _ if controls::is_host_control(name) => return Ok(Decision::Remove),
            _ => {}
        }
        if let Some(decision) = self.parameter(key, value, present, report)? {
            return Ok(decision);
        }
        match name {
            b"tools" => self.tools(value, patch),
            b"max_tokens" if self.family.max_completion_tokens() && !present.max_completion_tokens => {
                return Ok(Decision::Rename("max_completion_tokens"));
            }
            b"max_tokens"
                if present.max_completion_tokens && self.rules.max_tokens == MaxTokens::MaxTokens =>
            {
                return Ok(Decision::Remove);
            }
            b"max_completion_tokens" if self.rules.max_tokens == MaxTokens::MaxTokens => {
                return Ok(Decision::Rename("max_tokens"));
            }
            b"tool_choice" => {
                check_tool_choice(value)?;
                return Ok(self.tool_choice(value, present, report));
            }
            b"seed" if self.rules.random_seed => return Ok(Decision::Rename("random_seed")),
            b"thinking" if self.rules.thinking_as_effort => return Ok(Decision::Remove),
            b"thinking" if self.rules.deepseek_thinking => {
                return Ok(replaced(deepseek_thinking(present.thinking, present.effort).0));
            }
            b"reasoning_effort" if self.rules.deepseek_thinking => {
                return Ok(replaced(deepseek_thinking(present.thinking, present.effort).1));
            }
            b"response_format" if self.json_tool_schema(present).is_some() => {
                report.lose("response_format.json_schema.name", "schema_label");
                return Ok(Decision::Remove);
            }
            b"usage" if self.rules.openrouter => return Ok(Decision::Remove),
            b"stream" | b"stream_options" if self.streams_whole(present) => return Ok(Decision::Remove),
            // The provider rejects the one without the other.
            b"stream_options" if !present.stream => return Ok(Decision::Remove),
            b"extra_body" if present.extra_body.is_some() => return Ok(Decision::Remove),
            _ => {}
        }
        Ok(Decision::Keep)
    }

    fn tool_choice(&self, value: Node<'_>, present: &Present<'_>, report: &mut Report) -> Decision {
        if !present.tools {
            report.rewrite("tool_choice", "tool_choice_without_tools");
            return Decision::Remove;
        }
        if self.rules.required_is_any && value.is_text("required") {
            return Decision::string("any");
        }
        Decision::Keep
    }

    fn tools(&self, tools: Node<'_>, patch: &mut Patch) {
        patch.array(tools, |patch, _, tool| {
            patch.object(tool, &[], |patch, key, value| match &*key.name() {
                b"cache_control" if !self.cache_control => Decision::Remove,
                b"function" => {
                    patch.object(value, &[], |patch, key, value| match &*key.name() {
                        b"cache_control" if !self.cache_control => Decision::Remove,
                        b"strict" if self.rules.drop_strict => Decision::Remove,
                        b"parameters" if self.rules.drop_additional_properties => {
                            patch.remove_everywhere(value, "additionalProperties");
                            Decision::Keep
                        }
                        _ => Decision::Keep,
                    });
                    Decision::Keep
                }
                _ => Decision::Keep,
            });
            Decision::Keep
        });
    }

    fn messages(
        &self,
        messages: Node<'_>,
        join: bool,
        patch: &mut Patch,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        if !messages.is_array() {
            return Err(Refusal::invalid("messages", "messages must be a list"));
        }
        let mut refusal = None;
        patch.array(messages, |patch, index, message| {
            let role = message.get_text("role");
            if let Some((part, kind)) = message_edit::foreign_part(self, message, role.as_ref()) {
                let path = format!("messages[{index}].content[{part}]");
                let provider = self.target.provider.name();
                let why = format!("{path}: {provider} does not take content of type '{kind}'");
                refusal.get_or_insert_with(|| Refusal::unsupported(path, why));
            } else if message.is_object() {
                message_edit::message(self, (message, role.as_ref()), (index, join), patch, report);
            } else {
                let path = format!("messages[{index}]");
                refusal.get_or_insert_with(|| Refusal::invalid(path, "each message must be an object"));
            }
            Decision::Keep
        });
        refusal.map_or(Ok(()), Err)
    }
}

/// `tool_choice` is a word, or an object with a type.
pub(super) fn check_tool_choice(value: Node<'_>) -> Result<(), Refusal> {
    if value.is_object() && value.some("type").is_none() {
        return Err(Refusal::invalid(
            "tool_choice",
            "tool_choice: an object needs a type, such as \"function\"",
        ));
    }
    Ok(())
}

fn schema_of(format: Node<'_>) -> Option<Node<'_>> {
    format.some("response_schema").or_else(|| format.some("json_schema")?.some("schema"))
}

fn has_media(message: Node<'_>) -> bool {
    let is_text = |part: Node<'_>| part.some("type").is_none_or(|kind| kind.is_text("text"));
    message.some("content").is_some_and(|content| content.items().any(|part| !is_text(part)))
}

/// What a client wants in the body beyond its fields. It decides nothing that the request itself, or the host, decides.
fn more_body<'a>(root: Node<'a>, present: &Present<'a>, report: &mut Report) -> Vec<(String, &'a [u8])> {
    let mut more = Vec::new();
    for (key, value) in present.extra_body.into_iter().flat_map(Node::entries) {
        let name = key.unescape();
        let decided = matches!(&*name, "model" | "messages" | "stream") || root.get(&name).is_some();
        if decided || name.contains(['"', '\\']) || controls::is_banned(name.as_bytes()) {
            report.lose(format!("extra_body.{name}"), "decided_elsewhere");
        } else {
            more.push((name.into_owned(), value.raw()));
        }
    }
    more
}

/// The tool as which a schema is sent to models that cannot follow one otherwise.
const JSON_TOOL: &str = "json_tool_call";

fn json_tool(schema: Node<'_>) -> [(&'static str, Vec<u8>); 2] {
    let mut tools = br#"[{"type":"function","function":{"name":"json_tool_call","parameters":"#.to_vec();
    tools.extend_from_slice(schema.raw());
    tools.extend_from_slice(b"}}]");
    [
        ("tools", tools),
        ("tool_choice", br#"{"type":"function","function":{"name":"json_tool_call"}}"#.to_vec()),
    ]
}

fn replaced(json: Option<Vec<u8>>) -> Decision {
    json.map_or(Decision::Remove, Decision::Replace)
}
