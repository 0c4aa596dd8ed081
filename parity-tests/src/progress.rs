//! Progress on stderr: a bar on a terminal, a line now and then in a log.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How often a log gets a line.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// How often a terminal is redrawn.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Counts towards a known total.
pub(crate) struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    started: Instant,
    drawn: Instant,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        let now = Instant::now();
        Self { what, total, done: 0, started: now, drawn: now, terminal: stderr().is_terminal() }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        let interval = if self.terminal { DRAW_INTERVAL } else { LOG_INTERVAL };
        if self.drawn.elapsed() >= interval {
            self.drawn = Instant::now();
            self.draw();
        }
    }

    /// Clears the bar.
    pub(crate) fn finish(self) {
        if self.terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }

    fn draw(&self) {
        let left =
            self.started.elapsed().as_secs() * (self.total - self.done) as u64 / self.done.max(1) as u64;
        let line = format!("{} {}/{}, about {left} s left", self.what, self.done, self.total);
        let _ = if self.terminal {
            let filled = self.done * 30 / self.total.max(1);
            write!(stderr(), "\r[{:<30}] {line}\x1b[K", "#".repeat(filled))
        } else {
            writeln!(stderr(), "{line}")
        };
    }
}
