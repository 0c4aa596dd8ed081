//! Arbitrary bytes into every public entry: errors, never panics. `fuzz/` goes on where this bounded harness stops.

use std::sync::Arc;

use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, Limits, Request, Step, Target};
use proptest::prelude::*;

use crate::common::cases;

#[derive(Debug, Clone)]
enum Mutation {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index, prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..6),
        prop::sample::select(vec![
            "null",
            "{}",
            "[]",
            "\"\"",
            "-1",
            "1e999",
            "\"\\ud800\"",
            "[[[[",
            "data:",
            "\n\n",
            "\\u0000",
            "true"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Flip(at, byte)),
        (index(), index()).prop_map(|(from, to)| Mutation::Cut(from, to)),
        (index(), piece).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (index(), index()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
    ]
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation) {
    if bytes.is_empty() {
        return;
    }
    let range = |bytes: &[u8], a: &prop::sample::Index, b: &prop::sample::Index| {
        let (a, b) = (a.index(bytes.len()), b.index(bytes.len()));
        a.min(b)..(a.max(b)).min(a.min(b) + 400)
    };
    match mutation {
        Mutation::Flip(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
        }
        Mutation::Cut(from, to) => drop(bytes.drain(range(bytes, from, to))),
        Mutation::Insert(at, piece) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, piece.iter().copied());
        }
        Mutation::Repeat(from, to) => {
            let range = range(bytes, from, to);
            let copy = bytes[range.clone()].to_vec();
            bytes.splice(range.end..range.end, copy);
        }
    }
}

fn exchange(
    dialect: Dialect,
    target: &Arc<Target>,
    request: &[u8],
    answer: &[u8],
    headers: &[(String, String)],
    status: u16,
) {
    let body = Bytes::copy_from_slice(request);
    let Ok(request) = Request::read(dialect, &ClientHead::default(), body, &Limits::default()) else {
        return;
    };
    let Ok(mut attempt) = request.attempt(target, AttemptOptions::default()) else { return };
    if let Step::Send(http) = attempt.step() {
        let sent = http.body_bytes();
        assert!(
            serde_json::from_slice::<serde::de::IgnoredAny>(&sent).is_ok(),
            "sent: {}",
            String::from_utf8_lossy(&sent)
        );
    }
    let mut out = Vec::new();
    attempt.head(status, headers);
    for piece in answer.chunks(97) {
        attempt.body(piece, &mut out);
    }
    attempt.end(&mut out);
    assert!(matches!(attempt.step(), Step::Done(_)));
    assert!(attempt.failure().status >= 400);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_exchanges_never_panic(
        pick in any::<prop::sample::Index>(),
        request_mutations in prop::collection::vec(mutation(), 0..4),
        answer_mutations in prop::collection::vec(mutation(), 0..4),
    ) {
        let list = cases();
        let case = &list[pick.index(list.len())];
        let Ok(target) = case.target() else { return Ok(()) };
        let (mut request, mut answer) = (case.request.to_vec(), case.answer.to_vec());
        request_mutations.iter().for_each(|mutation| apply(&mut request, mutation));
        answer_mutations.iter().for_each(|mutation| apply(&mut answer, mutation));
        exchange(case.dialect, &target, &request, &answer, &case.headers, case.status);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), stream in any::<bool>()) {
        let target = Arc::new(Target::new("anthropic", "claude-sonnet-4-5", None).unwrap());
        let request: &[u8] = if stream {
            br#"{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"x"}]}"#
        } else {
            br#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}"#
        };
        for dialect in [Dialect::OpenAiChat, Dialect::AnthropicMessages] {
            exchange(dialect, &target, &bytes, b"", &[], 200);
            exchange(dialect, &target, request, &bytes, &[], 200);
            exchange(dialect, &target, request, &bytes, &[], 500);
        }
    }
}
