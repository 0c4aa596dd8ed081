//! The IR → a request for a provider: policy first, then plain writing.

use super::assistant::{self, Assistant};
use super::betas::Betas;
use super::fields::{self, Fields};
use super::format::{self, Plan};
use super::{content, reasoning, tools};
use crate::dialect::{AnswerHints, Encoded, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::{Block, Request, Role};
use crate::json::{Text, Writer};
use crate::loss::Report;
use crate::policy::{
    self, Turn, cache_marks, defaults, empty_text, operator_note, tool_names, trailing_whitespace,
};
use crate::target::Compat;

/// Writes a request.
pub(crate) fn encode(
    mut request: Request<'_>,
    context: RequestContext<'_>,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<Encoded, Refusal> {
    let mut betas = Betas::of_client(context.headers);
    let mut fields = fields::collect(&request, context, &mut betas, report)?;
    fields.take_search(&mut request.tools, report);
    let format = format::plan(&request, context, report)?;
    let thinking = reasoning::plan(&request, context, report)?;
    thinking.add_betas(&mut betas);

    let mut turns = policy::turns(std::mem::take(&mut request.messages));
    if context.target.drop_params {
        cache_marks::cap(&mut turns, &request, fields.is_cached(), report);
    }
    let calls = turns.iter().any(|turn| defaults::calls_tools(&turn.message.blocks));
    let hints = AnswerHints {
        tool_names: tool_names::make_safe(
            &mut request.tools,
            request.tool_choice.as_mut(),
            &mut turns,
            report,
        ),
        json_tool: matches!(format, Plan::Tool { .. }).then_some(format::JSON_TOOL),
        ..AnswerHints::default()
    };
    let extra_tools = fields.web_search.is_some() || hints.json_tool.is_some();
    if context.target.compat == Compat::LiteLlm && !extra_tools {
        defaults::dummy_tool(&mut request, calls, report);
    }
    let (system, turns) = conversation(turns, context, report)?;
    let uploads = turns.iter().any(|turn| turn.message.blocks.iter().any(content::is_upload));
    if turns.iter().any(|turn| turn.message.blocks.iter().any(content::is_file_by_id)) {
        betas.add("files-api-2025-04-14");
    }
    if uploads {
        betas.add("files-api-2025-04-14");
        betas.add("code-execution-2025-05-22");
    }

    w.begin_object().key("model").str(&context.target.model);
    if !system.is_empty() {
        w.key("system").begin_array();
        for turn in &system {
            write_system_texts(turn, w);
        }
        w.end_array();
    }
    w.key("messages").begin_array();
    write_messages(&turns, w, report)?;
    w.end_array();
    tools::write(&request, &format, &fields, uploads, &mut betas, w, report)?;
    tools::write_choice(&request, &format, context, w, report)?;
    write_settings(&request, &fields, &thinking, &format, context, &mut betas, w, report)?;
    w.end_object();
    Ok(Encoded { headers: betas.into_headers(), hints, whole: false })
}

/// Splits off the system prompt and brings the rest into a form that the API takes.
fn conversation<'a>(
    mut turns: Vec<Turn<'a>>,
    context: RequestContext<'_>,
    report: &mut Report,
) -> Result<(Vec<Turn<'a>>, Vec<Turn<'a>>), Refusal> {
    let mut system = policy::take_leading_system(&mut turns);
    for turn in &mut system {
        let source = turn.source;
        turn.message.blocks.retain(|block| match block {
            Block::Text(text) => !text.text.is_empty(),
            _ => {
                report.lose(format!("messages[{source}].content"), "block_kind");
                false
            }
        });
    }
    system.retain(|turn| !turn.message.blocks.is_empty());
    let mut turns = operator_note::place(turns, context.capabilities().mid_conversation_system, report);
    for turn in turns.iter_mut().filter(|turn| !turn.is_system()) {
        content::strip(turn, context.target.drop_params, report)?;
    }
    assistant::drop_replaced_answers(&mut turns, report);
    if turns.is_empty() {
        return Err(Refusal::invalid(
            "messages",
            "anthropic requires at least one message that is not a system message",
        ));
    }
    empty_text::fill(&mut turns, report);
    trailing_whitespace::trim(&mut turns, report);
    Ok((system, turns))
}

fn write_system_texts(turn: &Turn<'_>, w: &mut Writer<'_>) {
    for block in &turn.message.blocks {
        if let Block::Text(text) = block {
            w.begin_object().key("type").word("text").key("text").text(&text.text);
            let whole = turn.message.cache.filter(|_| turn.message.plain);
            content::write_cache(text.cache.or(whole), w);
            w.end_object();
        }
    }
}

/// Writes the conversation, neighbours of one role as one message.
fn write_messages(turns: &[Turn<'_>], w: &mut Writer<'_>, report: &mut Report) -> Result<(), Refusal> {
    let answered = answered_ids(turns);
    let mut at = 0;
    while at < turns.len() {
        let first = &turns[at];
        let same = |turn: &Turn<'_>| {
            turn.is_system() == first.is_system() && turn.is_user() == first.is_user() && !turn.is_system()
        };
        let count = turns[at..].iter().take_while(|turn| same(turn)).count().max(1);
        let group = &turns[at..at + count];
        if count > 1 {
            report.rewrite(first.path(), "merge_consecutive_roles");
        }
        at += count;
        if first.is_system() {
            w.begin_object().key("role").word("system").key("content").begin_array();
            write_system_texts(first, w);
            w.end_array().end_object();
        } else if first.is_user() {
            write_user(group, w, report);
        } else {
            write_assistant(group, at == turns.len(), &answered, w, report)?;
        }
    }
    Ok(())
}

