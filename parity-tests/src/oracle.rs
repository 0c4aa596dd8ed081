//! Asks the oracle: a long-lived worker process per LiteLLM release, with every answer kept on disk.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::case::{Answer, Case, OracleAnswer, OracleRequest};
use crate::value;

/// The worker gives up on a case by itself before this.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// LiteLLM's import takes seconds, and longer on a cold disk.
const START_LIMIT: Duration = Duration::from_secs(180);
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
            let started = Worker::start(&self.home, version)?;
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

struct Worker {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Worker {
    fn start(home: &Path, version: &str) -> Result<Self, String> {
        let python = environment(home, version)?;
        let mut process = Command::new(&python)
            .args(["-m", "recorder.worker"])
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", python.display()))?;
        let input = process.stdin.take();
        let output = process.stdout.take().ok_or("the worker has no stdout")?;
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        let worker = Self { process, input, lines };
        let ready = worker.receive(START_LIMIT)?;
        if ready["litellm"].as_str() != Some(version) {
            return Err(format!("the environment of oracle {version} holds LiteLLM {}", ready["litellm"]));
        }
        Ok(worker)
    }

    fn ask(&mut self, operation: &Value) -> Result<Value, String> {
        let input = self.input.as_mut().ok_or("the worker has no stdin")?;
        let line = operation.to_string() + "\n";
        input.write_all(line.as_bytes()).and_then(|()| input.flush()).map_err(|error| error.to_string())?;
        let told = self.receive(ANSWER_LIMIT)?;
        if told["id"] == operation["id"] {
            Ok(told)
        } else {
            Err("the worker answered another question".to_owned())
        }
    }

    fn receive(&self, limit: Duration) -> Result<Value, String> {
        let line = self.lines.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("the oracle worker was silent for {} s", limit.as_secs()),
            RecvTimeoutError::Disconnected => "the oracle worker ended".to_owned(),
        })?;
        value::parse(line.as_bytes())
            .ok_or_else(|| "the oracle worker wrote something that is not JSON".to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends when its input does; one that hangs is ended.
        for _ in 0..20 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The interpreter of an oracle's environment; creates the environment if it is not there.
fn environment(home: &Path, version: &str) -> Result<PathBuf, String> {
    let made = Command::new("python3")
        .args(["-m", "recorder.environments", version])
        .current_dir(home)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    let path = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    if made.status.success() && !path.is_empty() {
        Ok(PathBuf::from(path))
    } else {
        Err(format!("the environment of oracle {version} could not be made"))
    }
}
