//! The edit list of OCR answers.

use crate::edit::{Decision, Patch};
use crate::error::{FailureKind, UpstreamError};
use crate::json::Node;

/// Collects the edits of an answer: LiteLLM's clients find `object: "ocr"` in it.
pub(crate) fn edit(root: Node<'_>, patch: &mut Patch) -> Result<(), UpstreamError> {
    if !root.some("pages").is_some_and(Node::is_array) {
        return Err(UpstreamError::new(FailureKind::Malformed, 500, "the provider's answer has no pages"));
    }
    patch.object(root, &[("object", br#""ocr""#.to_vec())], |_, key, _| {
        if key.is("object") { Decision::Remove } else { Decision::Keep }
    });
    Ok(())
}
