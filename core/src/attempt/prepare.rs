//! From a request and a target to what is sent.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::{Attempt, AttemptOptions, ProviderHeaders, Reader};
use crate::dialect::openai_responses::request::Echo;
use crate::dialect::{
    AnswerContext, AnswerHints, Dialect, RequestContext, anthropic_messages, decode_chat_request,
    encode_chat_request, mistral_ocr, openai_chat, openai_responses,
};
use crate::edit::Patch;
use crate::error::Refusal;
use crate::http::{Auth, Headers, HttpRequest};
use crate::json::{Body, Writer};
use crate::loss::Report;
use crate::policy::custom_tools;
use crate::provider::Endpoint;
use crate::request::Request;
use crate::route;
use crate::target::{Credential, Target};

/// What a translation of a request gives.
struct Prepared {
    body: Vec<Bytes>,
    headers: Headers,
    hints: AnswerHints,
    echo: Echo,
    hide_usage: bool,
    whole: bool,
}

pub(super) fn prepare(
    request: &Request,
    target: &Arc<Target>,
    options: AttemptOptions,
) -> Result<Attempt, Refusal> {
    let client = request.dialect();
    let (base_url, features) = (target.base_url.as_deref(), request.facts().features);
    let upstream = route::upstream_dialect_at(client, target.provider, base_url, &target.model, features)?;
    let endpoint = target.provider.endpoint(upstream).ok_or_else(|| {
        Refusal::decline(
            "no_dialect",
            format!("{} does not speak {}", target.provider.name(), upstream.name()),
        )
    })?;
    let mut report = Report::default();
    let prepared = if client == upstream {
        same_dialect(request, target, &mut report)?
    } else {
        translated(request, target, upstream, &mut report)?
    };
    let facts = request.facts();
    let context = AnswerContext {
        requested_model: options.requested_model.unwrap_or_else(|| facts.model.clone()),
        now_unix: options.now_unix,
        id_seed: options.id_seed,
        include_usage: facts.stream && asks_for_usage(request),
        upstream,
        provider: target.provider.name(),
        deployment: target.deployment.clone(),
        echo: prepared.echo,
        hints: prepared.hints,
    };
    let http = HttpRequest {
        method: "POST",
        url: url(target, endpoint, request),
        headers: headers(target, upstream, prepared.headers),
        auth: auth(target, endpoint),
        body: prepared.body,
    };
    let attempt = attempt(client, context, facts.stream, http, options.max_answer_bytes);
    Ok(Attempt { hide_usage: prepared.hide_usage, whole: prepared.whole, report, ..attempt })
}

/// An attempt that has sent nothing yet.
fn attempt(
    client: Dialect,
    context: AnswerContext,
    streaming: bool,
    http: HttpRequest,
    max_answer_bytes: Option<usize>,
) -> Attempt {
    Attempt {
        client,
        upstream: context.upstream,
        context,
        streaming,
        hide_usage: false,
        whole: false,
        stored: false,
        request: Some(http),
        reader: Reader::Waiting,
        status: 0,
        provider_headers: ProviderHeaders::default(),
        owed: None,
        outcome: None,
        usage: None,
        report: Report::default(),
        max_answer_bytes: max_answer_bytes.unwrap_or(256 << 20),
    }
}

/// An operation on a request like one for a response; `path` follows `/responses`.
pub(super) fn asked(
    request: &Request,
    path: &str,
    query: &str,
    target: &Arc<Target>,
    options: AttemptOptions,
) -> Result<Attempt, Refusal> {
    let mut report = Report::default();
    let body = same_dialect(request, target, &mut report)?.body;
    let requested_model =
        Some(options.requested_model.clone().unwrap_or_else(|| request.facts().model.clone()));
    let asked =
        about_responses("POST", path, query, body, target, AttemptOptions { requested_model, ..options })?;
    Ok(Attempt { report, ..asked })
}

/// An operation on a stored response; `path` follows `/responses`.
pub(super) fn stored(
    method: &'static str,
    path: &str,
    query: &str,
    streaming: bool,
    target: &Arc<Target>,
    options: AttemptOptions,
) -> Result<Attempt, Refusal> {
    let stored = about_responses(method, path, query, Vec::new(), target, options)?;
    Ok(Attempt { streaming, ..stored })
}

fn about_responses(
    method: &'static str,
    path: &str,
    query: &str,
    body: Vec<Bytes>,
    target: &Arc<Target>,
    options: AttemptOptions,
) -> Result<Attempt, Refusal> {
    let dialect = Dialect::OpenAiResponses;
    let endpoint = target.provider.endpoint(dialect).ok_or_else(|| {
        let message = format!("{} keeps no responses", target.provider.name());
        Refusal::invalid("response_id", message)
    })?;
    let mut url = endpoint_url(target, endpoint) + path;
    if !query.is_empty() {
        url.push('?');
        url.push_str(query);
    }
    let context = AnswerContext {
        requested_model: options.requested_model.unwrap_or_else(|| target.model.clone()),
        now_unix: options.now_unix,
        id_seed: options.id_seed,
        include_usage: false,
        upstream: dialect,
        provider: target.provider.name(),
        deployment: target.deployment.clone(),
        echo: Echo::default(),
        hints: AnswerHints::default(),
    };
    let mut headers = headers(target, dialect, Headers::new());
    if body.is_empty() {
        headers.retain(|(name, _)| name != "content-type");
    }
    let http = HttpRequest { method, url, headers, auth: auth(target, endpoint), body };
    let attempt = attempt(dialect, context, false, http, options.max_answer_bytes);
    Ok(Attempt { stored: true, ..attempt })
}

