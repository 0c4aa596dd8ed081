//! Fixture cases, and running them through the public API.
#![allow(clippy::disallowed_methods, reason = "the rule is for the core, whose fixtures are files")]
#![allow(unreachable_pub, reason = "a module of several test crates")]
#![allow(dead_code, reason = "every test crate uses its own part of this module")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a broken fixture must stop the test"
)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use interlingua::{
    AttemptOptions, Bytes, ClientHead, ClientResponse, Dialect, Headers, HttpRequest, Limits, Outcome,
    Refusal, Request, Step, Target, UpstreamError,
};
use serde::Deserialize;

/// One case of `fixtures/`.
pub struct Case {
    /// `<dialect>/<provider>/<case>`
    pub name: String,
    pub dialect: Dialect,
    pub provider: String,
    pub request: Bytes,
    pub status: u16,
    pub headers: Headers,
    pub answer: Bytes,
    pub stream: bool,
    settings: Settings,
}

#[derive(Deserialize)]
struct Settings {
    model: String,
    #[serde(default)]
    drop_params: bool,
    api_base: Option<String>,
    #[serde(default)]
    request: Part,
    #[serde(default)]
    answer: Part,
}

#[derive(Deserialize, Default)]
struct Part {
    status: Option<u16>,
    #[serde(default)]
    headers: toml::Table,
}

impl Part {
    fn headers(&self) -> Headers {
        self.headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect()
    }
}

/// What came of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub out: Vec<u8>,
    pub head: Option<(u16, Headers)>,
    pub outcome: Option<Outcome>,
    pub failure: Option<ClientResponse>,
}

impl Answered {
    pub fn error(&self) -> Option<&UpstreamError> {
        match &self.outcome {
            Some(Outcome::Failed(error)) => Some(error),
            _ => None,
        }
    }
}

impl Case {
    fn load(root: &Path, dir: &Path) -> Option<Self> {
        let settings: Settings = toml::from_str(&std::fs::read_to_string(dir.join("case.toml")).ok()?)
            .unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let request = std::fs::read(dir.join("client_request.json")).ok()?;
        let name = dir.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
        let mut parts = name.split('/');
        let dialect = Dialect::from_name(parts.next()?).expect("a dialect");
        let provider = parts.next()?.to_owned();
        let stream = dir.join("provider_response.sse").exists();
        let answer = ["sse", "json", "bin", "txt"]
            .iter()
            .find_map(|ending| std::fs::read(dir.join(format!("provider_response.{ending}"))).ok());
        let mut headers = settings.answer.headers();
        if !headers.iter().any(|(name, _)| name == "content-type") {
            let kind = if stream { "text/event-stream" } else { "application/json" };
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        Some(Self {
            dialect,
            provider,
            request: request.into(),
            status: settings.answer.status.unwrap_or(200),
            headers,
            answer: answer.unwrap_or_default().into(),
            stream,
            settings,
            name,
        })
    }

    /// A case that is not a fixture: `answer` to a minimal streamed request.
    pub fn made(name: String, dialect: Dialect, provider: &str, model: &str, answer: Vec<u8>) -> Self {
        let request = format!(
            r#"{{"model":"{provider}/{model}","max_tokens":64,"stream":true,"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        let settings = Settings {
            model: model.to_owned(),
            drop_params: false,
            api_base: None,
            request: Part::default(),
            answer: Part::default(),
        };
        Self {
            name,
            dialect,
            provider: provider.to_owned(),
            request: request.into(),
            status: 200,
            headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
            answer: answer.into(),
            stream: true,
            settings,
        }
    }

    pub fn target(&self) -> Result<Arc<Target>, Refusal> {
        let default = matches!(self.provider.as_str(), "hosted_vllm" | "lm_studio" | "custom_openai");
        let base = self.settings.api_base.as_deref().or(default.then_some("http://upstream.test/v1"));
        let mut target = Target::new(&self.provider, &self.settings.model, base)?;
        target.drop_params = self.settings.drop_params;
        Ok(Arc::new(target))
    }

    pub fn attempt(&self) -> Result<(HttpRequest, interlingua::Attempt), Refusal> {
        let head = ClientHead { query: String::new(), headers: self.settings.request.headers() };
        let request = Request::read(self.dialect, &head, self.request.clone(), &Limits::default())?;
        let options = AttemptOptions { now_unix: 1_700_000_000, id_seed: 7, ..AttemptOptions::default() };
        let mut attempt = request.attempt(&self.target()?, options)?;
        match attempt.step() {
            Step::Send(http) => Ok((http, attempt)),
            step => panic!("{}: first step is {step:?}", self.name),
        }
    }

    /// Feeds the answer in these pieces.
    pub fn answered<'p>(&self, pieces: impl IntoIterator<Item = &'p [u8]>) -> Option<Answered> {
        let (_, mut attempt) = self.attempt().ok()?;
        let mut out = Vec::new();
        attempt.head(self.status, &self.headers);
        for piece in pieces {
            attempt.body(piece, &mut out);
        }
        attempt.end(&mut out);
        let outcome = match attempt.step() {
            Step::Done(outcome) => Some(outcome),
            _ => None,
        };
        let failed = matches!(outcome, Some(Outcome::Failed(_)));
        Some(Answered {
            out,
            head: attempt.client_head().map(|head| (head.status, head.to_headers())),
            outcome,
            failure: failed.then(|| attempt.failure()),
        })
    }

