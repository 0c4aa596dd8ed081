//! Bytes that end a plain run of a JSON string, found many at a time.

use wide::u8x16;

/// How many bytes a [`Block`] covers.
pub(super) const BLOCK: usize = 64;

/// What a scan has to know of 64 bytes, a bit for each: the first byte is the lowest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Quotes, backslashes and control characters.
    pub(super) special: u64,
    /// Parts of characters outside ASCII.
    pub(super) foreign: u64,
}

impl Block {
    /// The block at the start of `text`; what is missing at the end of a text counts as space.
    #[inline]
    pub(super) fn of(text: &[u8]) -> Self {
        if let Some(bytes) = text.first_chunk() {
            return Self::whole(bytes);
        }
        let mut bytes = [b' '; BLOCK];
        bytes[..text.len()].copy_from_slice(text);
        Self::whole(&bytes)
    }

    #[inline]
    fn whole(bytes: &[u8; BLOCK]) -> Self {
        let (mut special, mut foreign) = (0, 0);
        for (index, part) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let part = u8x16::new(*part);
            special |= u64::from(specials(part)) << (16 * index);
            // The mask is of the highest bits, which only bytes outside ASCII have.
            foreign |= u64::from(part.to_bitmask()) << (16 * index);
        }
        Self { special, foreign }
    }
}

#[inline]
fn specials(bytes: u8x16) -> u32 {
    let control = bytes.simd_eq(bytes.min(u8x16::splat(0x1f)));
    (control | bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
}

/// How many bytes at the start of `text` are neither a quote, a backslash nor a control character.
pub(super) fn plain_run(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(bytes) = text[at..].first_chunk() {
        let found = specials(u8x16::new(*bytes));
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += 16;
    }
    let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
    at + text[at..].iter().position(special).unwrap_or(text.len() - at)
}

/// The length of the character outside ASCII that `text` starts with; `None` where that is not UTF-8 (Unicode, table 3-7).
#[inline]
pub(super) fn character(text: &[u8]) -> Option<usize> {
    let follows = |at: usize| text.get(at).is_some_and(|byte| (0x80..=0xBF).contains(byte));
    let second = *text.get(1)?;
    match text[0] {
        0xC2..=0xDF if follows(1) => Some(2),
        0xE0 if (0xA0..=0xBF).contains(&second) && follows(2) => Some(3),
        0xED if (0x80..=0x9F).contains(&second) && follows(2) => Some(3),
        0xE1..=0xEC | 0xEE..=0xEF if follows(1) && follows(2) => Some(3),
        0xF0 if (0x90..=0xBF).contains(&second) && follows(2) && follows(3) => Some(4),
        0xF1..=0xF3 if follows(1) && follows(2) && follows(3) => Some(4),
        0xF4 if (0x80..=0x8F).contains(&second) && follows(2) && follows(3) => Some(4),
        _ => None,
    }
}

/// The four hexadecimal digits at `at`, as a UTF-16 code unit.
pub(super) fn hex4(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 4)?;
    let mut unit = 0u16;
    for &digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return None,
        };
        unit = unit << 4 | u16::from(value);
    }
    Some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_at_the_first_special_byte_wherever_it_is() {
        for special in (0..0x20).chain([b'"', b'\\']) {
            for at in 0..40 {
                let mut text = "é~\x7f !#[]ÿ".repeat(8).into_bytes();
                text[at] = special;
                assert_eq!(plain_run(&text), at, "{special:#x} at {at}");
                text[at + 1] = b'"';
                assert_eq!(plain_run(&text), at, "{special:#x} at {at}, followed by a quote");
            }
        }
        let plain = "é~\x7f !#[]ÿ".repeat(8);
        assert_eq!(plain_run(plain.as_bytes()), plain.len());
    }

    #[test]
    fn blocks_tell_every_byte_apart() {
        for byte in 0..=255_u8 {
            for (at, length) in [(0, 64), (17, 64), (63, 64), (5, 6), (0, 1)] {
                let mut text = vec![b'a'; length];
                text[at] = byte;
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                let bit = |is: bool| u64::from(is) << at;
                let expected = Block { special: bit(special), foreign: bit(byte >= 0x80) };
                assert_eq!(Block::of(&text), expected, "{byte:#x} at {at} of {length}");
            }
        }
    }

    #[test]
    fn characters_are_those_of_the_standard_library() {
        let parts = [0x00, 0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF];
        for first in 0x80..=0xFF {
            for second in 0..=0xFF {
                for (third, fourth) in parts.iter().flat_map(|third| parts.map(|fourth| (*third, fourth))) {
                    let bytes = [first, second, third, fourth];
                    for length in 1..=4 {
                        let text = &bytes[..length];
                        let known = text.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
                        assert_eq!(character(text), known.map(char::len_utf8), "{text:x?}");
                    }
                }
            }
        }
    }
}
