//! Carries a command out.

use std::fs;
use std::io::{Write, stdout};

use crate::case::{self, Case};
use crate::options::{Action, Command};
use crate::oracle::Oracle;
use crate::progress::Progress;
use crate::report::Report;
use crate::targets::Targets;
use crate::{corpus, engine, judge};

/// Carries `command` out; `false` means that it found something wrong.
pub(crate) fn run(command: &Command) -> Result<bool, String> {
    match command.action {
        Action::Run => replay(command),
        _ => Err("not there yet".to_owned()),
    }
}

/// The cases of a command, and how many more are out of scope.
pub(crate) fn cases(command: &Command) -> Result<(Vec<Case>, usize), String> {
    let wanted = |case: &Case| command.filter.as_ref().is_none_or(|text| case.name.contains(text.as_str()));
    let Some(file) = &command.corpus else {
        let mut cases = case::load_fixtures(&command.fixtures)?;
        cases.retain(wanted);
        return Ok((cases, 0));
    };
    let loaded = corpus::load(file, &Targets::load(&command.targets)?)?;
    let out_of_scope = loaded.product - loaded.cases.len();
    let mut cases = loaded.cases;
    cases.retain(wanted);
    Ok((cases, if command.filter.is_some() { 0 } else { out_of_scope }))
}

/// Asks the oracle about every case of a corpus.
pub(crate) fn ask_oracle(command: &Command, cases: &mut [Case]) -> Result<(), String> {
    if command.corpus.is_none() {
        return Ok(());
    }
    let mut oracle = Oracle::new(&command.home, &command.cache)?;
    let mut progress = Progress::new("asking the oracle", cases.len());
    for case in cases {
        oracle.fill(case)?;
        progress.step();
    }
    progress.finish();
    Ok(())
}

fn replay(command: &Command) -> Result<bool, String> {
    let (mut cases, out_of_scope) = cases(command)?;
    ask_oracle(command, &mut cases)?;
    let mut report = Report::default();
    report.out_of_scope(out_of_scope);
    for case in &cases {
        let judged = judge::judge(case, &engine::run(case));
        report.add(case, &judged.verdict);
    }
    if let Some(file) = &command.json {
        fs::write(file, report.json().to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    print(&[&report.differences(command.show), &report.table(), &report.closing_line(), "\n"])?;
    Ok(report.unexplained() == 0)
}

/// Writes to stdout; a closed pipe is an error, not a panic.
pub(crate) fn print(parts: &[&str]) -> Result<(), String> {
    let mut out = stdout().lock();
    parts.iter().try_for_each(|part| out.write_all(part.as_bytes())).map_err(|error| error.to_string())
}
