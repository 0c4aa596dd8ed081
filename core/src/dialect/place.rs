//! Places in a client's conversation, spelled out only where something is reported.

use std::fmt;

/// Where something stands in the client's request.
#[derive(Clone, Copy)]
pub(in crate::dialect) struct Place {
    /// The message; `None` for the system prompt beside the conversation.
    message: Option<usize>,
    block: Option<usize>,
    inner: Option<usize>,
}

impl Place {
    pub(in crate::dialect) fn new(message: Option<usize>) -> Self {
        Self { message, block: None, inner: None }
    }

    /// A block of this message, or of this tool result.
    pub(in crate::dialect) fn block(self, index: usize) -> Self {
        match self.block {
            None => Self { block: Some(index), ..self },
            Some(_) => Self { inner: Some(index), ..self },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            Some(index) => write!(f, "messages[{index}]")?,
            None => f.write_str("system")?,
        }
        [self.block, self.inner].iter().flatten().try_for_each(|index| write!(f, ".content[{index}]"))
    }
}
