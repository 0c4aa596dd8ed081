//! `parity`: replays cases through the core and compares with the oracle. See README.md beside this crate.

mod case;
mod compare;
mod corpus;
mod engine;
mod events;
mod fold;
mod gate;
mod judge;
mod ledger;
mod mutate;
mod normalise;
mod observe;
mod options;
mod oracle;
mod progress;
mod report;
mod responses;
mod run;
mod sse;
mod targets;
mod validate;
mod value;
mod worker;

use std::io::{Write, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)).and_then(|command| run::run(&command)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            let _ = writeln!(stderr(), "parity: {why}");
            ExitCode::from(2)
        }
    }
}
