//! Numbers that no other exchange has.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Of a call id: the process's characters, and those that count.
const START: usize = 24;
const DIGITS: usize = 12;

/// The call ids of this process, in the shape of a UUID.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct CallIds {
    start: [u8; START],
    number: AtomicU64,
}

/// One of them.
pub(crate) struct CallId([u8; START + DIGITS]);

impl CallId {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[pymethods]
impl CallIds {
    /// `start` is the 24 characters that they begin with, `first` where counting begins.
    #[new]
    #[pyo3(signature = (start, first, /))]
    fn new(start: &str, first: u64) -> PyResult<Self> {
        let start = start.is_ascii().then(|| start.as_bytes().try_into().ok()).flatten();
        let start = start.ok_or_else(|| PyValueError::new_err("a call id begins with 24 characters"))?;
        Ok(Self { start, number: AtomicU64::new(first) })
    }

    /// Another one.
    #[pyo3(name = "next")]
    fn next_text(&self) -> String {
        self.next().text().to_owned()
    }
}

impl CallIds {
    pub(crate) fn next(&self) -> CallId {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; START + DIGITS];
        id[..START].copy_from_slice(&self.start);
        for (place, digit) in id[START..].iter_mut().enumerate() {
            let bits = number >> (4 * (DIGITS - 1 - place)) & 15;
            *digit = b"0123456789abcdef"[bits as usize];
        }
        CallId(id)
    }
}

/// Random bits for ids that providers do not give: a generator, as asking Python each time costs more than the rest of
/// what an id takes. They need not be secret, only different.
pub(crate) struct Seeds(pub(crate) u128);

impl Seeds {
    pub(crate) fn next(&mut self) -> u128 {
        // A linear congruential step (the multiplier is L'Ecuyer's), and its high half mixed into the low one.
        self.0 = self
            .0
            .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
            .wrapping_add(0x5851_f42d_4c95_7f2d);
        self.0 ^ self.0 >> 64
    }
}
