//! Goldens of the `openai_responses` route: byte for byte what is sent and answered, and every loss and rewrite of every fixture.

mod common;

use interlingua::Dialect;

#[test]
fn what_is_lost_and_rewritten() {
    insta::assert_snapshot!(common::reports(Dialect::OpenAiResponses));
}
