//! Asks the oracle: a long-lived worker process per LiteLLM release, with every answer kept on disk.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::case::{Answer, Case, OracleAnswer, OracleRequest};
use crate::value;
use crate::worker::Worker;

/// What decides about the worker's answers; part of every cache key.
const WORKER_SOURCES: [&str; 8] =
    ["canned.py", "media.py", "pins.py", "providers.py", "proxy.py", "sdk.py", "wire.py", "worker.py"];

/// All oracle releases behind one call.
pub(crate) struct Oracle {
    /// The `parity-tests` folder.
    home: PathBuf,
    cache: PathBuf,
    sources: String,
    workers: HashMap<&'static str, Worker>,
    /// How many operations were not in the cache.
    pub(crate) asked: usize,
}

impl Oracle {
    /// An oracle whose worker lives in `home`, and which remembers in `cache`.
    pub(crate) fn new(home: &Path, cache: &Path) -> Result<Self, String> {
        let mut digest = Sha256::new();
        for name in WORKER_SOURCES {
            let file = home.join("recorder").join(name);
            digest.update(fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?);
        }
        Ok(Self {
            home: home.to_owned(),
            cache: cache.to_owned(),
            sources: hex(&digest.finalize()),
            workers: HashMap::new(),
            asked: 0,
        })
    }

    /// Fills in what the oracle does with the case.
    pub(crate) fn fill(&mut self, case: &mut Case) -> Result<(), String> {
        let version = case.question.route.oracle_version();
        let Some(answer) = &case.answer else {
            let told = self.ask(version, case.question.operation("request"))?;
            case.oracle_request = Some(sent(&told));
            return Ok(());
        };
        let mut operation = case.question.operation("answer");
        operation["answer"] = json!({
            "status": answer.status,
            "headers": answer.headers,
            "body": String::from_utf8_lossy(&answer.body),
        });
        let told = self.ask(version, operation)?;
        case.oracle_answer = Some(received(&told));
        Ok(())
    }

    fn ask(&mut self, version: &'static str, mut operation: Value) -> Result<Value, String> {
        let mut digest = Sha256::new();
        digest.update(&self.sources);
        digest.update(operation.to_string());
        let file = self.cache.join(version).join(hex(&digest.finalize()) + ".json");
        if let Some(known) = fs::read(&file).ok().and_then(|bytes| value::parse(&bytes)) {
            return Ok(known);
        }
        self.asked += 1;
        operation["id"] = json!(self.asked);
        let told = match self.worker(version)?.ask(&operation) {
            Ok(told) => told,
            Err(why) => {
                // A worker that hangs or ends costs one case, not the run.
                self.workers.remove(version);
                json!({"fault": why})
            }
        };
        if told.get("fault").is_some() {
            // A busy machine may be the reason: ask again next time.
            return Ok(told);
        }
        let parent = file.parent().unwrap_or(&self.cache);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&file, told.to_string()));
        written.map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(told)
    }

    fn worker(&mut self, version: &'static str) -> Result<&mut Worker, String> {
        if !self.workers.contains_key(version) {
            let (started, ready) = Worker::start(&self.home, version, "recorder.worker")?;
            if ready["litellm"].as_str() != Some(version) {
                return Err(format!(
                    "the environment of oracle {version} holds LiteLLM {}",
                    ready["litellm"]
                ));
            }
            self.workers.insert(version, started);
        }
        self.workers.get_mut(version).ok_or_else(|| "the worker is gone".to_owned())
    }
}

fn sent(told: &Value) -> OracleRequest {
    if let Some(request) = told.get("request").filter(|request| request.is_object()) {
        return OracleRequest::Sent(request.clone());
    }
    if let Some(error) = told.get("error") {
        let status = error["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let message = error["message"].as_str().unwrap_or_default();
        let class = error["class"].as_str().unwrap_or_default();
        return OracleRequest::Refused { status, message: format!("{class}: {message}") };
    }
    OracleRequest::Fault(told["fault"].as_str().unwrap_or("no answer").to_owned())
}

fn received(told: &Value) -> OracleAnswer {
    let Some(response) = told.get("response").filter(|response| response.is_object()) else {
        return OracleAnswer::Fault(told["fault"].as_str().unwrap_or("no answer").to_owned());
    };
    let headers = response["headers"].as_object().into_iter().flatten();
    OracleAnswer::Received(Answer {
        status: response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        headers: headers
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
        body: response["body"].as_str().unwrap_or_default().as_bytes().to_vec(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
