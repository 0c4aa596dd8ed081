//! Goldens of the `openai_chat` route: byte for byte what is sent and answered, and every loss and rewrite of every fixture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

mod common;

use interlingua::Dialect;

#[test]
fn what_is_lost_and_rewritten() {
    insta::assert_snapshot!(common::reports(Dialect::OpenAiChat));
}

#[test]
fn bytes() {
    for name in [
        "openai_chat/anthropic/thinking_replay_loop",
        "openai_chat/anthropic/tool_calls_parallel_stream",
        "openai_chat/openai/hello_stream",
        "openai_chat/groq/json_schema_tool",
        "openai_chat/openai/responses_agent_loop_stream",
        "openai_chat/openai/responses_custom_tool_loop",
        "openai_chat/openai/responses_web_search_stream",
    ] {
        insta::assert_snapshot!(name.replace('/', "-"), common::exchange(name));
    }
}
