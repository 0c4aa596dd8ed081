//! Ids that a provider did not give, from the seed that the host did.

/// An id for a chat completion.
pub(crate) fn chat_completion(seed: u128) -> String {
    format!("chatcmpl-{}", uuid(seed))
}

/// An id for a message of `anthropic_messages`.
pub(crate) fn message(seed: u128) -> String {
    format!("msg_{}", uuid(seed))
}

/// An id for a tool call.
pub(crate) fn tool_call(seed: u128, number: u32) -> String {
    format!("call_{:024x}", mixed(seed, number) & ((1 << 96) - 1))
}

fn mixed(seed: u128, number: u32) -> u128 {
    // Any odd multiplier spreads consecutive numbers over all bits.
    seed.wrapping_add(u128::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
}

/// The seed as a version 4 UUID.
fn uuid(seed: u128) -> String {
    let bits = seed & !(0xF << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_4_uuids_and_follow_the_seed() {
        assert_eq!(chat_completion(0), "chatcmpl-00000000-0000-4000-8000-000000000000");
        assert_eq!(message(u128::MAX), "msg_ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_ne!(tool_call(1, 0), tool_call(1, 1));
    }
}