fn auth(target: &Target, endpoint: &Endpoint) -> Vec<Auth> {
    match target.credential {
        Credential::ApiKey => vec![endpoint.auth.clone()],
        Credential::None => Vec::new(),
    }
}

fn asks_for_usage(request: &Request) -> bool {
    let options = request.root().some("stream_options");
    options.and_then(|options| options.some("include_usage")?.bool()) == Some(true)
}

fn same_dialect(request: &Request, target: &Target, report: &mut Report) -> Result<Prepared, Refusal> {
    let root = request.root();
    let mut prepared = Prepared {
        body: Vec::new(),
        headers: Vec::new(),
        hints: AnswerHints::default(),
        echo: Echo::default(),
        hide_usage: false,
        whole: false,
    };
    let patch = match request.dialect() {
        Dialect::OpenAiChat => {
            let edited = openai_chat::edit::edit(root, target, report)?;
            prepared.hide_usage = edited.hide_usage;
            prepared.hints.json_tool = edited.json_tool;
            prepared.whole = edited.whole;
            edited.patch
        }
        Dialect::AnthropicMessages => {
            let mut patch = Patch::default();
            prepared.headers =
                anthropic_messages::edit::edit(root, target, &request.head().headers, &mut patch, report)?;
            patch
        }
        Dialect::OpenAiResponses => {
            let mut patch = Patch::default();
            openai_responses::edit::edit(root, target, &mut patch, report)?;
            patch
        }
        Dialect::MistralOcr => {
            let mut patch = Patch::default();
            mistral_ocr::request::edit(root, target, &mut patch)?;
            patch
        }
    };
    prepared.body = patch.pieces(request.body());
    Ok(prepared)
}

fn translated(
    request: &Request,
    target: &Target,
    upstream: Dialect,
    report: &mut Report,
) -> Result<Prepared, Refusal> {
    let ir = decode_chat_request(request.dialect(), request.root(), report)?;
    let echo = match request.dialect() {
        Dialect::OpenAiResponses => Echo::of(request.root(), request.body()),
        _ => Echo::default(),
    };
    let context = RequestContext { target, headers: &request.head().headers };
    let mut body = Body::new(request.body().clone(), request.own_bytes());
    let custom_tools = custom_tools::names(&ir.tools);
    let namespaces = openai_responses::request::namespaces(&ir);
    let mut encoded = encode_chat_request(upstream, ir, context, &mut Writer::into_body(&mut body), report)?;
    if upstream != Dialect::OpenAiResponses {
        encoded.hints.custom_tools = custom_tools;
        encoded.hints.namespaces = namespaces;
    }
    Ok(Prepared {
        body: body.into_pieces(),
        headers: encoded.headers,
        hints: encoded.hints,
        echo,
        hide_usage: false,
        whole: encoded.whole,
    })
}

fn url(target: &Target, endpoint: &Endpoint, request: &Request) -> String {
    let mut url = endpoint_url(target, endpoint);
    let query = &request.head().query;
    if !query.is_empty()
        && endpoint.dialect == Dialect::AnthropicMessages
        && request.dialect() == endpoint.dialect
    {
        url.push('?');
        url.push_str(query);
    }
    url
}

/// Where the provider speaks a dialect.
pub(super) fn endpoint_url(target: &Target, endpoint: &Endpoint) -> String {
    let default = endpoint.base_url.or(target.provider.base_url()).unwrap_or_default();
    let base = target.base_url.as_deref().unwrap_or(default).trim_end_matches('/');
    let path = endpoint.path;
    if let (Some(own), Some(_)) = (endpoint.base_url, &target.base_url) {
        return in_folder(base, own, path);
    }
    // A base URL may already be the endpoint itself, or end with the first part of the path.
    if base.ends_with(path) {
        base.to_owned()
    } else if let Some(rest) = path.strip_prefix("/v1").filter(|_| base.ends_with("/v1")) {
        [base, rest].concat()
    } else {
        [base, path].concat()
    }
}

/// The URL of an API that a host has in a folder of its own, as `own` shows, beside the API whose base URL deployments name.
fn in_folder(base: &str, own: &str, path: &str) -> String {
    let folder = own.rfind('/').map_or("", |at| &own[at..]);
    let root = [path, "/v1", "/beta"].iter().fold(base, |root, part| root.strip_suffix(part).unwrap_or(root));
    let named = root.ends_with(folder) || root.contains(&[folder, "/"].concat());
    [root, if named { "" } else { folder }, path].concat()
}

type SentHeaders = Vec<(Cow<'static, str>, Cow<'static, str>)>;

fn headers(target: &Target, upstream: Dialect, extra: Headers) -> SentHeaders {
    let mut headers: SentHeaders = Vec::with_capacity(4);
    headers.push(("content-type".into(), "application/json".into()));
    if upstream == Dialect::AnthropicMessages {
        headers.push(("anthropic-version".into(), anthropic_messages::wire::VERSION.into()));
    }
    for (name, value) in extra.into_iter().chain(target.extra_headers.iter().cloned()) {
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        headers.push((name.into(), value.into()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::in_folder;

    #[test]
    fn an_api_in_a_folder_is_found_from_any_base_url() {
        let own = "https://api.deepseek.com/anthropic";
        for base in ["", "/beta", "/v1", "/anthropic", "/anthropic/v1", "/anthropic/v1/messages"] {
            let url = in_folder(&["https://proxy.test", base].concat(), own, "/v1/messages");
            assert_eq!(url, "https://proxy.test/anthropic/v1/messages", "{base}");
        }
        let url = in_folder("https://proxy.test/anthropic/eu", own, "/v1/messages");
        assert_eq!(url, "https://proxy.test/anthropic/eu/v1/messages");
    }
}
