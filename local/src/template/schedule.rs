//! Schedule expressions of EventBridge.

use std::time::Duration;

/// Reads `rate(1 minute)`; the error says what is wrong with the expression.
///
/// The rules are those of EventBridge: a positive whole number, the unit in the singular after 1
/// and in the plural after anything else.
pub(super) fn parse_rate(expression: &str) -> Result<Duration, String> {
    let inner = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(|| format!("`{expression}` is not understood, only rate(..) is"))?;
    let refusal = || format!("`{expression}` is not a rate");
    let (value, unit) = inner.split_once(' ').ok_or_else(refusal)?;
    let value: u64 = value.parse().map_err(|_| refusal())?;
    let unit_seconds: u64 = match (value, unit) {
        (1, "minute") | (2.., "minutes") => 60,
        (1, "hour") | (2.., "hours") => 3_600,
        (1, "day") | (2.., "days") => 86_400,
        _ => return Err(refusal()),
    };
    value.checked_mul(unit_seconds).map(Duration::from_secs).ok_or_else(refusal)
}
