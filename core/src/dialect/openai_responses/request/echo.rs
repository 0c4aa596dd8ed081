//! What an answer repeats of its request.

use bytes::Bytes;

use crate::json::Node;

/// The members of the request that its answer repeats, as JSON: an object without its braces.
pub(crate) fn echo(_root: Node<'_>) -> Bytes {
    Bytes::new()
}
