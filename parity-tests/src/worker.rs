//! A long-lived helper process: a JSON line in, a JSON line out. Each has a Python environment of its own.

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::value;

/// The workers give up on a case by themselves before this.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// LiteLLM's import takes seconds, and longer on a cold disk.
const START_LIMIT: Duration = Duration::from_secs(180);

/// A running helper.
pub(crate) struct Worker {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Worker {
    /// Starts `module` of the recorder in the environment of that name; returns what it says when it is ready.
    pub(crate) fn start(home: &Path, environment_name: &str, module: &str) -> Result<(Self, Value), String> {
        let python = environment(home, environment_name)?;
        let mut process = Command::new(&python)
            .args(["-m", module])
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
        Ok((worker, ready))
    }

    /// One operation of the helper's protocol; `operation` has an `id`.
    pub(crate) fn ask(&mut self, operation: &Value) -> Result<Value, String> {
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
            RecvTimeoutError::Timeout => format!("the worker was silent for {} s", limit.as_secs()),
            RecvTimeoutError::Disconnected => "the worker ended".to_owned(),
        })?;
        value::parse(line.as_bytes()).ok_or_else(|| "the worker wrote something that is not JSON".to_owned())
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

/// The interpreter of an environment; creates the environment if it is not there.
fn environment(home: &Path, name: &str) -> Result<PathBuf, String> {
    let made = Command::new("python3")
        .args(["-m", "recorder.environments", name])
        .current_dir(home)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    let path = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    if made.status.success() && !path.is_empty() {
        Ok(PathBuf::from(path))
    } else {
        Err(format!("the environment {name} could not be made"))
    }
}
