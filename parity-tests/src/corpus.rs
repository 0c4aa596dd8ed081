//! An outside corpus: recorded exchanges, one JSON object a line, gzipped.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use crate::case::{Answer, Case, Question, Route};
use crate::targets::{AnswerEntry, RequestEntry, TargetName, Targets};
use crate::value;

/// The cases of a corpus; the rest of the full product is out of scope.
pub(crate) struct Corpus {
    pub(crate) cases: Vec<Case>,
    /// Exchanges × entries.
    pub(crate) product: usize,
}

/// Reads `file` and multiplies it with `targets`.
pub(crate) fn load(file: &Path, targets: &Targets) -> Result<Corpus, String> {
    let opened = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut corpus = Corpus { cases: Vec::new(), product: 0 };
    for (number, line) in BufReader::new(MultiGzDecoder::new(opened)).split(b'\n').enumerate() {
        let line = line.map_err(|error| format!("{}: {error}", file.display()))?;
        if line.is_empty() {
            continue;
        }
        let exchange =
            value::parse(&line).ok_or_else(|| format!("{}:{}: not JSON", file.display(), number + 1))?;
        corpus.product += targets.per_exchange();
        let Some(dialect) = dialect(&exchange) else { continue };
        let id = exchange["id"].as_str().unwrap_or("?");
        let asked = targets.requests.iter().filter(|entry| entry.route == dialect);
        corpus.cases.extend(asked.filter_map(|entry| request_case(id, &exchange, entry)));
        let answered = targets.answers.iter().filter(|entry| entry.dialect == dialect);
        corpus.cases.extend(answered.filter_map(|entry| answer_case(id, &exchange, entry)));
    }
    Ok(corpus)
}

/// The dialect of an exchange, if it is built.
fn dialect(exchange: &Value) -> Option<Route> {
    match exchange["api"].as_str()? {
        "chat.completions" => Some(Route::OpenAiChat),
        "messages" => Some(Route::AnthropicMessages),
        "responses" => Some(Route::OpenAiResponses),
        "ocr" => Some(Route::MistralOcr),
        _ => None,
    }
}

fn request_case(id: &str, exchange: &Value, entry: &RequestEntry) -> Option<Case> {
    let body = exchange["request"].as_object()?;
    // A body that was not JSON is recorded as its text or bytes.
    if body.len() == 1 && (body.contains_key("text") || body.contains_key("b64")) {
        return None;
    }
    let mut body = body.clone();
    body.shift_remove("model");
    let question = question(entry.route, &entry.target, Value::Object(body), betas(exchange));
    Some(Case {
        name: format!("request/{id}/{}/{}", entry.route.name(), question.group()),
        features: Vec::new(),
        question,
        answer: None,
        answer_dialect: None,
        oracle_request: None,
        oracle_answer: None,
    })
}

fn answer_case(id: &str, exchange: &Value, entry: &AnswerEntry) -> Option<Case> {
    let answer = recorded_answer(exchange)?;
    let mut body = entry.minimal.clone();
    if exchange["stream"] == Value::Bool(true) {
        body["stream"] = json!(true);
        if entry.client == Route::OpenAiChat {
            body["stream_options"] = json!({"include_usage": true});
        }
    }
    let question = question(entry.client, &entry.target, body, Vec::new());
    Some(Case {
        name: format!("answer/{id}/{}/{}", entry.client.name(), question.group()),
        features: Vec::new(),
        question,
        answer: Some(answer),
        answer_dialect: Some(entry.dialect),
        oracle_request: None,
        oracle_answer: None,
    })
}

fn question(route: Route, target: &TargetName, body: Value, headers: Vec<(String, String)>) -> Question {
    Question {
        route,
        provider: target.provider.clone(),
        model: target.model.clone(),
        api_base: None,
        drop_params: false,
        headers,
        body,
        live: None,
    }
}

/// The one request header that changes what a provider is asked.
fn betas(exchange: &Value) -> Vec<(String, String)> {
    let beta = exchange["request_headers"]["anthropic-beta"].as_str();
    beta.map(|beta| ("anthropic-beta".to_owned(), beta.to_owned())).into_iter().collect()
}

fn recorded_answer(exchange: &Value) -> Option<Answer> {
    let response = exchange["response"].as_object()?;
    let body = match response.iter().next()? {
        // Some recordings hold a stream as the list of its chunks; it was an event stream on the wire.
        (_, Value::Array(chunks)) if exchange["stream"] == Value::Bool(true) => event_stream(chunks),
        (kind, json) if kind == "json" => json.to_string().into_bytes(),
        (kind, text) if kind == "text" => text.as_str()?.as_bytes().to_vec(),
        // Binary framings belong to dialects that are not built.
        _ => return None,
    };
    let status = u16::try_from(exchange["status"].as_u64()?).ok()?;
    let headers = exchange["response_headers"].as_object()?;
    let told = headers.iter().filter(|(name, _)| tells(&name.to_ascii_lowercase()));
    let headers =
        told.filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())));
    let mut headers: Vec<_> = headers.collect();
    // A list of chunks was recorded without the frames that its content-type speaks of.
    let listed = exchange["response"]["json"].is_array() && exchange["stream"] == Value::Bool(true);
    if listed {
        headers.retain(|(name, _)| name != "content-type");
    }
    if !headers.iter().any(|(name, _)| name == "content-type") {
        let streamed =
            exchange["stream"] == Value::Bool(true) && response.contains_key("text") && status < 400;
        let framed = listed || streamed || body.starts_with(b"data:") || body.starts_with(b"event:");
        let kind = if framed { "text/event-stream" } else { "application/json" };
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    Some(Answer { status, headers, body })
}

fn event_stream(chunks: &[Value]) -> Vec<u8> {
    let frames = chunks.iter().map(|chunk| match chunk["type"].as_str() {
        Some(event) => format!("event: {event}\ndata: {chunk}\n\n"),
        None => format!("data: {chunk}\n\n"),
    });
    let done = chunks.iter().all(|chunk| chunk.get("type").is_none()).then(|| "data: [DONE]\n\n".to_owned());
    frames.chain(done).collect::<String>().into_bytes()
}

/// Headers that reach the client or change how an answer is read.
fn tells(name: &str) -> bool {
    matches!(name, "content-type" | "retry-after" | "retry-after-ms" | "request-id" | "x-request-id")
        || name.starts_with("x-ratelimit-")
        || name.starts_with("anthropic-ratelimit-")
}
