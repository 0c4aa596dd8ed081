//! Compares what the core does with what LiteLLM did, for one exchange at a time.
//!
//! Hosts call [`compare`]. The feature `cli` holds the rest: the `parity` program, which replays fixtures and corpora.

#![cfg_attr(not(feature = "cli"), allow(dead_code, reason = "the program looks closer than a host does"))]

mod case;
mod compare;
mod engine;
mod events;
mod exchange;
mod fold;
mod judge;
mod ledger;
mod normalise;
mod observe;
mod proxy;
mod responses;
mod sse;
mod value;
mod verdict;

#[cfg(feature = "cli")]
mod corpus;
#[cfg(feature = "cli")]
mod evidence;
#[cfg(feature = "cli")]
mod fixture;
#[cfg(feature = "cli")]
mod gate;
#[cfg(feature = "cli")]
mod mutate;
#[cfg(feature = "cli")]
mod options;
#[cfg(feature = "cli")]
mod oracle;
#[cfg(feature = "cli")]
mod progress;
#[cfg(feature = "cli")]
mod report;
#[cfg(feature = "cli")]
mod run;
#[cfg(feature = "cli")]
mod targets;
#[cfg(feature = "cli")]
mod validate;
#[cfg(feature = "cli")]
mod worker;

/// Judges one exchange, a JSON object, and returns the verdict as JSON; docs/parity.md describes both.
///
/// # Errors
/// A sentence on what is wrong with the form of `exchange`.
pub fn compare(exchange: &[u8]) -> Result<Vec<u8>, String> {
    let case = exchange::read(exchange)?;
    Ok(verdict::of(&case).to_string().into_bytes())
}

/// Runs the `parity` program with the arguments after its name; `Ok(false)` means that it found something wrong.
///
/// # Errors
/// Why it could not do what it was asked.
#[cfg(feature = "cli")]
pub fn run(arguments: impl Iterator<Item = String>) -> Result<bool, String> {
    options::parse(arguments).and_then(|command| run::run(&command))
}
