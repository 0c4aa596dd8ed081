//! The command line.

use std::path::PathBuf;

const USAGE: &str = "usage: parity run    [--corpus FILE] [--fixtures DIR] [--targets FILE] [--filter TEXT] [--show N] [--json FILE]
                     [--evidence NAME]
       parity mutate [--corpus FILE] [--fixtures DIR] [--targets FILE] [--filter TEXT] [--show N]
       parity gate   --write | --check [--fixtures DIR] [--gate FILE]
       parity ledger";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Run,
    Mutate,
    GateWrite,
    GateCheck,
    Ledger,
}

/// The whole command.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) action: Action,
    /// Replay this corpus instead of the fixtures.
    pub(crate) corpus: Option<PathBuf>,
    pub(crate) fixtures: PathBuf,
    pub(crate) targets: PathBuf,
    pub(crate) gate: PathBuf,
    /// Only cases whose name contains this.
    pub(crate) filter: Option<String>,
    /// How many groups of differences to print.
    pub(crate) show: usize,
    pub(crate) json: Option<PathBuf>,
    /// Keep how the corpus came out, under this name, for the gate to show.
    pub(crate) evidence: Option<String>,
    /// The `parity-tests` folder.
    pub(crate) home: PathBuf,
    pub(crate) cache: PathBuf,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = home.join("..");
    let action = match arguments.next().as_deref() {
        Some("run") => Action::Run,
        Some("mutate") => Action::Mutate,
        Some("gate") => Action::GateCheck,
        Some("ledger") => Action::Ledger,
        _ => return Err(USAGE.to_owned()),
    };
    let mut command = Command {
        action,
        corpus: None,
        fixtures: root.join("fixtures"),
        targets: home.join("targets.toml"),
        gate: root.join("bindings-python/python/interlingua/gate.json"),
        filter: None,
        show: 20,
        json: None,
        evidence: None,
        cache: root.join("target/parity/cache"),
        home,
    };
    while let Some(flag) = arguments.next() {
        match flag.as_str() {
            "--write" if action == Action::GateCheck => command.action = Action::GateWrite,
            "--check" if action == Action::GateCheck => {}
            _ => {
                let value = arguments.next().ok_or_else(|| format!("{flag} needs a value\n{USAGE}"))?;
                set(&mut command, &flag, value)?;
            }
        }
    }
    Ok(command)
}

fn set(command: &mut Command, flag: &str, value: String) -> Result<(), String> {
    match flag {
        "--corpus" => command.corpus = Some(value.into()),
        "--fixtures" => command.fixtures = value.into(),
        "--targets" => command.targets = value.into(),
        "--gate" => command.gate = value.into(),
        "--filter" => command.filter = Some(value),
        "--show" => command.show = value.parse().map_err(|_| format!("--show {value}: not a number"))?,
        "--json" => command.json = Some(value.into()),
        "--evidence" => command.evidence = Some(value),
        _ => return Err(format!("unknown option {flag}\n{USAGE}")),
    }
    Ok(())
}
