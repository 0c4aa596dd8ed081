//! Decides about a case: what our side did against what the oracle did.

use serde_json::{Value, json};

use crate::case::{Answer, Case, OracleAnswer, OracleRequest, Route};
use crate::compare::{Difference, differences};
use crate::engine::{OurRequest, Ours, RefusalKind};
use crate::ledger::{self, Context, Layer};
use crate::{fold, normalise, observe, proxy};

/// How a case came out, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Identical,
    Explained,
    OracleFailed,
    Declined,
    Unexplained,
}

/// The outcome of one layer or one case.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) class: Class,
    /// What is left to explain.
    pub(crate) differences: Vec<(Layer, Difference)>,
    /// Rules that changed something, with how many leaves.
    pub(crate) rules: Vec<(&'static str, usize)>,
    /// A word on why the class is what it is.
    pub(crate) note: String,
}

impl Verdict {
    fn of(class: Class, note: impl Into<String>) -> Self {
        Self { class, differences: Vec::new(), rules: Vec::new(), note: note.into() }
    }

    fn join(&mut self, other: Self) {
        if other.class > self.class {
            self.class = other.class;
            self.note = other.note;
        }
        self.differences.extend(other.differences);
        self.rules.extend(other.rules);
    }
}

/// Both sides of one layer, ready to compare; the mutator changes `ours`.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) layer: Layer,
    /// As observed, before normalisation.
    pub(crate) ours: Value,
    oracle: Value,
}

/// A case judged, with what its layers looked like.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) observed: Vec<Observed>,
}

/// Judges a case.
pub(crate) fn judge(case: &Case, ours: &Ours) -> Judged {
    let mut judged = Judged { verdict: Verdict::of(Class::Identical, ""), observed: Vec::new() };
    let mut compared = true;
    if let Some(oracle) = &case.oracle_request {
        let (verdict, observed) = request(case, ours, oracle);
        compared = observed.is_some() && matches!(ours.request, OurRequest::Sent(_));
        judged.verdict.join(verdict);
        judged.observed.extend(observed);
    }
    if let (Some(given), Some(oracle)) = (case.answer.as_ref().filter(|_| compared), &case.oracle_answer) {
        let (verdict, observed) = match (&ours.request, &ours.answer) {
            (OurRequest::Refused { kind, status, message }, _) => {
                (refused(*kind, *status, message, None), None)
            }
            (_, Some(received)) => answer(case, received, given, oracle),
            (_, None) => (Verdict::of(Class::Unexplained, "the core gave no answer"), None),
        };
        judged.verdict.join(verdict);
        judged.observed.extend(observed);
    }
    judged
}

/// What LiteLLM refuses though the provider can be asked, by how it says so: there is no request of its to compare with,
/// and the provider's types decide about ours.
const REFUSED_WITHOUT_NEED: [(&str, &str); 4] = [
    ("Unable to fetch image", "the oracle has no network"),
    (
        "Invalid tool choice, tool_choice={'type': 'allowed_tools'",
        "a choice among some of the tools is sent as those tools",
    ),
    ("Invalid tool choice, tool_choice={'type': 'custom'", "a freeform tool may be chosen like any other"),
    ("'image_url': {'url': ''", "an uploaded image has an id and no URL"),
];

fn refused_without_need(message: &str) -> Option<&'static str> {
    REFUSED_WITHOUT_NEED.iter().find(|(said, _)| message.contains(said)).map(|(_, why)| *why)
}

