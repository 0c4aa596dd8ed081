//! `targets.toml`: which cases every exchange of an outside corpus makes.

use std::path::Path;

use serde_json::Value;

use crate::case::Route;
use crate::fixture::read_toml;

/// Where a case goes: a provider and its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetName {
    pub(crate) provider: String,
    pub(crate) model: String,
}

/// The recorded request of every exchange of `route`'s dialect, sent to `target`.
#[derive(Debug, Clone)]
pub(crate) struct RequestEntry {
    pub(crate) route: Route,
    pub(crate) target: TargetName,
}

/// The recorded answer of every exchange of `dialect`, given to a client of `client`'s dialect as the answer of `target`.
#[derive(Debug, Clone)]
pub(crate) struct AnswerEntry {
    pub(crate) dialect: Route,
    pub(crate) client: Route,
    pub(crate) target: TargetName,
    /// The stated request that the answer answers, without `model`.
    pub(crate) minimal: Value,
}

/// The whole file.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    pub(crate) requests: Vec<RequestEntry>,
    pub(crate) answers: Vec<AnswerEntry>,
}

impl Targets {
    pub(crate) fn load(file: &Path) -> Result<Self, String> {
        let table = read_toml(file)?;
        let minimal = |route: Route| -> Result<Value, String> {
            let text = table.get("minimal_request").and_then(|requests| requests.get(route.name())?.as_str());
            serde_json::from_str(text.unwrap_or("{}")).map_err(|error| format!("minimal_request: {error}"))
        };
        let entries =
            |name: &str| table.get(name).and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let requests = entries("request")
            .iter()
            .map(|entry| Ok(RequestEntry { route: route(entry, "route")?, target: target(entry)? }))
            .collect::<Result<_, String>>()?;
        let answers = entries("answer")
            .iter()
            .map(|entry| {
                let client = route(entry, "client")?;
                Ok(AnswerEntry {
                    dialect: route(entry, "dialect")?,
                    client,
                    target: target(entry)?,
                    minimal: minimal(client)?,
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { requests, answers })
    }

    /// Cases per exchange.
    pub(crate) fn per_exchange(&self) -> usize {
        self.requests.len() + self.answers.len()
    }
}

fn route(entry: &toml::Value, key: &str) -> Result<Route, String> {
    let name = entry.get(key).and_then(toml::Value::as_str).unwrap_or_default();
    Route::named(name).ok_or_else(|| format!("{key} = \"{name}\" is no dialect of ours"))
}

fn target(entry: &toml::Value) -> Result<TargetName, String> {
    let name = entry.get("target").and_then(toml::Value::as_str).unwrap_or_default();
    let (provider, model) =
        name.split_once('/').ok_or_else(|| format!("target = \"{name}\" is not provider/model"))?;
    Ok(TargetName { provider: provider.to_owned(), model: model.to_owned() })
}
