//! Where the oracle fails, the provider's own models decide: our request, and what the client gets, must be theirs.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::case::{Answer, Case, Route};
use crate::engine::{OurRequest, Ours};
use crate::judge::{Class, Verdict};
use crate::worker::Worker;
use crate::{observe, sse};

/// The providers' own SDK types, behind a helper process that is started when first asked.
pub(crate) struct Validator {
    home: PathBuf,
    worker: Option<Worker>,
    asked: usize,
}

impl Validator {
    pub(crate) fn new(home: &Path) -> Self {
        Self { home: home.to_owned(), worker: None, asked: 0 }
    }

    /// Makes an `oracle_failed` case unexplained where the provider's types, or the client's, reject what we do.
    pub(crate) fn check(&mut self, case: &Case, ours: &Ours, verdict: &mut Verdict) -> Result<(), String> {
        let OurRequest::Sent(sent) = &ours.request else { return Ok(()) };
        if verdict.class != Class::OracleFailed {
            return Ok(());
        }
        // An answer case asks a stated request, whose translation other cases hold.
        let problems = match &ours.answer {
            None => self.problems(spoken(sent), "request", &sent["body"])?,
            Some(answer) => self.answer(case.question.route, answer)?,
        };
        if let Some(first) = problems.first() {
            verdict.class = Class::Unexplained;
            verdict.note = format!("{}; and the models reject ours: {first}", verdict.note);
        }
        Ok(())
    }

    fn answer(&mut self, client: Route, answer: &Answer) -> Result<Vec<String>, String> {
        if answer.status >= 400 {
            return Ok(Vec::new());
        }
        let streamed =
            answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        if !streamed {
            return self.problems(client, "answer", &observe::body(&answer.body));
        }
        let mut problems = Vec::new();
        for frame in sse::frames(&answer.body) {
            let data = &frame["data"];
            if data.is_object() && data.get("error").is_none() {
                problems.extend(self.problems(client, "event", data)?);
            }
        }
        Ok(problems)
    }

    fn problems(&mut self, dialect: Route, side: &str, body: &Value) -> Result<Vec<String>, String> {
        self.asked += 1;
        let operation = json!({"id": self.asked, "dialect": dialect.name(), "side": side, "body": body});
        if self.worker.is_none() {
            self.worker = Some(Worker::start(&self.home, "provider-models", "recorder.validate")?.0);
        }
        let Some(worker) = &mut self.worker else { return Err("the validator is gone".to_owned()) };
        let told = worker.ask(&operation)?;
        let errors = told["errors"].as_array().into_iter().flatten();
        Ok(errors.filter_map(|error| Some(error.as_str()?.to_owned())).collect())
    }
}

/// The dialect of a request that we sent.
fn spoken(sent: &Value) -> Route {
    Route::of_url(sent["url"].as_str().unwrap_or_default()).unwrap_or(Route::OpenAiChat)
}
