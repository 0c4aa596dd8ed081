//! The edit lists of requests and answers whose client and provider both speak `openai_responses`.

use super::parameters::{Rules, raised_limit};
use super::{items, schema, wire};
use crate::controls;
use crate::dialect::AnswerContext;
use crate::edit::{Decision, Patch};
use crate::error::Refusal;
use crate::json::{Document, Limits, Node, Text, Writer};
use crate::loss::Report;
use crate::response_id;
use crate::target::Target;

/// Collects the edits that `root` needs for `target`.
pub(crate) fn edit(
    root: Node<'_>,
    target: &Target,
    patch: &mut Patch,
    report: &mut Report,
) -> Result<(), Refusal> {
    let editor = Editor {
        target,
        rules: Rules::of(target),
        effort: root.some("reasoning").and_then(|reasoning| reasoning.get_text("effort")),
        strict: matches!(target.provider.name(), "openai" | "azure"),
    };
    let mut refusal = None;
    patch.object(root, &[], |patch, key, value| {
        editor.member(key, value, patch, report).unwrap_or_else(|refused| {
            refusal.get_or_insert(refused);
            Decision::Keep
        })
    });
    refusal.map_or(Ok(()), Err)
}

/// What the edits of one request depend on.
struct Editor<'t, 'a> {
    target: &'t Target,
    rules: Rules<'t>,
    effort: Option<Text<'a>>,
    /// The provider checks whose items it is given back.
    strict: bool,
}

impl Editor<'_, '_> {
    fn member(
        &self,
        key: &Text<'_>,
        value: Node<'_>,
        patch: &mut Patch,
        report: &mut Report,
    ) -> Result<Decision, Refusal> {
        Ok(match &*key.name() {
            b"model" => Decision::string(wire::sent_model(self.target)),
            b"metadata" => Decision::Keep,
            _ if value.is_null() => Decision::Remove,
            b"input" => {
                items::edit(value, self.strict, patch, report);
                Decision::Keep
            }
            b"tools" => {
                tools(value, self.target, patch, report)?;
                Decision::Keep
            }
            b"max_output_tokens" => match value.u64().and_then(raised_limit) {
                Some(limit) => {
                    report.rewrite("max_output_tokens", "least_output_tokens");
                    Decision::Replace(limit.to_string().into_bytes())
                }
                None => Decision::Keep,
            },
            b"reasoning" => self.reasoning(value, patch, report)?,
            b"temperature" => self.sampling("temperature", value, report)?,
            b"top_p" => self.sampling("top_p", value, report)?,
            b"stream_options" => {
                stream_options(value, patch, report);
                Decision::Keep
            }
            b"previous_response_id" => match value.str() {
                Some(id) if response_id::is_sealed(&id) => return Err(sealed()),
                Some(id) => response_id::for_provider(&id).map_or(Decision::Keep, |id| Decision::string(&id)),
                None => Decision::Keep,
            },
            name if controls::is_host_control(name) => Decision::Remove,
            _ => Decision::Keep,
        })
    }

    fn reasoning(
        &self,
        value: Node<'_>,
        patch: &mut Patch,
        report: &mut Report,
    ) -> Result<Decision, Refusal> {
        let Some(effort) = &self.effort else { return Ok(Decision::Keep) };
        if let Some(why) = self.rules.refuses_reasoning() {
            self.rules.drop_or_refuse("reasoning", why, report)?;
            return Ok(Decision::Remove);
        }
        if let Some(why) = self.rules.refuses_effort(effort) {
            self.rules.drop_or_refuse("reasoning.effort", why, report)?;
            let kept =
                patch.object(
                    value,
                    &[],
                    |_, key, _| {
                        if key.is("effort") { Decision::Remove } else { Decision::Keep }
                    },
                );
            return Ok(if kept == 0 { Decision::Remove } else { Decision::Keep });
        }
        Ok(Decision::Keep)
    }

    fn sampling(&self, name: &str, value: Node<'_>, report: &mut Report) -> Result<Decision, Refusal> {
        match self.rules.refuses_sampling(name, value, self.effort.as_ref()) {
            Some(why) => self.rules.drop_or_refuse(name, why, report).map(|()| Decision::Remove),
            None => Ok(Decision::Keep),
        }
    }
}

