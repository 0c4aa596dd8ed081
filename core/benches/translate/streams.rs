//! Deltas in the middle of a stream, from the provider's bytes to the client's.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use interlingua::{Attempt, Bytes, Dialect, Target};

use crate::{LOCAL, NO_PLACE, attempt, ratio, skip, target};

/// How many deltas come in one piece where several do.
const EIGHT: usize = 8;

/// The texts of deltas, in turns: no two neighbours are alike, as in real streams.
const TEXTS: [&str; 4] = [" deployment", " of", "\\\"quoted\\\" ", " naïve retry"];

/// A delta and how it comes.
struct Row {
    size: &'static str,
    /// What is fed before the measuring begins.
    opening: String,
    /// The delta, with `@` where its text is.
    delta: String,
    /// How the delta is fed: in these pieces, each of so many deltas.
    pieces: Pieces,
}

#[derive(Clone, Copy)]
enum Pieces {
    One,
    CutInTwo,
    Eight,
}

struct Pair {
    name: &'static str,
    client: Dialect,
    target: Arc<Target>,
    rows: fn() -> Vec<Row>,
}

fn pairs() -> [Pair; 9] {
    let anthropic = target("anthropic", "claude-sonnet-4-5", NO_PLACE);
    let openai = target("openai", "gpt-4o", NO_PLACE);
    let vllm = target("hosted_vllm", "qwen3-32b", LOCAL);
    let groq = target("groq", "llama-3.3-70b", NO_PLACE);
    let by_responses = target("openai", "responses/gpt-4.1", NO_PLACE);
    let pair =
        |name, client, target: &Arc<Target>, rows| Pair { name, client, target: Arc::clone(target), rows };
    let (to_chat, to_messages) = (Dialect::OpenAiChat, Dialect::AnthropicMessages);
    let to_responses = Dialect::OpenAiResponses;
    [
        pair("delta_anthropic_to_chat", to_chat, &anthropic, from_anthropic),
        pair("delta_openai_to_chat", to_chat, &openai, from_chat),
        pair("delta_vllm_to_messages", to_messages, &vllm, from_chat),
        pair("delta_anthropic_to_messages", to_messages, &anthropic, from_anthropic),
        pair("delta_responses_to_responses", to_responses, &by_responses, from_responses),
        pair("delta_anthropic_to_responses", to_responses, &anthropic, from_anthropic),
        pair("delta_groq_to_responses", to_responses, &groq, from_chat),
        pair("delta_responses_to_chat", to_chat, &by_responses, from_responses),
        pair("delta_responses_to_messages", to_messages, &by_responses, from_responses),
    ]
}

