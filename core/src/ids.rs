//! Ids that a provider did not give, from the seed that the host did.

/// An id for a chat completion.
pub(crate) fn chat_completion(seed: u128) -> String {
    uuid("chatcmpl-", seed)
}

/// An id for a message of `anthropic_messages`.
pub(crate) fn message(seed: u128) -> String {
    uuid("msg_", seed)
}

/// An id for an item of `openai_responses`, the one of this number.
pub(crate) fn item(prefix: &str, seed: u128, number: u32) -> String {
    uuid(prefix, mixed(seed, number))
}

/// An id for a tool call.
pub(crate) fn tool_call(seed: u128, number: u32) -> String {
    format!("call_{:024x}", mixed(seed, number) & ((1 << 96) - 1))
}

fn mixed(seed: u128, number: u32) -> u128 {
    // Any odd multiplier spreads consecutive numbers over all bits.
    seed.wrapping_add(u128::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
}

/// The seed as a version 4 UUID behind `prefix`.
fn uuid(prefix: &str, seed: u128) -> String {
    const LENGTH: usize = 36;
    let bits = seed & !(0xF << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let mut id = String::with_capacity(prefix.len() + LENGTH);
    id.push_str(prefix);
    for (index, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        for half in [byte >> 4, byte & 15] {
            id.push(char::from(b"0123456789abcdef"[usize::from(half)]));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_4_uuids_and_follow_the_seed() {
        assert_eq!(chat_completion(0), "chatcmpl-00000000-0000-4000-8000-000000000000");
        assert_eq!(message(u128::MAX), "msg_ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(
            message(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "msg_01234567-89ab-4def-8123-456789abcdef"
        );
        assert_ne!(tool_call(1, 0), tool_call(1, 1));
    }
}
