//! Carries a command out.

use std::fs;
use std::io::{Write, stderr, stdout};

use crate::case::Case;
use crate::mutate::{self, Tally};
use crate::options::{Action, Command};
use crate::oracle::Oracle;
use crate::progress::Progress;
use crate::report::Report;
use crate::targets::Targets;
use crate::validate::Validator;
use crate::{corpus, engine, evidence, fixture, gate, judge, ledger};

/// Carries `command` out; `false` means that it found something wrong.
pub(crate) fn run(command: &Command) -> Result<bool, String> {
    match command.action {
        Action::Run => replay(command),
        Action::Mutate => mutants(command),
        Action::GateWrite | Action::GateCheck => gate_file(command),
        Action::Ledger => print(&[&ledger::markdown()]).map(|()| true),
    }
}

/// The cases of a command, and how many more are out of scope.
pub(crate) fn cases(command: &Command) -> Result<(Vec<Case>, usize), String> {
    let wanted = |case: &Case| command.filter.as_ref().is_none_or(|text| case.name.contains(text.as_str()));
    let Some(file) = &command.corpus else {
        let mut cases = fixtures(command)?;
        cases.retain(wanted);
        return Ok((cases, 0));
    };
    let loaded = corpus::load(file, &Targets::load(&command.targets)?)?;
    let out_of_scope = loaded.product - loaded.cases.len();
    let mut cases = loaded.cases;
    cases.retain(wanted);
    Ok((cases, if command.filter.is_some() { 0 } else { out_of_scope }))
}

fn fixtures(command: &Command) -> Result<Vec<Case>, String> {
    let (cases, unrecorded) = fixture::load_fixtures(&command.fixtures)?;
    for directory in &unrecorded {
        let _ = writeln!(stderr(), "left out, not recorded yet: {}", directory.display());
    }
    Ok(cases)
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
    let mut validator = Validator::new(&command.home);
    for case in &cases {
        let ours = engine::run(case);
        let mut verdict = judge::judge(case, &ours).verdict;
        // The fixtures need nothing but this repository; `recorder/tests` hold them to the models.
        if command.corpus.is_some() {
            validator.check(case, &ours, &mut verdict)?;
        }
        report.add(case, &verdict);
    }
    if let Some(file) = &command.json {
        fs::write(file, report.json().to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let Some(name) = &command.evidence {
        evidence::keep(&command.home, name, &report)?;
    }
    print(&[&report.differences(command.show), &report.table(), &report.closing_line(), "\n"])?;
    Ok(report.unexplained() == 0)
}

fn mutants(command: &Command) -> Result<bool, String> {
    let (mut cases, _) = cases(command)?;
    ask_oracle(command, &mut cases)?;
    let mut tally = Tally::default();
    let mut progress = Progress::new("mutating", cases.len());
    for case in &cases {
        mutate::mutate(case, &engine::run(case), &mut tally);
        progress.step();
    }
    progress.finish();
    for survivor in tally.survivors.iter().take(command.show) {
        print(&["survived: ", survivor, "\n"])?;
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer mutants than 2^52")]
    let percent = tally.caught as f64 * 100.0 / tally.mutants.max(1) as f64;
    let (mutants, caught) = (tally.mutants, tally.caught);
    print(&[&format!("mutation: {mutants} mutants, {caught} caught ({percent:.2} %)\n")])?;
    Ok(mutants > 0 && percent >= mutate::REQUIRED_PERCENT)
}

fn gate_file(command: &Command) -> Result<bool, String> {
    let cases = fixtures(command)?;
    let judged = |case: Case| {
        let class = judge::judge(&case, &engine::run(&case)).verdict.class;
        (case, class)
    };
    let outcomes: Vec<_> = cases.into_iter().map(judged).collect();
    let file = command.gate.display();
    let present = fs::read_to_string(&command.gate).unwrap_or_default();
    let known = serde_json::from_str(&present).unwrap_or_default();
    let wanted = gate::text(&gate::derive(
        &outcomes,
        &command.fixtures,
        &known,
        &evidence::sentences(&command.home)?,
    )?)?;
    if command.action == Action::GateWrite {
        fs::write(&command.gate, wanted).map_err(|error| format!("{file}: {error}"))?;
        return Ok(true);
    }
    if present != wanted {
        print(&["the gate file is not what the fixtures prove: run `parity gate --write`\n"])?;
    }
    Ok(present == wanted)
}

/// Writes to stdout; a closed pipe is an error, not a panic.
pub(crate) fn print(parts: &[&str]) -> Result<(), String> {
    let mut out = stdout().lock();
    parts.iter().try_for_each(|part| out.write_all(part.as_bytes())).map_err(|error| error.to_string())
}
