//! How many exchanges ended in one way, and how long they took.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A histogram of durations.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct Tally {
    /// The upper bounds in seconds.
    bounds: Vec<f64>,
    /// How many took up to each bound, and how many longer.
    counts: Vec<AtomicU64>,
    /// All their seconds, as the bits of a float.
    seconds: AtomicU64,
}

#[pymethods]
impl Tally {
    #[new]
    #[pyo3(signature = (bounds, /))]
    fn new(bounds: Vec<f64>) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, seconds: AtomicU64::new(0) }
    }

    /// Counts one exchange.
    #[pyo3(name = "count", signature = (seconds, /))]
    fn count_one(&self, seconds: f64) {
        self.count(seconds);
    }

    /// Adds the counts of another one, as `row` tells them.
    #[pyo3(signature = (row, /))]
    fn add(&self, row: Vec<f64>) -> PyResult<()> {
        let [counts @ .., seconds] = row.as_slice() else {
            return Err(PyValueError::new_err("a row is not empty"));
        };
        if counts.len() != self.counts.len() {
            return Err(PyValueError::new_err("the row has other bounds"));
        }
        for (known, more) in self.counts.iter().zip(counts) {
            known.fetch_add(*more as u64, Ordering::Relaxed);
        }
        self.add_seconds(*seconds);
        Ok(())
    }

    /// The counts, and all seconds at the end.
    #[getter]
    fn row(&self) -> Vec<f64> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed) as f64);
        counts.chain([f64::from_bits(self.seconds.load(Ordering::Relaxed))]).collect()
    }
}

impl Tally {
    pub(crate) fn count(&self, seconds: f64) {
        let at = self.bounds.iter().take_while(|bound| **bound < seconds).count();
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.add_seconds(seconds);
    }

    // Only ever called with the interpreter's lock held: what is loaded is still there when it is stored.
    fn add_seconds(&self, seconds: f64) {
        let sum = f64::from_bits(self.seconds.load(Ordering::Relaxed)) + seconds;
        self.seconds.store(sum.to_bits(), Ordering::Relaxed);
    }
}
