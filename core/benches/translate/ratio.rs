//! Ratios that hold on a busy machine as well: both sides in turns, and of each the fastest round.

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 60;
const ROUND: Duration = Duration::from_millis(4);

/// The fastest rounds of a translation and of skipping the same bytes, in ns a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fastest {
    pub(crate) ours: f64,
    pub(crate) skip: f64,
}

/// Runs both in turns.
pub(crate) fn fastest(mut ours: impl FnMut() -> usize, skip: impl FnMut() -> usize) -> Fastest {
    fastest_with(|| (), |()| ours(), skip)
}

/// Runs both in turns; `prepare` makes what one call of ours uses up, and its time does not count.
pub(crate) fn fastest_with<T>(
    mut prepare: impl FnMut() -> T,
    mut ours: impl FnMut(&mut T) -> usize,
    mut skip: impl FnMut() -> usize,
) -> Fastest {
    let mut fastest = Fastest { ours: f64::INFINITY, skip: f64::INFINITY };
    for _ in 0..ROUNDS {
        fastest.ours = fastest.ours.min(round(&mut prepare, &mut ours));
        fastest.skip = fastest.skip.min(round(|| (), |()| skip()));
    }
    fastest
}

#[allow(clippy::disallowed_methods, reason = "a benchmark needs the clock that the core must not have")]
fn round<T>(mut prepare: impl FnMut() -> T, mut work: impl FnMut(&mut T) -> usize) -> f64 {
    let (mut spent, mut count, mut batch) = (Duration::ZERO, 0_u32, 1);
    while spent < ROUND {
        let mut prepared: Vec<T> = (0..batch).map(|_| prepare()).collect();
        let started = Instant::now();
        for one in &mut prepared {
            black_box(work(one));
        }
        spent += started.elapsed();
        count += batch;
        // Beside 16 short calls the clock costs nothing.
        if spent < ROUND / 16 {
            batch = 16;
        }
    }
    spent.as_nanos() as f64 / f64::from(count)
}

/// `name → {ours, skip}` as JSON.
pub(crate) fn json(found: &[(String, Fastest)]) -> String {
    let mut text = String::from("{");
    for (index, (name, one)) in found.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(text, r#"{comma}"{name}":{{"ours":{:.1},"skip":{:.1}}}"#, one.ours, one.skip);
    }
    text + "}\n"
}
