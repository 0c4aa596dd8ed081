//! Goldens of the `mistral_ocr` route: byte for byte what is sent and answered, and every loss and rewrite of every fixture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

mod common;

use interlingua::Dialect;

#[test]
fn what_is_lost_and_rewritten() {
    insta::assert_snapshot!(common::reports(Dialect::MistralOcr));
}

#[test]
fn bytes() {
    for name in ["mistral_ocr/mistral/annotations", "mistral_ocr/mistral/error_422"] {
        insta::assert_snapshot!(name.replace('/', "-"), common::exchange(name));
    }
}
