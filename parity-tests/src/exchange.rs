//! A live exchange, as a host or a case folder tells it: JSON, with all bodies in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::case::{Answer, Case, Live, OracleAnswer, OracleRequest, Question, Route};
use crate::observe;

/// Reads an exchange; an error names the member that is wrong.
pub(crate) fn read(bytes: &[u8]) -> Result<Case, String> {
    let told: Value = serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))?;
    if !told.is_object() {
        return Err("an exchange is a JSON object".to_owned());
    }
    let name = text(&told, "route")?.ok_or("route is missing")?;
    let route = Route::named(&name).ok_or_else(|| format!("route: {name:?} is not known"))?;
    Ok(Case {
        name: String::new(),
        features: texts(&told, "features")?,
        question: question(&told, route)?,
        answer: answer(&told, "provider_response")?,
        answer_dialect: None,
        oracle_request: oracle_request(&told["provider_request"])?,
        oracle_answer: answer(&told, "client_response")?.map(OracleAnswer::Received),
    })
}

fn question(told: &Value, route: Route) -> Result<Question, String> {
    let request = &told["request"];
    if !request.is_object() {
        return Err("request: not an object".to_owned());
    }
    let provider = text(told, "provider")?.ok_or("provider is missing")?;
    let model = text(told, "model")?.ok_or("model is missing")?;
    let content = body(request, "request")?;
    let mut asked = observe::body(&content);
    if let Some(members) = asked.as_object_mut() {
        members.shift_remove("model");
    }
    let live = Live {
        requested_model: text(told, "requested_model")?.unwrap_or_else(|| format!("{provider}/{model}")),
        query: text(request, "query")?.unwrap_or_default(),
        body: compact(content),
        has_credential: flag(told, "has_credential")?.unwrap_or(true),
        defaults: object(told, "defaults")?,
        capabilities: object(told, "capabilities")?,
        extra_headers: headers(&told["extra_headers"], "extra_headers")?,
    };
    Ok(Question {
        route,
        provider,
        model,
        api_base: text(told, "api_base")?,
        drop_params: flag(told, "drop_params")?.unwrap_or(false),
        headers: headers(&request["headers"], "request.headers")?,
        body: asked,
        live: Some(live),
    })
}

/// The client's JSON without its white space: where the core quotes it, it quotes what the ledger's rules compute.
fn compact(body: Vec<u8>) -> Vec<u8> {
    serde_json::from_slice::<Value>(&body).map_or(body, |value| value.to_string().into_bytes())
}

fn oracle_request(told: &Value) -> Result<Option<OracleRequest>, String> {
    if told.is_null() {
        return Ok(None);
    }
    let refused = &told["refused"];
    if refused.is_object() {
        let status = if refused["status"].is_null() {
            None
        } else {
            Some(status(refused, "provider_request.refused")?)
        };
        let message = text(refused, "message")?.unwrap_or_default();
        return Ok(Some(OracleRequest::Refused { status, message }));
    }
    if !told.is_object() {
        return Err("provider_request: neither an object nor null".to_owned());
    }
    let names: serde_json::Map<_, _> = headers(&told["headers"], "provider_request.headers")?
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    Ok(Some(OracleRequest::Sent(json!({
        "method": text(told, "method")?.unwrap_or_else(|| "POST".to_owned()),
        "url": text(told, "url")?.ok_or("provider_request.url is missing")?,
        "headers": names,
        "body": observe::body(&body(told, "provider_request")?),
    }))))
}

fn answer(told: &Value, name: &str) -> Result<Option<Answer>, String> {
    let given = &told[name];
    if given.is_null() {
        return Ok(None);
    }
    if !given.is_object() {
        return Err(format!("{name}: neither an object nor null"));
    }
    Ok(Some(Answer {
        status: status(given, name)?,
        headers: headers(&given["headers"], &format!("{name}.headers"))?,
        body: body(given, name)?,
    }))
}

