//! Names and small readers of `anthropic_messages`.

use std::borrow::Cow;

use crate::ir::chat::Finish;
use crate::json::{Limits, Node, Text, Tokens, Writer};
use crate::usage::Usage;

/// The `anthropic-version` that this dialect is (<https://docs.anthropic.com/en/api/versioning>).
pub(crate) const VERSION: &str = "2023-06-01";

/// The error type that belongs to a status, as LiteLLM tells it.
pub(crate) fn error_type(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

/// The status that an error type stands for, for errors inside a stream.
pub(crate) fn error_status(kind: &str) -> u16 {
    match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}

/// `stop_reason` → [`Finish`].
pub(crate) fn finish(reason: Option<Text<'_>>) -> Finish<'_> {
    let Some(reason) = reason else { return Finish::Unknown };
    match &*reason.name() {
        b"end_turn" => Finish::Stop,
        b"stop_sequence" => Finish::StopSequence,
        b"max_tokens" => Finish::Length,
        b"model_context_window_exceeded" => Finish::ContextWindow,
        b"tool_use" => Finish::ToolUse,
        b"refusal" => Finish::Refusal,
        b"pause_turn" => Finish::Pause,
        _ => Finish::Other(reason),
    }
}

/// [`Finish`] → `stop_reason`.
pub(crate) fn stop_reason(finish: &Finish<'_>) -> &'static str {
    match finish {
        Finish::Length => "max_tokens",
        Finish::ContextWindow => "model_context_window_exceeded",
        Finish::ToolUse => "tool_use",
        Finish::StopSequence => "stop_sequence",
        Finish::ContentFilter | Finish::Refusal => "refusal",
        Finish::Pause => "pause_turn",
        Finish::Stop | Finish::Other(_) | Finish::Unknown => "end_turn",
    }
}

/// `usage` → [`Usage`]. Here `input_tokens` counts neither cache reads nor writes, and a count that is not there is zero.
/// Where the provider sampled several times (`iterations`), the counts outside are those of the last time, so the
/// iterations are summed.
pub(crate) fn usage(node: Node<'_>) -> Usage {
    let mut usage = Usage::default();
    update_usage(&mut usage, node);
    usage.cache_read.get_or_insert(0);
    usage.cache_write.get_or_insert(0);
    usage
}

/// Later counts over earlier ones: a stream's last usage leaves out what its first said.
pub(crate) fn update_usage(known: &mut Usage, node: Node<'_>) {
    let outside = Counts::of(node);
    let (later, says_input, says_output) = match outside.iterations {
        Some(list) => {
            let counts = list.items().map(|node| Counts::of(node).usage);
            (counts.fold(Usage::default(), sum), true, true)
        }
        None => (outside.usage, outside.says_input, outside.says_output),
    };
    let outside = outside.usage;
    let uncached = if says_input { later.uncached_input() } else { known.uncached_input() };
    known.cache_read = later.cache_read.or(outside.cache_read).or(known.cache_read);
    known.cache_write = later.cache_write.or(outside.cache_write).or(known.cache_write);
    known.cache_write_5m = later.cache_write_5m.or(outside.cache_write_5m).or(known.cache_write_5m);
    known.cache_write_1h = later.cache_write_1h.or(outside.cache_write_1h).or(known.cache_write_1h);
    known.reasoning = later.reasoning.or(outside.reasoning).or(known.reasoning);
    known.web_searches = outside.web_searches.or(known.web_searches);
    let cached = known.cache_read.unwrap_or(0).saturating_add(known.cache_write.unwrap_or(0));
    known.input = uncached.saturating_add(cached);
    if says_output {
        known.output = later.output;
    }
    known.reasoning = known.reasoning.map(|reasoning| reasoning.min(known.output));
}

/// What one usage object says.
struct Counts<'a> {
    usage: Usage,
    says_input: bool,
    says_output: bool,
    iterations: Option<Node<'a>>,
}

impl<'a> Counts<'a> {
    fn of(node: Node<'a>) -> Self {
        let [input, output, read, write, written, details, used, iterations] = node.fields([
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "cache_creation",
            "output_tokens_details",
            "server_tool_use",
            "iterations",
        ]);
        let count = |node: Option<Node<'_>>| node.and_then(Node::u64);
        let (input, output) = (count(input), count(output));
        let (cache_read, cache_write) = (count(read), count(write));
        let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
        let [five_minutes, one_hour] = written.map_or([None; 2], |written| {
            written.fields(["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"])
        });
        let usage = Usage {
            input: input.unwrap_or(0).saturating_add(cached),
            output: output.unwrap_or(0),
            total: None,
            cache_read,
            cache_write,
            cache_write_5m: count(five_minutes),
            cache_write_1h: count(one_hour),
            reasoning: details.and_then(|details| details.get("thinking_tokens")?.u64()),
            web_searches: used.and_then(|used| used.get("web_search_requests")?.u64()),
        };
        let iterations = iterations.filter(|list| list.is_array() && !list.is_empty());
        Self { usage, says_input: input.is_some(), says_output: output.is_some(), iterations }
    }
}

fn sum(left: Usage, right: Usage) -> Usage {
    let add = |left: Option<u64>, right: Option<u64>| match (left, right) {
        (None, None) => None,
        (left, right) => Some(left.unwrap_or(0).saturating_add(right.unwrap_or(0))),
    };
    Usage {
        input: left.input.saturating_add(right.input),
        output: left.output.saturating_add(right.output),
        total: None,
        cache_read: add(left.cache_read, right.cache_read),
        cache_write: add(left.cache_write, right.cache_write),
        cache_write_5m: add(left.cache_write_5m, right.cache_write_5m),
        cache_write_1h: add(left.cache_write_1h, right.cache_write_1h),
        reasoning: add(left.reasoning, right.reasoning),
        web_searches: add(left.web_searches, right.web_searches),
    }
}

/// Writes a `usage` object. Counts of zero are left out where the dialect allows it, as LiteLLM does.
pub(crate) fn write_usage(usage: &Usage, w: &mut Writer<'_>) {
    w.begin_object();
    w.key("input_tokens").number(usage.uncached_input());
    w.key("output_tokens").number(usage.output);
    if let Some(written) = usage.cache_write.filter(|&tokens| tokens > 0) {
        w.key("cache_creation_input_tokens").number(written);
    }
    if let Some(read) = usage.cache_read.filter(|&tokens| tokens > 0) {
        w.key("cache_read_input_tokens").number(read);
    }
    if let Some(searches) = usage.web_searches.filter(|&searches| searches > 0) {
        w.key("server_tool_use").begin_object().key("web_search_requests").number(searches).end_object();
    }
    w.end_object();
}

/// A tool call's id in the characters that the dialect allows (`^[a-zA-Z0-9_-]+$`).
pub(crate) fn tool_id<'t>(id: &'t Text<'t>) -> Text<'t> {
    let name = id.name();
    if !name.is_empty() && name.iter().all(|&byte| is_id_byte(byte)) {
        return id.clone();
    }
    let whole = id.unescape();
    // Behind this mark LiteLLM's clients carry another provider's signature.
    let id = whole.split("__thought__").next().unwrap_or_default();
    if id.is_empty() {
        return Text::new("tool_use_id");
    }
    Text::new(id.chars().map(id_char).collect::<String>())
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn id_char(character: char) -> char {
    if character.is_ascii() && is_id_byte(character as u8) { character } else { '_' }
}

/// Tool arguments that stood in a string.
#[derive(Debug)]
pub(crate) struct Arguments<'t> {
    /// The JSON value in it.
    pub(crate) json: Cow<'t, str>,
    /// The model had stopped before the last brackets.
    pub(crate) mended: bool,
}

/// Tool arguments in a string → the JSON value in it. Models leave them empty, or stop before the last brackets; those
/// are added, as LiteLLM does. `None` where that does not help.
pub(crate) fn arguments<'t>(text: &'t Text<'_>) -> Option<Arguments<'t>> {
    let json = text.unescape();
    if json.trim().is_empty() {
        return Some(Arguments { json: Cow::Borrowed("{}"), mended: false });
    }
    if is_json(&json) {
        return Some(Arguments { json, mended: false });
    }
    let closed = close_brackets(&json)?;
    is_json(&closed).then_some(Arguments { json: Cow::Owned(closed), mended: true })
}

fn is_json(text: &str) -> bool {
    Tokens::default().parse(text.as_bytes(), &Limits::lenient()).is_ok()
}

fn close_brackets(json: &str) -> Option<String> {
    let mut open = Vec::new();
    let mut in_string = false;
    let mut escaped = false;
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' => open.push('}'),
            b'[' => open.push(']'),
            b'}' | b']' => {
                open.pop_if(|expected| *expected == char::from(byte));
            }
            _ => {}
        }
    }
    if open.is_empty() {
        return None;
    }
    let mut closed = json.trim_end().trim_end_matches(',').to_owned();
    closed.extend(open.into_iter().rev());
    Some(closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_to_the_allowed_characters() {
        assert!(tool_id(&Text::new("toolu_01-A")).is("toolu_01-A"));
        assert!(tool_id(&Text::new("functions.Bash:0")).is("functions_Bash_0"));
        assert!(tool_id(&Text::new("call_1__thought__abc=")).is("call_1"));
        assert!(tool_id(&Text::new("")).is("tool_use_id"));
    }

    #[test]
    fn arguments_are_json_or_mended() {
        let of = |text: &'static str| arguments(&Text::new(text)).map(|found| found.json.into_owned());
        assert_eq!(of("  ").as_deref(), Some("{}"));
        assert_eq!(of("{\"a\": 1}").as_deref(), Some("{\"a\": 1}"));
        assert_eq!(of("{\"a\":[1,").as_deref(), Some("{\"a\":[1]}"));
        assert_eq!(of("{\"a\":"), None);
        assert_eq!(of("hello"), None);
    }

    #[test]
    fn usage_includes_what_the_cache_read_and_wrote() {
        let json = br#"{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":3,
            "cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":0}}"#;
        let mut tokens = Tokens::default();
        let usage = usage(tokens.parse(json, &Limits::default()).expect("valid JSON"));
        assert_eq!((usage.input, usage.output, usage.uncached_input()), (17, 3, 10));
        assert_eq!((usage.cache_write_5m, usage.cache_write_1h), (Some(2), Some(0)));
    }
}
