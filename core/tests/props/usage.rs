//! Usage adds up: cached tokens are input, reasoning is output, totals are sums, as far as the provider's own numbers do.

use serde_json::Value;

use crate::common::cases;
use crate::sse::fold;
use interlingua::Dialect;

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[test]
fn usage_adds_up_for_every_client() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.dialect != Dialect::MistralOcr) {
        let Ok((_, attempt)) = case.attempt() else { continue };
        let upstream = attempt.upstream_dialect();
        if upstream == case.dialect {
            continue;
        }
        let Some(answered) = case.whole().filter(|answered| answered.error().is_none()) else { continue };
        let answer: Value = match case.stream {
            true => fold(case.dialect, &answered.out),
            false => serde_json::from_slice(&answered.out).unwrap(),
        };
        let usage = &answer["usage"];
        if usage.is_null() {
            continue;
        }
        seen += 1;
        if case.dialect == Dialect::OpenAiChat {
            let (input, output) = (count(&usage["prompt_tokens"]), count(&usage["completion_tokens"]));
            assert!(
                count(&usage["prompt_tokens_details"]["cached_tokens"]) <= input,
                "{}: {usage}",
                case.name
            );
            assert!(
                count(&usage["completion_tokens_details"]["reasoning_tokens"]) <= output,
                "{}: {usage}",
                case.name
            );
            assert_eq!(count(&usage["total_tokens"]), input + output, "{}: {usage}", case.name);
        }
        if case.dialect == Dialect::OpenAiResponses {
            let (input, output) = (count(&usage["input_tokens"]), count(&usage["output_tokens"]));
            assert!(
                count(&usage["input_tokens_details"]["cached_tokens"]) <= input,
                "{}: {usage}",
                case.name
            );
            assert!(
                count(&usage["output_tokens_details"]["reasoning_tokens"]) <= output,
                "{}: {usage}",
                case.name
            );
            assert_eq!(count(&usage["total_tokens"]), input + output, "{}: {usage}", case.name);
        }
    }
    assert!(seen > 30, "only {seen} answers with usage");
}

#[test]
fn the_hosts_usage_follows_the_convention() {
    for case in cases() {
        let Ok((_, mut attempt)) = case.attempt() else { continue };
        let mut out = Vec::new();
        attempt.head(case.status, &case.headers);
        attempt.body(&case.answer, &mut out);
        attempt.end(&mut out);
        let Some(usage) = attempt.usage() else { continue };
        let cached = usage.cache_read.unwrap_or(0) + usage.cache_write.unwrap_or(0);
        assert!(cached <= usage.input, "{}: {usage:?}", case.name);
        assert!(usage.reasoning.unwrap_or(0) <= usage.output, "{}: {usage:?}", case.name);
        assert_eq!(usage.uncached_input() + cached, usage.input, "{}", case.name);
    }
}
