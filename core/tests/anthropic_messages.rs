//! Goldens of the `anthropic_messages` route: byte for byte what is sent and answered, and every loss and rewrite of every fixture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

mod common;

use interlingua::Dialect;

#[test]
fn what_is_lost_and_rewritten() {
    insta::assert_snapshot!(common::reports(Dialect::AnthropicMessages));
}

#[test]
fn bytes() {
    for name in [
        "anthropic_messages/hosted_vllm/tool_loop_error_image",
        "anthropic_messages/hosted_vllm/tool_use_interleaved_stream",
        "anthropic_messages/anthropic/thinking_replay_loop",
        "anthropic_messages/openrouter/thinking_replay",
        "anthropic_messages/openai/thinking_replay",
        "anthropic_messages/openai/tool_loop_error_image",
        "anthropic_messages/openai/tool_use_interleaved_stream",
    ] {
        insta::assert_snapshot!(name.replace('/', "-"), common::exchange(name));
    }
}
