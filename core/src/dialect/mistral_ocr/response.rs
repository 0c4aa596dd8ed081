//! The edit list of OCR answers.

use crate::dialect::AnswerContext;
use crate::edit::{Decision, Patch};
use crate::error::{FailureKind, UpstreamError};
use crate::json::Node;

/// Collects the edits of an answer: `model` becomes the requested name, and LiteLLM's clients find `object: "ocr"` in it.
pub(crate) fn edit(root: Node<'_>, context: &AnswerContext, patch: &mut Patch) -> Result<(), UpstreamError> {
    if !root.some("pages").is_some_and(Node::is_array) {
        return Err(UpstreamError::new(FailureKind::Malformed, 500, "the provider's answer has no pages"));
    }
    patch.object(root, &[("object", br#""ocr""#.to_vec())], |_, key, _| match &*key.name() {
        b"object" => Decision::Remove,
        b"model" => Decision::string(&context.requested_model),
        _ => Decision::Keep,
    });
    Ok(())
}
