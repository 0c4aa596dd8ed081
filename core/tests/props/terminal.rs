//! Exactly one terminal event; an error or the end of the bytes never looks like success.

use interlingua::{Dialect, FailureKind, Outcome};

use crate::common::{Answered, Case, streams};
use crate::sse::events;

/// How many times the client is told that the answer is complete, and how many times that it failed.
fn terminals(dialect: Dialect, out: &[u8]) -> (usize, usize) {
    let events = events(out);
    let is_error = |data: &str| {
        serde_json::from_str::<serde_json::Value>(data)
            .is_ok_and(|value| value.get("error").is_some_and(|e| !e.is_null()))
    };
    let done = match dialect {
        Dialect::AnthropicMessages => events
            .iter()
            .filter(|(_, data)| {
                data.contains(r#""type":"message_stop""#) || data.contains(r#""type": "message_stop""#)
            })
            .count(),
        Dialect::OpenAiResponses => {
            let of =
                |kinds: &[&str]| events.iter().filter(|(name, _)| kinds.contains(&name.as_str())).count();
            let done = of(&["response.completed", "response.incomplete"]);
            return (done, of(&["response.failed", "error"]));
        }
        _ => events.iter().filter(|(_, data)| data == "[DONE]").count(),
    };
    (done, events.iter().filter(|(_, data)| is_error(data)).count())
}

pub fn check(case: &Case, answered: &Answered, at: usize) {
    let context = || format!("{} cut at {at}: {}", case.name, String::from_utf8_lossy(&answered.out));
    match answered.outcome.as_ref().expect("an ended attempt has an outcome") {
        Outcome::Answered => assert_eq!(terminals(case.dialect, &answered.out), (1, 0), "{}", context()),
        Outcome::Failed(error) if error.committed => {
            assert_eq!(terminals(case.dialect, &answered.out), (0, 1), "{}", context());
            assert!(answered.head.is_some() && !error.retry(), "{}", context());
        }
        Outcome::Failed(_) => {
            assert!(answered.out.is_empty() && answered.head.is_none(), "{}", context());
            assert!(answered.failure.as_ref().is_some_and(|failure| failure.status >= 400), "{}", context());
        }
    }
}

#[test]
fn a_stream_cut_anywhere_ends_in_exactly_one_way() {
    for case in streams() {
        let complete = case.whole().expect("translatable");
        check(case, &complete, case.answer.len());
        for at in 0..case.answer.len() {
            let cut = case.answered([&case.answer[..at]]).expect("translatable");
            check(case, &cut, at);
            if complete.outcome != Some(Outcome::Answered) {
                assert_ne!(cut.outcome, Some(Outcome::Answered), "{} cut at {at} looks complete", case.name);
            }
        }
    }
}

/// Calls that a chat provider interleaves wait for the open block to close, up to a bound.
#[test]
fn a_stream_that_makes_too_much_wait_fails() {
    let call = |index: u32, rest: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":\
             [{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{index},{rest}}}]}},\"finish_reason\":null}}]}}\n\n"
        )
    };
    let begin = |index: u32| {
        call(
            index,
            &format!(r#""id":"call_{index}","type":"function","function":{{"name":"f","arguments":""}}"#),
        )
    };
    let piece = call(1, &format!(r#""function":{{"arguments":"{}"}}"#, "1".repeat(1 << 20)));
    let answer = format!("{}{}{}data: [DONE]\n\n", begin(0), begin(1), piece.repeat(18));
    let case = Case::made(
        "waiting".into(),
        Dialect::AnthropicMessages,
        "groq",
        "llama-3.3-70b-versatile",
        answer.into_bytes(),
    );
    let answered = case.whole().expect("translatable");
    check(&case, &answered, case.answer.len());
    assert_eq!(answered.error().map(|error| error.failure), Some(FailureKind::TooLarge));
}