fn request(case: &Case, ours: &Ours, oracle: &OracleRequest) -> (Verdict, Option<Observed>) {
    match (&ours.request, oracle) {
        (OurRequest::Sent(sent), OracleRequest::Sent(theirs)) => {
            let observed = Observed {
                layer: Layer::Request,
                ours: observe::request(sent),
                oracle: observe::request(theirs),
            };
            (compare(case, &observed, &observed.ours), Some(observed))
        }
        (OurRequest::Sent(_), OracleRequest::Refused { message, .. })
            if refused_without_need(message).is_some() =>
        {
            let why = refused_without_need(message).unwrap_or_default();
            (Verdict::of(Class::OracleFailed, format!("{why}: {message}")), None)
        }
        (OurRequest::Sent(sent), OracleRequest::Refused { status: Some(status @ 400..500), message }) => {
            let observed = Observed {
                layer: Layer::Request,
                ours: observe::request(sent),
                oracle: observe::refusal(Some(*status)),
            };
            let mut verdict = compare(case, &observed, &observed.ours);
            if verdict.class == Class::Unexplained {
                verdict.note = format!("only the oracle refuses: {message}");
            }
            (verdict, Some(observed))
        }
        (OurRequest::Sent(_), OracleRequest::Refused { message, .. } | OracleRequest::Fault(message)) => {
            (Verdict::of(Class::OracleFailed, format!("the oracle failed: {message}")), None)
        }
        (
            OurRequest::Refused { kind: RefusalKind::Invalid, status, message },
            OracleRequest::Sent(theirs),
        ) => {
            let observed = Observed {
                layer: Layer::Request,
                ours: observe::refusal(Some(*status)),
                oracle: observe::request(theirs),
            };
            let mut verdict = compare(case, &observed, &observed.ours);
            if verdict.class == Class::Unexplained {
                verdict.note = format!("only we refuse: {message}");
            }
            (verdict, Some(observed))
        }
        (OurRequest::Refused { kind, status, message }, oracle) => {
            (refused(*kind, *status, message, Some(oracle)), None)
        }
    }
}

/// We refused. `oracle` is `None` where only the answer layer was asked for.
fn refused(kind: RefusalKind, status: u16, message: &str, oracle: Option<&OracleRequest>) -> Verdict {
    match (kind, oracle) {
        (RefusalKind::Decline, Some(OracleRequest::Sent(sent))) if !is_built(sent) => {
            Verdict::of(Class::Declined, message)
        }
        (RefusalKind::Unsupported, Some(OracleRequest::Sent(_))) => Verdict::of(Class::Declined, message),
        (RefusalKind::Decline, Some(OracleRequest::Refused { .. } | OracleRequest::Fault(_))) => {
            Verdict::of(Class::OracleFailed, format!("declined, and the oracle fails: {message}"))
        }
        (_, Some(OracleRequest::Refused { status: Some(theirs @ 400..500), .. })) if *theirs == status => {
            Verdict::of(Class::Identical, "both refuse")
        }
        (_, Some(OracleRequest::Refused { status: None | Some(500..), message: theirs }))
        | (_, Some(OracleRequest::Fault(theirs)))
            if (400..500).contains(&status) =>
        {
            Verdict::of(Class::OracleFailed, format!("the oracle failed: {theirs}"))
        }
        (_, Some(OracleRequest::Refused { status: theirs, .. })) => {
            let note = format!("refused with {status} ({message}), the oracle with {theirs:?}");
            Verdict::of(Class::Unexplained, note)
        }
        (_, _) => Verdict::of(Class::Unexplained, format!("only we refuse ({kind:?} {status}): {message}")),
    }
}

/// Hosts whose own form of the responses API is not built.
const OTHER_RESPONSES: [&str; 3] =
    ["https://api.x.ai/", "https://api.fireworks.ai/", "https://api.perplexity.ai/"];

/// Whether the oracle sent the request in a dialect that is built.
fn is_built(sent: &Value) -> bool {
    let url = sent["url"].as_str().unwrap_or_default();
    let other = OTHER_RESPONSES.iter().any(|host| url.starts_with(host));
    match Route::of_url(url) {
        Some(Route::OpenAiResponses) => !other,
        built => built.is_some(),
    }
}

fn answer(
    case: &Case,
    received: &Answer,
    given: &Answer,
    oracle: &OracleAnswer,
) -> (Verdict, Option<Observed>) {
    let theirs = match oracle {
        OracleAnswer::Received(theirs) => theirs,
        OracleAnswer::Fault(why) => return (Verdict::of(Class::OracleFailed, why.clone()), None),
    };
    let observed =
        Observed { layer: Layer::Answer, ours: observe::answer(received), oracle: observe::answer(theirs) };
    let verdict = compare(case, &observed, &observed.ours);
    if verdict.class == Class::Unexplained
        && given.status < 400
        && failed(&observed.oracle)
        && !failed(&observed.ours)
    {
        let note = format!("the oracle made an error of a valid answer: {}", error_of(&observed.oracle));
        return (Verdict::of(Class::OracleFailed, note), None);
    }
    (verdict, Some(observed))
}

