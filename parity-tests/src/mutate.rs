//! Proves that the comparer sees: changes one leaf of our output and expects the case to become unexplained.

use serde_json::{Value, json};

use crate::case::{Case, Route};
use crate::engine::Ours;
use crate::judge::{self, Class, Observed};
use crate::ledger::Layer;
use crate::normalise;
use crate::value::{Step, at, pointer, same, walk};

/// Of all mutants, at least this share (in percent) must be caught.
pub(crate) const REQUIRED_PERCENT: f64 = 99.0;
/// Mutants per layer and kind of change.
const PER_KIND: usize = 3;

/// How mutants came out.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) mutants: usize,
    pub(crate) caught: usize,
    /// One line per survivor.
    pub(crate) survivors: Vec<String>,
}

#[derive(Clone, Copy)]
enum Change {
    Delete,
    Alter,
    Swap,
    SwapCalls,
}

/// Mutates a case that came out identical or explained.
pub(crate) fn mutate(case: &Case, ours: &Ours, tally: &mut Tally) {
    let judged = judge::judge(case, ours);
    if judged.verdict.class > Class::Explained {
        return;
    }
    let mut random = Random::seeded(&case.name);
    for observed in &judged.observed {
        let places = Places::of(case, observed);
        for change in [Change::Delete, Change::Alter, Change::Swap, Change::SwapCalls] {
            for _ in 0..PER_KIND {
                let mut mutant = observed.ours.clone();
                let Some(what) = places.apply(change, &mut mutant, &mut random) else { break };
                tally.mutants += 1;
                if judge::compare(case, observed, &mutant).class == Class::Unexplained {
                    tally.caught += 1;
                } else {
                    tally.survivors.push(format!("{}: {what}", case.name));
                }
            }
        }
    }
}

/// Where a layer can be changed.
struct Places {
    leaves: Vec<Vec<Step>>,
    lists: Vec<Vec<Step>>,
    calls: Vec<Vec<Step>>,
    route: Route,
}

impl Places {
    fn of(case: &Case, observed: &Observed) -> Self {
        let route = case.question.route;
        let provider =
            case.answer.as_ref().map(|answer| String::from_utf8_lossy(&answer.body)).unwrap_or_default();
        let mut places = Self { leaves: Vec::new(), lists: Vec::new(), calls: Vec::new(), route };
        walk(&observed.ours, &mut |path, node| match node {
            Value::Object(members) if !members.is_empty() => {}
            Value::Array(items) if !items.is_empty() => {
                let differ = items.iter().any(|item| !same(item, &items[0]));
                // Frames are swapped by no server; the order of text within them is what the leaves test.
                if differ && path.last() != Some(&Step::Key("frames".to_owned())) {
                    let calls = matches!(path.last(), Some(Step::Key(key)) if key == "tool_calls" || key == "content" || key == "output");
                    if calls { places.calls.push(path.to_vec()) } else { places.lists.push(path.to_vec()) }
                }
            }
            leaf if !path.is_empty() && !is_ignored(observed.layer, route, path, leaf, &provider) => {
                places.leaves.push(path.to_vec());
            }
            _ => {}
        });
        places
    }

    fn apply(&self, change: Change, mutant: &mut Value, random: &mut Random) -> Option<String> {
        match change {
            Change::Delete => {
                let deletable: Vec<_> =
                    self.leaves.iter().filter(|path| !self.is_optional_chunk_field(path)).collect();
                let path = random.pick(&deletable)?;
                let (last, parents) = path.split_last()?;
                match (at(mutant, parents)?, last) {
                    (Value::Object(members), Step::Key(key)) => drop(members.shift_remove(key)),
                    (Value::Array(items), Step::Index(index)) => drop(items.remove(*index)),
                    _ => return None,
                }
                Some(format!("deleted {}", pointer(path, false)))
            }
            Change::Alter => {
                let path = random.pick(&self.leaves)?;
                let leaf = at(mutant, path)?;
                alter(leaf);
                Some(format!("altered {}", pointer(path, false)))
            }
            Change::Swap => swap(&self.lists, mutant, random),
            Change::SwapCalls => swap(&self.calls, mutant, random),
        }
    }