fn status(told: &Value, name: &str) -> Result<u16, String> {
    let status = told["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    status
        .filter(|status| (100..1000).contains(status))
        .ok_or_else(|| format!("{name}.status: not an HTTP status"))
}

fn body(told: &Value, name: &str) -> Result<Vec<u8>, String> {
    let encoded = told["body_b64"].as_str().ok_or_else(|| format!("{name}.body_b64: not a string"))?;
    STANDARD.decode(encoded).map_err(|error| format!("{name}.body_b64: {error}"))
}

/// Headers as an object or, where a name may stand twice, as a list of pairs.
fn headers(told: &Value, name: &str) -> Result<Vec<(String, String)>, String> {
    let wrong = || format!("{name}: neither an object of strings nor a list of pairs");
    let pair = |key: &str, value: &Value| Some((key.to_owned(), value.as_str()?.to_owned()));
    match told {
        Value::Null => Ok(Vec::new()),
        Value::Object(members) => {
            members.iter().map(|(key, value)| pair(key, value).ok_or_else(wrong)).collect()
        }
        Value::Array(pairs) => pairs
            .iter()
            .map(|item| pair(item[0].as_str()?, &item[1]))
            .map(|found| found.ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    }
}

fn text(told: &Value, name: &str) -> Result<Option<String>, String> {
    match &told[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(format!("{name}: not a string")),
    }
}

fn texts(told: &Value, name: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("{name}: not a list of strings");
    match &told[name] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

fn flag(told: &Value, name: &str) -> Result<Option<bool>, String> {
    match &told[name] {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        _ => Err(format!("{name}: neither true nor false")),
    }
}

fn object(told: &Value, name: &str) -> Result<Vec<u8>, String> {
    match &told[name] {
        Value::Null => Ok(Vec::new()),
        Value::Object(members) if members.is_empty() => Ok(Vec::new()),
        given @ Value::Object(_) => Ok(given.to_string().into_bytes()),
        _ => Err(format!("{name}: not an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> Value {
        let body = STANDARD.encode(br#"{"model":"claude","messages":[{"role":"user","content":"hi"}]}"#);
        json!({
            "route": "openai_chat", "provider": "anthropic", "model": "claude-sonnet-4-5",
            "requested_model": "claude", "request": {"headers": {}, "query": "", "body_b64": body},
        })
    }

    #[test]
    fn the_client_asks_for_its_own_name_of_the_model() {
        let case = read(exchange().to_string().as_bytes()).unwrap();
        assert_eq!(
            (case.question.group(), case.question.model),
            ("claude".to_owned(), "claude-sonnet-4-5".to_owned())
        );
        assert!(case.question.body.get("model").is_none());
    }

    #[test]
    fn what_is_malformed_is_named() {
        for (member, value, says) in [
            ("route", json!("gemini"), "route"),
            ("provider", json!(1), "provider"),
            ("model", Value::Null, "model"),
            ("drop_params", json!("yes"), "drop_params"),
            ("defaults", json!([]), "defaults"),
            ("extra_headers", json!({"x": 1}), "extra_headers"),
            ("request", json!({"body_b64": "%"}), "request.body_b64"),
            ("request", json!([]), "request"),
            ("provider_request", json!("x"), "provider_request"),
            ("provider_request", json!({"body_b64": ""}), "provider_request.url"),
            ("provider_response", json!({"status": 2, "body_b64": ""}), "provider_response.status"),
            ("client_response", json!({"status": 200}), "client_response.body_b64"),
            ("features", json!([1]), "features"),
        ] {
            let mut told = exchange();
            told[member] = value;
            let error = read(told.to_string().as_bytes()).unwrap_err();
            assert!(error.starts_with(says), "{member}: {error}");
        }
        assert!(read(b"{").unwrap_err().starts_with("not JSON"));
        assert!(read(b"[]").is_err());
    }
}
