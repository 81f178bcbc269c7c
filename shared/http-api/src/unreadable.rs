//! What a caller is told about input that cannot be read: the field, and what it must be.
//!
//! Values are never repeated: they can be megabytes long, and they can be secrets. The texts of
//! serde are the only place where the reason is found, so they are read here and nowhere else.

use http::StatusCode;

use crate::error::ApiError;

/// Room for any name and any list of choices of ours; what is longer came from the caller.
const DETAIL_CHARS_MAX: usize = 300;

/// How the path of the whole input is written.
pub(crate) const ROOT: &str = ".";

/// From serde's message and the path at which it arose: 400 `invalid_field`.
pub(crate) fn invalid_field(path: &str, message: &str) -> ApiError {
    let message = without_position(message);
    if let Some(name) = quoted_after(message, "missing field ") {
        let field = joined(path, name);
        return refused(&field, &format!("`{field}` is missing"));
    }
    if let Some(name) = quoted_after(message, "unknown field ") {
        let field = if path.ends_with(name) { path.to_owned() } else { joined(path, name) };
        return refused(&field, &format!("`{field}` is not a known field"));
    }
    let subject = if path == ROOT { "the body" } else { &format!("`{path}`") };
    let detail = match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{subject} must be {}", plain(expected)),
        None => format!("{subject} is not valid: {message}"),
    };
    refused(path, &detail)
}

fn refused(path: &str, detail: &str) -> ApiError {
    let detail: String = detail.chars().take(DETAIL_CHARS_MAX).collect();
    if path == ROOT {
        return ApiError::new(StatusCode::BAD_REQUEST, "invalid_field", detail);
    }
    let field: String = path.chars().take(DETAIL_CHARS_MAX).collect();
    ApiError::invalid_field(field, detail)
}

fn joined(path: &str, name: &str) -> String {
    if path == ROOT { name.to_owned() } else { format!("{path}.{name}") }
}

/// `missing field ` and "missing field `credits`" give `credits`.
fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.strip_prefix('`')?.split('`').next()
}

/// The message without the " at line 1 column 2" that `serde_json` adds.
fn without_position(message: &str) -> &str {
    match message.rsplit_once(" at line ") {
        Some((text, position)) if position.starts_with(|c: char| c.is_ascii_digit()) => text,
        _ => message,
    }
}

/// What serde expected, in words that name no Rust type.
fn plain(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, not negative",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if expected.starts_with("a nonzero ") => "a whole number, not zero",
        _ if expected.starts_with("struct ") => "an object",
        _ if expected.starts_with("enum ") => "one of the known names",
        _ => expected,
    }
}
