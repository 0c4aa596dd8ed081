//! The properties that hold for every translation, over every fixture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the rules are for the core; tests read files"
)]
#![allow(missing_docs, unreachable_pub, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod chunking;
mod corpus;
mod fold;
mod identity;
mod no_panic;
mod roundtrip;
mod sse;
mod terminal;
mod usage;
