//! Identifiers that have to be unique, not secret.

/// A random UUID, version 4.
pub(crate) fn uuid() -> String {
    let digits = hex(32);
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0..8), part(8..12), part(13..16), part(17..20), part(20..32))
}

/// So many random hexadecimal digits.
pub(crate) fn hex(length: usize) -> String {
    std::iter::repeat_with(|| char::from_digit(fastrand::u32(0..16), 16).unwrap_or('0'))
        .take(length)
        .collect()
}
