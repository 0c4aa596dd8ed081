//! The hub: one block-structured form that every dialect is decoded to and encoded from.

pub mod chat;
