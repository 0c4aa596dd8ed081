//! Goldens of the `openai_responses` route: byte for byte what is sent and answered, and every loss and rewrite of every fixture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

mod common;

use interlingua::Dialect;

#[test]
fn what_is_lost_and_rewritten() {
    insta::assert_snapshot!(common::reports(Dialect::OpenAiResponses));
}

#[test]
fn bytes() {
    for name in [
        "openai_responses/openai/coding_agent_stream",
        "openai_responses/anthropic/thinking_replay",
        "openai_responses/deepseek/tool_loop",
        "openai_responses/deepseek/custom_tool_stream",
    ] {
        insta::assert_snapshot!(name.replace('/', "-"), common::exchange(name));
    }
}