    pub fn whole(&self) -> Option<Answered> {
        self.answered([self.answer.as_ref()])
    }
}

fn directories(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut list: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    list.sort();
    list
}

/// Every case of `fixtures/`.
pub fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
        let dirs = directories(&root).into_iter().flat_map(|d| directories(&d)).flat_map(|d| directories(&d));
        let cases: Vec<Case> = dirs.filter_map(|dir| Case::load(&root, &dir)).collect();
        assert!(cases.len() > 100, "only {} fixture cases found", cases.len());
        cases
    })
}

/// The cases whose answer is a successful stream.
pub fn streams() -> impl Iterator<Item = &'static Case> {
    cases().iter().filter(|case| case.stream && case.status < 300 && case.attempt().is_ok())
}

/// Every loss and rewrite of every case of a route, a line each.
pub fn reports(dialect: Dialect) -> String {
    let mut lines = Vec::new();
    for case in cases().iter().filter(|case| case.dialect == dialect) {
        match case.attempt() {
            Ok((_, mut attempt)) => {
                let mut out = Vec::new();
                attempt.head(case.status, &case.headers);
                attempt.body(&case.answer, &mut out);
                attempt.end(&mut out);
                lines.extend(
                    attempt
                        .losses()
                        .iter()
                        .map(|loss| format!("{}: lost {} ({})", case.name, loss.path, loss.code)),
                );
                let rewrites = attempt.rewrites().iter();
                lines
                    .extend(rewrites.map(|rewrite| {
                        format!("{}: rewrote {} ({})", case.name, rewrite.path, rewrite.code)
                    }));
            }
            Err(refusal) => lines.push(format!("{}: {refusal}", case.name)),
        }
    }
    lines.join("\n")
}

/// What is sent and answered in the case of that name.
pub fn exchange(name: &str) -> String {
    let case = cases().iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
    let (http, _) = case.attempt().unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    let mut text = format!("{} {}\n", http.method, http.url);
    for (header, value) in &http.headers {
        text.push_str(&format!("{header}: {value}\n"));
    }
    text.push_str(&format!("\n{}\n\n", String::from_utf8_lossy(&http.body_bytes())));
    let answered = case.whole().unwrap_or_else(|| panic!("{name} is not answered"));
    match (&answered.head, &answered.failure) {
        (Some((status, _)), _) => {
            text.push_str(&format!("{status}\n\n{}", String::from_utf8_lossy(&answered.out)))
        }
        (None, Some(failure)) => {
            text.push_str(&format!("{}\n\n{}", failure.status, String::from_utf8_lossy(&failure.body)));
        }
        (None, None) => text.push_str("nothing"),
    }
    text
}