/// Whether an observed answer is, or ends in, an internal error.
fn failed(seen: &Value) -> bool {
    seen["status"].as_u64().is_none_or(|status| status >= 500) || !error_of(seen).is_null()
}

fn error_of(seen: &Value) -> Value {
    let frames = seen["frames"].as_array();
    let in_stream = frames.into_iter().flatten().find_map(|frame| {
        let data = &frame["data"];
        let failed = data["response"].get("error").filter(|error| !error.is_null());
        data.get("error").or(failed).or_else(|| (data["type"] == "error").then_some(data))
    });
    in_stream.or_else(|| seen["body"].get("error")).cloned().unwrap_or_default()
}

/// Both sides of a layer as they are compared: normalised, the oracle's after the ledger's rules.
pub(crate) struct Sides {
    pub(crate) ours: Value,
    pub(crate) theirs: Value,
    rules: Vec<(&'static str, usize)>,
}

/// Normalises one layer, `ours` in place of what was observed, and applies the ledger.
pub(crate) fn sides(case: &Case, observed: &Observed, ours: &Value) -> Sides {
    let provider_text =
        case.answer.as_ref().map(|answer| String::from_utf8_lossy(&answer.body)).unwrap_or_default();
    let normal = |seen: &Value| match observed.layer {
        Layer::Request => normalise::request(seen.clone()),
        Layer::Answer => normalise::answer(case.question.route, seen.clone(), &provider_text),
    };
    let (mut ours, mut oracle) = (normal(ours), normal(&observed.oracle));
    if observed.layer == Layer::Answer && asks_for_json(&case.question.body) {
        (ours, oracle) = (normalise::json_answer(ours), normalise::json_answer(oracle));
    }
    if observed.layer == Layer::Request && normalise::proxy_asks_for_usage(&case.question) {
        normalise::usage_asked_for(&mut ours);
        normalise::usage_asked_for(&mut oracle);
    }
    if observed.layer == Layer::Answer {
        proxy::answer(&case.question, &mut ours, &mut oracle);
    }
    let upstream = ledger::upstream(case);
    let provider = case.answer.as_ref().map(|answer| observe::answer_of_provider(answer, upstream));
    let provider = provider.map(|seen| normalise::answer(upstream, seen, &provider_text));
    let context = Context { case, layer: observed.layer, provider: provider.as_ref() };
    let rules = ledger::apply(&context, &mut oracle);
    Sides { ours, theirs: oracle, rules }
}

/// Compares one layer, `ours` in place of what was observed.
pub(crate) fn compare(case: &Case, observed: &Observed, ours: &Value) -> Verdict {
    let Sides { ours, theirs, rules } = sides(case, observed, ours);
    let left = both(&ours, &theirs);
    let class = match (left.is_empty(), rules.is_empty()) {
        (true, true) => Class::Identical,
        (true, false) => Class::Explained,
        (false, _) => Class::Unexplained,
    };
    let differences = left.into_iter().map(|difference| (observed.layer, difference)).collect();
    Verdict { class, differences, rules, note: String::new() }
}

/// Whether the client asked for an answer that is JSON by a schema.
fn asks_for_json(body: &Value) -> bool {
    body["response_format"]["json_schema"].is_object() || body["text"]["format"]["schema"].is_object()
}

/// The differences between two normalised layers; of streams both as sequences and folded.
fn both(ours: &Value, oracle: &Value) -> Vec<Difference> {
    if ours.get("outcome") != oracle.get("outcome") {
        // Nothing below can be compared.
        let outcome = |seen: &Value| json!({"outcome": seen["outcome"]});
        return differences(&outcome(ours), &outcome(oracle));
    }
    let found = differences(ours, oracle);
    match (ours.get("stream"), oracle.get("stream")) {
        (Some(ours), Some(oracle)) if found.is_empty() => differences(&fold::fold(ours), &fold::fold(oracle)),
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Question;

    fn case(request: Value, answer: Option<Answer>) -> Case {
        Case {
            name: "test".to_owned(),
            features: Vec::new(),
            question: Question {
                route: Route::OpenAiChat,
                provider: "openai".to_owned(),
                model: "gpt-4o".to_owned(),
                api_base: None,
                drop_params: false,
                headers: Vec::new(),
                body: request,
                live: None,
            },
            answer,
            answer_dialect: None,
            oracle_request: None,
            oracle_answer: None,
        }
    }

    fn sent(body: Value) -> Value {
        json!({"method": "POST", "url": "https://api.openai.com/v1/chat/completions", "headers": {}, "body": body})
    }

    fn json_answer(status: u16, body: &Value) -> Answer {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Answer { status, headers, body: body.to_string().into_bytes() }
    }

    fn ours_of(request: OurRequest, answer: Option<Answer>) -> Ours {
        Ours { request, answer, unreadable: None, losses: Vec::new() }
    }

    fn judged(mut case: Case, ours: Value, oracle: Value) -> Verdict {
        case.oracle_request = Some(OracleRequest::Sent(sent(oracle)));
        judge(&case, &ours_of(OurRequest::Sent(sent(ours)), None)).verdict
    }

    #[test]
    fn a_dropped_leaf_of_a_request_is_unexplained() {
        let whole = json!({"messages": [{"role": "user", "content": "hi"}], "seed": 1});
        let ask = || case(whole.clone(), None);
        assert_eq!(judged(ask(), whole.clone(), whole.clone()).class, Class::Identical);
        let cut = json!({"messages": [{"role": "user", "content": "hi"}]});
        let verdict = judged(ask(), cut, whole);
        assert_eq!(verdict.class, Class::Unexplained);
        assert_eq!(verdict.differences[0].1.pattern(), "/body/seed");
    }

    #[test]
    fn a_rule_computes_from_the_recorded_bytes_and_is_reported() {
        let asked = json!({"messages": [], "stream": false});
        let verdict = judged(case(asked.clone(), None), asked.clone(), json!({"messages": []}));
        assert_eq!((verdict.class, verdict.rules), (Class::Explained, vec![("stream_false_kept", 1)]));
        // Where a rule speaks, what LiteLLM does is no longer right.
        let verdict = judged(case(asked, None), json!({"messages": []}), json!({"messages": []}));
        assert_eq!(verdict.class, Class::Unexplained);
    }

    #[test]
    fn an_error_message_must_be_the_providers() {
        let told = json_answer(401, &json!({"error": {"message": "bad key", "type": "auth", "param": null}}));
        let error = |message: &str| json!({"error": {"message": message, "type": "authentication_error", "param": null, "code": "401"}});
        let mut case = case(json!({"messages": []}), Some(told));
        let theirs = json_answer(401, &error("litellm.AuthenticationError: OpenAIException - bad key"));
        case.oracle_answer = Some(OracleAnswer::Received(theirs));
        let receive = |message: &str| {
            let mut answer = json_answer(401, &error(message));
            answer.headers.push(("llm_provider-content-type".to_owned(), "application/json".to_owned()));
            judge(&case, &ours_of(OurRequest::Sent(sent(json!({}))), Some(answer))).verdict.class
        };
        assert_eq!(receive("bad key"), Class::Explained);
        assert_eq!(receive("something went wrong"), Class::Unexplained);
    }

    #[test]
    fn a_decline_counts_only_where_the_dialect_is_not_built() {
        let refused = |kind, url: &str| {
            let mut case = case(json!({"messages": []}), None);
            case.oracle_request = Some(OracleRequest::Sent(json!({"url": url})));
            let request = OurRequest::Refused { kind, status: 400, message: String::new() };
            judge(&case, &ours_of(request, None)).verdict.class
        };
        let (chat, other) = ("https://x/v1/chat/completions", "https://x/v1/interactions");
        assert_eq!(refused(RefusalKind::Decline, other), Class::Declined);
        assert_eq!(refused(RefusalKind::Decline, chat), Class::Unexplained);
        assert_eq!(refused(RefusalKind::Unsupported, chat), Class::Declined);
        assert_eq!(refused(RefusalKind::Invalid, chat), Class::Unexplained);
    }
}