fn rows(text: (String, String), others: Vec<(&'static str, String, String)>) -> Vec<Row> {
    let row = |size, pieces| Row { size, opening: text.0.clone(), delta: text.1.clone(), pieces };
    let mut rows = vec![row("text", Pieces::One), row("cut", Pieces::CutInTwo), row("eight", Pieces::Eight)];
    rows.extend(others.into_iter().map(|(size, opening, delta)| Row {
        size,
        opening,
        delta,
        pieces: Pieces::One,
    }));
    rows
}

fn from_anthropic() -> Vec<Row> {
    let event = |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\",{rest}}}\n\n");
    let start = event(
        "message_start",
        r#""message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":8,"output_tokens":1}}"#,
    );
    let open = |block: &str| {
        start.clone() + &event("content_block_start", &format!(r#""index":0,"content_block":{block}"#))
    };
    let delta = |delta: &str| event("content_block_delta", &format!(r#""index":0,"delta":{delta}"#));
    rows(
        (open(r#"{"type":"text","text":""}"#), delta(r#"{"type":"text_delta","text":"@"}"#)),
        vec![
            (
                "tool",
                open(r#"{"type":"tool_use","id":"toolu_1","name":"search","input":{}}"#),
                delta(r#"{"type":"input_json_delta","partial_json":"@"}"#),
            ),
            (
                "thinking",
                open(r#"{"type":"thinking","thinking":"","signature":""}"#),
                delta(r#"{"type":"thinking_delta","thinking":"@"}"#),
            ),
        ],
    )
}

fn from_chat() -> Vec<Row> {
    let chunk = |delta: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n"
        )
    };
    // What OpenAI sends with every chunk today.
    let full = |delta: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-CJ5k0Yt8nXm2Vb7QpLr4Zs9HdTf1\",\"object\":\"chat.completion.chunk\",\
             \"created\":1700000000,\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\
             \"system_fingerprint\":\"fp_44added55e\",\"choices\":[{{\"index\":0,\"delta\":{delta},\
             \"logprobs\":null,\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"q3@\"}}\n\n"
        )
    };
    let beginning = r#"{"role":"assistant","content":"The"}"#;
    rows(
        (chunk(beginning), chunk(r#"{"content":"@"}"#)),
        vec![
            ("full", full(beginning), full(r#"{"content":"@"}"#)),
            (
                "tool",
                chunk(
                    r#"{"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"search","arguments":""}}]}"#,
                ),
                chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"@"}}]}"#),
            ),
            (
                "thinking",
                chunk(r#"{"role":"assistant","reasoning_content":"So"}"#),
                chunk(r#"{"reasoning_content":"@"}"#),
            ),
        ],
    )
}

fn from_responses() -> Vec<Row> {
    let event = |name: &str, rest: &str| {
        format!(
            "event: response.{name}\ndata: {{\"type\":\"response.{name}\",\"sequence_number\":4,{rest}}}\n\n"
        )
    };
    let start = event(
        "created",
        r#""response":{"id":"resp_1","object":"response","created_at":1700000000,"status":"in_progress","model":"m","output":[],"parallel_tool_calls":true,"tool_choice":"auto","tools":[]}"#,
    );
    let open = |item: &str| {
        start.clone() + &event("output_item.added", &format!(r#""output_index":0,"item":{item}"#))
    };
    let delta = |kind: &str, more: &str| {
        event(&format!("{kind}.delta"), &format!(r#""item_id":"msg_1","output_index":0,{more}"delta":"@""#))
    };
    let part = event(
        "content_part.added",
        r#""item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}"#,
    );
    let message =
        open(r#"{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}"#);
    let summary = event(
        "reasoning_summary_part.added",
        r#""item_id":"msg_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}"#,
    );
    rows(
        (message + &part, delta("output_text", r#""content_index":0,"logprobs":[],"#)),
        vec![
            (
                "tool",
                open(
                    r#"{"id":"msg_1","type":"function_call","call_id":"call_1","name":"search","arguments":"","status":"in_progress"}"#,
                ),
                delta("function_call_arguments", ""),
            ),
            (
                "thinking",
                open(r#"{"id":"msg_1","type":"reasoning","summary":[]}"#) + &summary,
                delta("reasoning_summary_text", r#""summary_index":0,"#),
            ),
        ],
    )
}

impl Row {
    fn with(&self, text: &str) -> String {
        self.delta.replace('@', text)
    }

    fn deltas(&self) -> usize {
        match self.pieces {
            Pieces::Eight => EIGHT,
            Pieces::One | Pieces::CutInTwo => 1,
        }
    }

    /// What is fed in each turn.
    fn turns(&self) -> Vec<Vec<Vec<u8>>> {
        let pieces = |text: &&str| {
            let delta = self.with(text).into_bytes();
            match self.pieces {
                Pieces::One => vec![delta],
                Pieces::CutInTwo => {
                    let (left, right) = delta.split_at(delta.len() * 2 / 3);
                    vec![left.to_vec(), right.to_vec()]
                }
                Pieces::Eight => {
                    vec![
                        TEXTS
                            .iter()
                            .cycle()
                            .take(EIGHT)
                            .flat_map(|text| self.with(text).into_bytes())
                            .collect(),
                    ]
                }
            }
        };
        TEXTS.iter().map(pieces).collect()
    }

    /// The yardstick: each turn's JSON is skipped.
    fn skipping(&self) -> impl FnMut() -> usize {
        let json = |text: &&str| {
            let delta = self.with(text);
            delta[delta.find('{').unwrap()..].trim_end().to_owned()
        };
        let (texts, deltas) = (TEXTS.iter().map(json).collect::<Vec<_>>(), self.deltas());
        let mut turn = 0;
        move || {
            turn += 1;
            (0..deltas).map(|delta| skip(black_box(texts[(turn + delta) % texts.len()].as_bytes()))).sum()
        }
    }
}

impl Pair {
    /// An attempt in the middle of its answer.
    fn streaming(&self, row: &Row) -> Attempt {
        let request: &'static [u8] = match self.client {
            Dialect::AnthropicMessages => {
                br#"{"model":"m","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#
            }
            Dialect::OpenAiResponses => br#"{"model":"m","stream":true,"input":"Hi"}"#,
            _ => br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
        };
        let mut attempt = attempt(self.client, &Bytes::from_static(request), &self.target);
        let mut out = Vec::new();
        attempt.step();
        attempt.head(200, &[("content-type".to_owned(), "text/event-stream".to_owned())]);
        attempt.body(row.opening.as_bytes(), &mut out);
        attempt
    }
}

/// Feeds the next turn with every call.
fn feeding(mut attempt: Attempt, row: &Row) -> impl FnMut() -> usize {
    let (turns, mut turn) = (row.turns(), 0);
    let mut out = Vec::with_capacity(4096);
    move || {
        turn += 1;
        out.clear();
        for piece in &turns[turn % turns.len()] {
            attempt.body(black_box(piece), &mut out);
        }
        assert!(!out.is_empty());
        out.len()
    }
}

pub(crate) fn bench(criterion: &mut Criterion) {
    for pair in pairs() {
        let mut group = criterion.benchmark_group(pair.name);
        for row in (pair.rows)() {
            group.throughput(Throughput::Elements(row.deltas() as u64));
            let mut skip = row.skipping();
            group.bench_function(BenchmarkId::new("skip", row.size), |bencher| bencher.iter(&mut skip));
            let mut feed = feeding(pair.streaming(&row), &row);
            group.bench_function(BenchmarkId::new("translate", row.size), |bencher| bencher.iter(&mut feed));
        }
        group.finish();
    }
}

/// Both sides in turns, by `name/size`.
pub(crate) fn in_turns(found: &mut Vec<(String, ratio::Fastest)>) {
    for pair in pairs() {
        for row in (pair.rows)() {
            let fastest = ratio::fastest(feeding(pair.streaming(&row), &row), row.skipping());
            found.push((format!("{}/{}", pair.name, row.size), fastest));
        }
    }
}
