//! The same properties over recorded streams, where a corpus is at hand (`INTERLINGUA_CORPUS` names the file).

use std::io::Read;

use flate2::read::GzDecoder;
use interlingua::Dialect;
use proptest::prelude::*;
use serde_json::Value;

use crate::common::Case;
use crate::terminal;

/// Every recorded stream of a built dialect, for every client that can have it.
fn recorded() -> &'static [Case] {
    static CASES: std::sync::OnceLock<Vec<Case>> = std::sync::OnceLock::new();
    CASES.get_or_init(|| {
        let Some(path) = std::env::var_os("INTERLINGUA_CORPUS") else { return Vec::new() };
        let mut text = String::new();
        GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        text.lines().flat_map(|line| cases_of(&serde_json::from_str(line).unwrap())).collect()
    })
}

fn cases_of(exchange: &Value) -> Vec<Case> {
    let text = exchange["response"]["text"]
        .as_str()
        .filter(|_| exchange["stream"] == true && exchange["status"] == 200);
    let Some(text) = text else { return Vec::new() };
    let id = exchange["id"].as_str().unwrap_or_default();
    let clients: &[(Dialect, &str, &str)] = match exchange["api"].as_str() {
        Some("chat.completions") => &[
            (Dialect::OpenAiChat, "openai", "gpt-4o"),
            (Dialect::AnthropicMessages, "hosted_vllm", "qwen3-32b"),
        ],
        Some("messages") => &[
            (Dialect::AnthropicMessages, "anthropic", "claude-sonnet-4-5"),
            (Dialect::OpenAiChat, "anthropic", "claude-sonnet-4-5"),
        ],
        _ => &[],
    };
    let made = |&(client, provider, model): &(Dialect, &str, &str)| {
        Case::made(format!("{id} for {}", client.name()), client, provider, model, text.as_bytes().to_vec())
    };
    clients.iter().map(made).collect()
}

#[test]
fn recorded_streams_end_in_exactly_one_way_wherever_they_are_cut() {
    for case in recorded() {
        let complete = case.whole().expect("translatable");
        terminal::check(case, &complete, case.answer.len());
        let step = (case.answer.len() / 40).max(1);
        for at in (0..case.answer.len()).step_by(step) {
            terminal::check(case, &case.answered([&case.answer[..at]]).expect("translatable"), at);
        }
    }
}

#[test]
fn recorded_streams_are_the_same_byte_by_byte() {
    for case in recorded() {
        assert_eq!(case.answered(case.answer.chunks(1)), case.whole(), "{}", case.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recorded_streams_are_the_same_in_any_split(
        pick in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let list = recorded();
        if list.is_empty() {
            return Ok(());
        }
        let case = &list[pick.index(list.len())];
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(case.answer.len() + 1)).collect();
        at.extend([0, case.answer.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| &case.answer[pair[0]..pair[1]]);
        prop_assert_eq!(case.answered(pieces), case.whole(), "{}", case.name);
    }
}
