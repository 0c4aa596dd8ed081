//! IR → `openai_responses` request.

use super::encode_fields::Fields;
use super::encode_input::Input;
use super::{encode_tools, tool_search};
use crate::dialect::openai_responses::wire::sent_model;
use crate::dialect::{Encoded, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::Request;
use crate::json::Writer;
use crate::loss::Report;

/// Writes a request as its host takes it.
pub(crate) fn encode(
    request: Request<'_>,
    context: RequestContext<'_>,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<Encoded, Refusal> {
    encode_tools::check(&request.tools)?;
    tool_search::check(&request, context.target)?;
    let fields = Fields::collect(&request, context, report)?;
    w.begin_object().key("model").str(sent_model(context.target));
    let instructions = Input::new(&request, report).write(&request.messages, w)?;
    fields.write(&request, instructions, w, report);
    encode_tools::write(&request, fields.web_search, context.target, w, report);
    encode_tools::write_choice(&request, w)?;
    w.end_object();
    Ok(Encoded::default())
}
