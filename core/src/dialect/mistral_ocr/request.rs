//! The edit list of OCR requests.

use crate::controls;
use crate::edit::{Decision, Patch};
use crate::error::Refusal;
use crate::json::Node;
use crate::target::Target;

/// Collects the edits that `root` needs for `target`.
pub(crate) fn edit(root: Node<'_>, target: &Target, patch: &mut Patch) -> Result<(), Refusal> {
    check_document(root.some("document"))?;
    patch.object(root, &[], |_, key, value| match &*key.unescape() {
        "model" => Decision::string(&target.model),
        "stream" => Decision::Remove,
        _ if value.is_null() => Decision::Remove,
        name if controls::is_host_control(name.as_bytes()) && name != "id" => Decision::Remove,
        _ => Decision::Keep,
    });
    Ok(())
}

fn check_document(document: Option<Node<'_>>) -> Result<(), Refusal> {
    let Some(document) = document.filter(|document| document.is_object()) else {
        return Err(Refusal::invalid("document", "document is required and must be an object"));
    };
    let kind = document.get_text("type");
    let field = match kind.as_ref().map(|kind| kind.unescape()).as_deref() {
        Some("document_url") => "document_url",
        Some("image_url") => "image_url",
        // A file that was uploaded to the provider before.
        Some("file") | None if document.some("file_id").is_some() => return Ok(()),
        _ => {
            return Err(Refusal::invalid(
                "document.type",
                "document.type must be 'document_url', 'image_url' or 'file'",
            ));
        }
    };
    if document.some(field).is_none() {
        return Err(Refusal::invalid(format!("document.{field}"), format!("document.{field} is required")));
    }
    Ok(())
}