fn write_assistant(
    group: &[Turn<'_>],
    last: bool,
    answered: &[&Text<'_>],
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let mut writer = Assistant::new(answered, report);
    let is_last = |number: usize| last && number + 1 == group.len();
    if !group.iter().enumerate().any(|(number, turn)| writer.speaks(turn, is_last(number))) {
        return Ok(());
    }
    w.begin_object().key("role").word("assistant").key("content").begin_array();
    for (number, turn) in group.iter().enumerate() {
        writer.write(turn, is_last(number), w)?;
    }
    w.end_array().end_object();
    Ok(())
}

fn answered_ids<'t, 'a>(turns: &'t [Turn<'a>]) -> Vec<&'t Text<'a>> {
    let results = turns.iter().flat_map(|turn| &turn.message.blocks);
    results
        .filter_map(|block| match block {
            Block::ToolResult(result) => Some(&result.tool_use_id),
            _ => None,
        })
        .collect()
}

fn write_user(group: &[Turn<'_>], w: &mut Writer<'_>, report: &mut Report) {
    let silent = group.iter().all(|turn| turn.message.blocks.is_empty());
    // A turn without any content is refused, so the last empty message gets a few words.
    let filled = if silent { group.iter().rposition(|turn| turn.message.role == Role::User) } else { None };
    let marked = |number: usize| {
        let turn = &group[number];
        let later = group[number + 1..].iter().any(|turn| turn.message.role == Role::Tool);
        turn.message.blocks.is_empty() && turn.message.cache.is_some() && !later
    };
    let any_marked = silent && (0..group.len()).any(marked);
    if silent && filled.is_none() && !any_marked {
        return;
    }
    w.begin_object().key("role").word("user").key("content").begin_array();
    for (number, turn) in group.iter().enumerate() {
        if marked(number) || (!any_marked && filled == Some(number)) {
            // The cache breakpoint of an empty message would be lost with it.
            w.begin_object().key("type").word("text").key("text").str(empty_text::PLACEHOLDER);
            content::write_cache(turn.message.cache, w);
            w.end_object();
            report.rewrite(turn.path(), "empty_text_placeholder");
        }
        let whole = turn.message.cache.filter(|_| turn.message.plain);
        for block in &turn.message.blocks {
            match (block, whole) {
                (Block::Text(text), Some(cache)) if text.cache.is_none() => {
                    w.begin_object().key("type").word("text").key("text").text(&text.text);
                    content::write_cache(Some(cache), w);
                    w.end_object();
                }
                _ => content::write(block, w),
            }
        }
    }
    w.end_array().end_object();
}

#[expect(clippy::too_many_arguments, reason = "they are the request's parts, each used once")]
fn write_settings(
    request: &Request<'_>,
    fields: &Fields<'_>,
    thinking: &reasoning::Plan<'_>,
    format: &Plan<'_>,
    context: RequestContext<'_>,
    betas: &mut Betas,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    write_max_tokens(request, thinking, context, w, report)?;
    thinking.write_thinking(w);
    reasoning::write_output_config(thinking, fields.output_config, context, w, report)?;
    if let Plan::Native(schema) = format {
        betas.add(fields::STRUCTURED_OUTPUTS);
        w.key("output_format")
            .begin_object()
            .key("type")
            .word("json_schema")
            .key("schema")
            .raw(schema)
            .end_object();
    }
    if !request.stop.is_empty() {
        write_stop(request, context, w, report);
    }
    fields.write_user(request, w, report);
    fields.write(w);
    if request.stream {
        w.key("stream").bool(true);
    }
    Ok(())
}

fn write_max_tokens(
    request: &Request<'_>,
    thinking: &reasoning::Plan<'_>,
    context: RequestContext<'_>,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    w.key("max_tokens");
    let Some(given) = &request.max_tokens else {
        w.number(defaults::max_tokens(context.capabilities(), thinking.budget(), report));
        return Ok(());
    };
    if given.parse::<i64>().is_ok() {
        w.raw(given.as_bytes());
        return Ok(());
    }
    let float: f64 =
        given.parse().map_err(|_| Refusal::invalid("max_tokens", "max_tokens must be a number"))?;
    w.number(float.round_ties_even().max(1.0) as u64);
    Ok(())
}

/// Stop sequences of white space are refused by the API.
fn write_stop(request: &Request<'_>, context: RequestContext<'_>, w: &mut Writer<'_>, report: &mut Report) {
    let drops = |text: &Text<'_>| context.target.drop_params && !text.is_empty() && text.is_blank();
    if request.stop.iter().all(drops) {
        report.lose("stop", "blank_stop");
        return;
    }
    w.key("stop_sequences").begin_array();
    for text in &request.stop {
        if drops(text) {
            report.lose("stop", "blank_stop");
        } else {
            w.text(text);
        }
    }
    w.end_array();
}