fn sealed() -> Refusal {
    Refusal::decline("sealed_response_id", "previous_response_id is for the LiteLLM proxy that made it")
}

/// Tools: no marks that only Anthropic knows, and schemas in the form that the provider takes; some clients send them as
/// a string. Those in a namespace are tools as well.
fn tools(tools: Node<'_>, target: &Target, patch: &mut Patch, report: &mut Report) -> Result<(), Refusal> {
    for (index, tool) in tools.items().enumerate() {
        let mut refusal = None;
        patch.object(tool, &[], |patch, key, value| match &*key.name() {
            b"cache_control" => {
                report.lose(format!("tools[{index}].cache_control"), "cache_control");
                Decision::Remove
            }
            b"tools" => {
                for (index, inner) in value.items().enumerate() {
                    if let Some(parameters) = inner.some("parameters").filter(|found| found.is_object())
                        && let Some(other) = schema::edit(parameters, (index, target), patch, report)
                    {
                        patch.replace(parameters, other);
                    }
                }
                Decision::Keep
            }
            b"parameters" if value.is_object() => match schema::edit(value, (index, target), patch, report) {
                Some(other) => Decision::Replace(other),
                None => Decision::Keep,
            },
            b"parameters" if !value.is_null() && !value.is_object() => match schema_in_string(value) {
                Some(schema) => Decision::Replace(schema),
                None => {
                    let path = format!("tools[{index}].parameters");
                    let message = format!("{path} must be an object");
                    refusal.get_or_insert(Refusal::invalid(path, message));
                    Decision::Keep
                }
            },
            _ => Decision::Keep,
        });
        refusal.map_or(Ok(()), Err)?;
    }
    Ok(())
}

fn schema_in_string(value: Node<'_>) -> Option<Vec<u8>> {
    let text = value.str()?.into_owned();
    let document = Document::parse(text.as_bytes(), &Limits::default()).ok()?;
    document.root().is_object().then(|| text.clone().into_bytes())
}

/// The API refuses options that it does not know, and chat clients send theirs.
fn stream_options(options: Node<'_>, patch: &mut Patch, report: &mut Report) {
    patch.object(options, &[], |_, key, _| {
        if key.is("include_obfuscation") {
            return Decision::Keep;
        }
        report.lose(format!("stream_options.{}", key.unescape()), "unsupported_parameter");
        Decision::Remove
    });
}

/// Collects the edits of an answer: `model` becomes the requested name, and ids lead back to the deployment.
pub(crate) fn answer(root: Node<'_>, context: &AnswerContext, patch: &mut Patch) {
    patch.object(root, &[], |_, key, value| match &*key.name() {
        b"model" => Decision::string(&context.requested_model),
        b"id" | b"previous_response_id" => match value.str() {
            Some(id) => Decision::string(&client_id(&id, context)),
            None => Decision::Keep,
        },
        _ => Decision::Keep,
    });
}

/// Collects the edits of what a provider says of a response that it keeps: the response, or that it is deleted.
pub(crate) fn stored(root: Node<'_>, context: &AnswerContext, patch: &mut Patch) {
    let object = root.get_text("object");
    if object.is_some_and(|object| object.is("response") || object.is("response.deleted")) {
        answer(root, context, patch);
    }
}

/// The id under which the client knows the provider's response.
pub(super) fn client_id(id: &str, context: &AnswerContext) -> String {
    response_id::for_client(context.provider, context.deployment.as_deref(), id)
}

/// The `response` of an answer that failed: as it was so far, with the reason.
pub(super) fn failed(so_far: &[u8], code: &str, message: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(so_far.len() + message.len() + 64);
    let Ok(document) = Document::parse(so_far, &Limits::lenient()) else { return so_far.to_vec() };
    let mut error = Vec::new();
    Writer::new(&mut error).begin_object().key("code").str(code).key("message").str(message).end_object();
    let mut patch = Patch::default();
    let insert = [("status", b"\"failed\"".to_vec()), ("error", error)];
    patch.object(document.root(), &insert, |_, key, _| {
        if key.is("status") || key.is("error") { Decision::Remove } else { Decision::Keep }
    });
    patch.write(so_far, &mut out);
    out
}
