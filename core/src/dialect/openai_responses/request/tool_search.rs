//! The provider's search among tools that the model is not told of at first.

use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::ir::chat::{Request, Tool};
use crate::json::{Node, Text};
use crate::target::Target;

/// Who searches, as the tools of a chat request say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolSearch {
    Nobody,
    Client,
    Provider,
}

impl ToolSearch {
    pub(super) fn of(tools: &[Tool<'_>]) -> Self {
        let searches = tools.iter().filter_map(|tool| match tool {
            Tool::Native { dialect: Dialect::OpenAiChat, node } if is_kind(*node, "type", "tool_search") => {
                Some(if is_kind(*node, "execution", "client") { Self::Client } else { Self::Provider })
            }
            _ => None,
        });
        searches.fold(Self::Nobody, |found, next| if found == Self::Client { found } else { next })
    }

    /// What the flag of a chat client's tool becomes: it is written where the provider searches.
    pub(super) fn deferred<'a>(self, extra: &[(Text<'_>, Node<'a>)]) -> Option<Node<'a>> {
        flag(extra).filter(|flag| self == Self::Provider && flag.bool().is_some())
    }

    /// Whether nothing is lost where the flag is not written.
    pub(super) fn goes_without_saying(self, key: &Text<'_>, value: Node<'_>) -> bool {
        self == Self::Nobody && key.is("defer_loading") && (value.is_null() || value.bool() == Some(false))
    }
}

/// Refuses tools that a chat client wants to be searched for where nobody searches: the model would never see them.
/// With `drop_params` the flag is lost when the tool is written.
pub(super) fn check(request: &Request<'_>, target: &Target) -> Result<(), Refusal> {
    if request.source != Dialect::OpenAiChat || target.drop_params {
        return Ok(());
    }
    let search = ToolSearch::of(&request.tools);
    for (index, tool) in request.tools.iter().enumerate() {
        let Tool::Function { extra, .. } = tool else { continue };
        let Some(flag) = flag(extra) else { continue };
        let why = match flag.bool() {
            None if search != ToolSearch::Client => "defer_loading must be true or false",
            Some(true) if search == ToolSearch::Nobody => {
                "defer_loading needs a tool of type tool_search in the same request"
            }
            _ => continue,
        };
        let path = format!("tools[{index}].defer_loading");
        return Err(Refusal::unsupported(path, format!("{why}. To drop it, set drop_params")));
    }
    Ok(())
}

/// The flag beside the function counts before the one in it.
fn flag<'a>(extra: &[(Text<'_>, Node<'a>)]) -> Option<Node<'a>> {
    extra.iter().find(|(key, value)| key.is("defer_loading") && !value.is_null()).map(|(_, value)| *value)
}

fn is_kind(node: Node<'_>, key: &str, kind: &str) -> bool {
    node.some(key).is_some_and(|found| found.is_text(kind))
}
