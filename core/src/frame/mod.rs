//! Framing: bytes in any split → frames.

pub mod sse;
