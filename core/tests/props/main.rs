//! The properties that hold for every translation, over every fixture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(missing_docs, unreachable_pub, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod chunking;
mod fold;
mod identity;
mod no_panic;
mod roundtrip;
mod sse;
mod terminal;
mod usage;
