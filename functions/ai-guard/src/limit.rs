//! How long an answer may become, and whether its usage was asked for: what the caller says about
//! it, and what the provider is sent instead, so that the hold suffices and its tokens are known.

use bytes::Bytes;
use http_api::ApiError;
use ledger::price::LimitField;

use crate::{
    call::ambiguous,
    rewrite::{Edit, Members, edited},
};

#[cfg(test)]
mod tests;

/// The two names of one thing: the older and the newer one of the wire format.
const LIMITS: [LimitField; 2] = [LimitField::MaxTokens, LimitField::MaxCompletionTokens];

const STREAM_OPTIONS: &str = "stream_options";
const INCLUDE_USAGE: &str = "include_usage";

/// What a request says about the length of its answer and about usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The most tokens of each choice, under either name.
    limits: [Option<u32>; 2],
    usage: Usage,
}

/// What a request says about the usage of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Usage {
    /// It comes by itself: the answer is no stream.
    Whole,
    /// The caller wants it.
    Wanted,
    /// The caller does not expect it, and may not understand it.
    Unwanted,
}

impl Asked {
    /// Reads the members that decide. One that is there twice or in another spelling is refused, as
    /// is one that is no positive whole number, or no object (400 `invalid_field`, named).
    pub(crate) fn read(members: &Members<'_>, stream: bool) -> Result<Self, ApiError> {
        let [older, newer] = LIMITS.map(|field| limit(members, field.as_str()));
        let wanted = wants_usage(members)?;
        let usage = match (stream, wanted) {
            (false, _) => Usage::Whole,
            (true, true) => Usage::Wanted,
            (true, false) => Usage::Unwanted,
        };
        Ok(Self { limits: [older?, newer?], usage })
    }

    /// The most tokens of each choice that may be generated: what the caller asks for, and never
    /// more than `max`, which is at least one.
    pub(crate) fn output(&self, max: u32) -> u32 {
        let max = max.max(1);
        self.limits.into_iter().flatten().min().map_or(max, |asked| asked.min(max))
    }

    /// Whether the caller is not to see the usage that we ask for.
    pub(crate) fn hides_usage(&self) -> bool {
        self.usage == Usage::Unwanted
    }

    /// The request under a limit of `output` tokens for each choice, said in `field` at least, and
    /// with usage asked for. The provider may know no other member, and one that it does not know
    /// limits nothing: a caller would pay for one token and be sent thousands.
    pub(crate) fn limited(&self, body: &Bytes, output: u32, field: LimitField) -> Bytes {
        let [older, newer] = self.limits;
        let (known, other, other_name) = match field {
            LimitField::MaxTokens => (older, newer, LimitField::MaxCompletionTokens),
            LimitField::MaxCompletionTokens => (newer, older, LimitField::MaxTokens),
        };
        let (field, other_name) = (field.as_str(), other_name.as_str());
        let limit = |asked: u32| asked.min(output).to_string();
        self.changed(body, |members| match (known, other) {
            (None, None) => vec![members.set(field, &output.to_string())],
            (None, Some(asked)) => members.rename(other_name, field, &limit(asked)),
            (Some(_), _) => [(known, field), (other, other_name)]
                .into_iter()
                .filter_map(|(asked, name)| Some((asked.filter(|it| *it > output)?, name)))
                .map(|(asked, name)| members.set(name, &limit(asked)))
                .collect(),
        })
    }

    /// The request as the caller limits it, with usage asked for.
    pub(crate) fn unlimited(&self, body: &Bytes) -> Bytes {
        self.changed(body, |_| Vec::new())
    }

    fn changed(&self, body: &Bytes, limits: impl Fn(&Members<'_>) -> Vec<Edit>) -> Bytes {
        // INVARIANT: `self` was read from this body, so it is text and an object.
        let Some(members) = text(body).and_then(|text| Members::read(text).ok()) else {
            return body.clone();
        };
        let mut edits = limits(&members);
        if self.hides_usage() {
            edits.push(members.set(STREAM_OPTIONS, &with_usage(&members)));
        }
        if edits.is_empty() { body.clone() } else { edited(body, edits) }
    }
}

/// A body that was read as JSON is text.
pub(crate) fn text(body: &[u8]) -> Option<&str> {
    std::str::from_utf8(body).ok()
}

/// The one value called `name`; `null` is as good as none.
fn once<'a>(members: &Members<'a>, name: &'static str) -> Result<Option<&'a str>, ApiError> {
    let mut all = members.all(name);
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(only), None) if only.name() == name => {
            Ok(Some(members.value(only)).filter(|value| *value != "null"))
        }
        _ => Err(ambiguous(name)),
    }
}

fn limit(members: &Members<'_>, name: &'static str) -> Result<Option<u32>, ApiError> {
    let Some(value) = once(members, name)? else { return Ok(None) };
    let is_whole = value.bytes().all(|byte| byte.is_ascii_digit());
    if !is_whole || value == "0" {
        let detail = format!("`{name}` must be a positive whole number");
        return Err(ApiError::invalid_field(name, detail));
    }
    // A number with more digits than fit is a large number.
    Ok(Some(value.parse().unwrap_or(u32::MAX)))
}

fn wants_usage(members: &Members<'_>) -> Result<bool, ApiError> {
    let Some(value) = once(members, STREAM_OPTIONS)? else { return Ok(false) };
    let wrong = |detail: String| ApiError::invalid_field(STREAM_OPTIONS, detail);
    let options =
        Members::read(value).map_err(|_| wrong(format!("`{STREAM_OPTIONS}` must be an object")))?;
    match once(&options, INCLUDE_USAGE) {
        Ok(None | Some("false")) => Ok(false),
        Ok(Some("true")) => Ok(true),
        Ok(Some(_)) => Err(wrong(format!("`{INCLUDE_USAGE}` must be `true` or `false`"))),
        Err(error) => Err(wrong(error.detail().to_owned())),
    }
}

/// The caller's `stream_options` with usage asked for.
fn with_usage(members: &Members<'_>) -> String {
    let given = members.first(STREAM_OPTIONS).map(|member| members.value(member));
    let options = given.and_then(|given| Some((given, Members::read(given).ok()?)));
    let Some((given, options)) = options else {
        return format!("{{\"{INCLUDE_USAGE}\":true}}");
    };
    let whole = edited(given.as_bytes(), vec![options.set(INCLUDE_USAGE, "true")]);
    String::from_utf8_lossy(&whole).into_owned()
}