    /// Fields of a chunk beside the required ones may stand in any of a stream's chunks.
    fn is_optional_chunk_field(&self, path: &[Step]) -> bool {
        self.route == Route::OpenAiChat
            && path.len() == 4
            && path[0] == Step::Key("frames".to_owned())
            && !matches!(&path[3], Step::Key(key) if matches!(key.as_str(), "id" | "object" | "created" | "model" | "choices"))
    }
}

fn swap(lists: &[Vec<Step>], mutant: &mut Value, random: &mut Random) -> Option<String> {
    let path = random.pick(lists)?;
    let items = at(mutant, path)?.as_array_mut()?;
    let other = items.iter().position(|item| !same(item, &items[0]))?;
    items.swap(0, other);
    Some(format!("swapped 0 and {other} of {}", pointer(path, false)))
}

fn alter(leaf: &mut Value) {
    *leaf = match &*leaf {
        Value::Null => json!("was null"),
        Value::Bool(value) => json!(!value),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => json!(whole.wrapping_add(1)),
            None => json!(number.as_f64().unwrap_or_default() + 1.0),
        },
        // In front, so that a string that holds JSON stops doing so.
        Value::String(text) => json!(format!("~{text}")),
        Value::Array(_) => json!(["was empty"]),
        Value::Object(_) => json!({"was": "empty"}),
    };
}

/// Whether normalisation takes this leaf out, so that nobody could notice its change.
fn is_ignored(layer: Layer, route: Route, path: &[Step], leaf: &Value, provider: &str) -> bool {
    if layer == Layer::Request {
        return false;
    }
    let Some(Step::Key(last)) = path.last() else { return false };
    let in_frames = path.first() == Some(&Step::Key("frames".to_owned()));
    if route == Route::OpenAiResponses {
        return is_ignored_in_responses(path, leaf, provider);
    }
    match leaf {
        Value::String(text) if last == "message" && !normalise::says(provider, text) => true,
        Value::String(id) if normalise::is_id(path) => !normalise::stands_in(provider, id),
        Value::Number(_) => route == Route::OpenAiChat && last == "created",
        Value::Null if in_frames && route == Route::OpenAiChat => true,
        Value::Null if in_frames => {
            matches!(last.as_str(), "stop_reason" | "stop_sequence" | "container" | "citations")
        }
        Value::Null => normalise::is_optional(route, path),
        // An empty delta adds nothing, and a role or type said again says nothing.
        Value::String(text) if in_frames && route == Route::OpenAiChat => {
            text.is_empty() || last == "role" || last == "type"
        }
        Value::Object(_) => in_frames && route == Route::OpenAiChat,
        _ => false,
    }
}

fn is_ignored_in_responses(path: &[Step], leaf: &Value, provider: &str) -> bool {
    let normal = match path {
        // frames/n/data/… → stream/events/n/…
        [Step::Key(frames), Step::Index(at), Step::Key(_), rest @ ..] if frames == "frames" => {
            let place = [Step::Key("stream".to_owned()), Step::Key("events".to_owned()), Step::Index(*at)];
            [&place, rest].concat()
        }
        _ => path.to_vec(),
    };
    let last = |name: &str| matches!(path.last(), Some(Step::Key(key)) if key == name);
    match leaf {
        Value::String(text) if normalise::is_error_message(&normal) => !normalise::says(provider, text),
        Value::String(id) if last("id") => !normalise::stands_in(provider, id),
        // An empty delta adds nothing.
        Value::String(text) => last("delta") && text.is_empty(),
        Value::Null => normalise::is_optional(Route::OpenAiResponses, &normal),
        Value::Number(_) => normalise::is_made_up_time(Route::OpenAiResponses, &normal, leaf, provider),
        _ => false,
    }
}

/// A small generator (SplitMix64), seeded by the case's name: every run makes the same mutants.
struct Random(u64);

impl Random {
    fn seeded(name: &str) -> Self {
        // FNV-1a
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn pick<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        let length = u64::try_from(list.len()).ok()?;
        list.get(usize::try_from(self.next().checked_rem(length)?).ok()?)
    }
}
