//! `parity`: replays cases through the core and compares with the oracle. See README.md beside this crate.

use std::io::{Write, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    match interlingua_parity::run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            let _ = writeln!(stderr(), "parity: {why}");
            ExitCode::from(2)
        }
    }
}
