//! `load`: the load generator and the upstream of the gateway benchmark. One thread and one epoll loop for both, so that
//! together they need less than the server that is measured, which has the other core.
//!
//! ```text
//! load upstream [port=N]        only answers; prints its port first
//! load both [port=N]            the same, and reads a job a line on standard input; prints a line of JSON for each
//! load closed NAME=VALUE…       one job without standard input: each connection sends its next request after the last answer
//! load paced NAME=VALUE…        one job: requests at a fixed rate, whether or not the last are answered
//! ```
//!
//! A job is `closed` or `paced` with `port=` (none: this program's own upstream, which gives the latency without any server
//! between), `path=/v1/chat/completions`, `body=FILE`, `key=sk-…`, `connections=50`, `seconds=3`, for `closed` `ramp=MS` over
//! which connections start, for `paced` `rate=100` requests a second.
//!
//! The upstream answers in the messages dialect where the path has `/messages`, else in chat; with a stream of 100 deltas if the
//! request asks for one. `/paced-10/…` in front of the path sends a delta every 10 ms, `/sized-65536/…` an answer with that
//! much text, and `/short/…` streams of 10 deltas.

mod answers;
mod client;
mod job;
mod parse;
mod turn;
mod upstream;

use std::io::{Write, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(why) = run(&arguments) {
        let _ = writeln!(stderr(), "load: {why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(arguments: &[String]) -> Result<(), String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["upstream", options @ ..] => turn::serve(job::upstream_port(options)?, false),
        ["both", options @ ..] => turn::serve(job::upstream_port(options)?, true),
        ["closed" | "paced", ..] => turn::once(&job::Job::read(&words)?),
        _ => Err("usage: load upstream|both [port=N] | load closed|paced NAME=VALUE…".into()),
    }
}
