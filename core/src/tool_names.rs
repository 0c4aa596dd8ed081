//! Tool names that fit a provider's rules.

use sha2::{Digest, Sha256};

/// Shortens `name` to `longest` characters: its beginning, and a hash so that two long names stay apart. The form is
/// LiteLLM's, so that prompts cached through one engine are hit through the other.
pub(crate) fn shorten(name: &str, longest: usize) -> String {
    const HASH: usize = 8;
    if name.chars().count() <= longest {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let beginning: String = name.chars().take(longest - HASH - 1).collect();
    let mut short = beginning + "_";
    for byte in &digest[..HASH / 2] {
        for half in [byte >> 4, byte & 15] {
            short.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_told_apart_by_a_hash() {
        let name = "a".repeat(70);
        let short = shorten(&name, 64);
        assert_eq!(short.len(), 64);
        assert!(short.starts_with(&"a".repeat(55)) && short.as_bytes()[55] == b'_');
        assert_ne!(short, shorten(&"a".repeat(71), 64));
        assert_eq!(shorten("weather", 64), "weather");
    }
}
