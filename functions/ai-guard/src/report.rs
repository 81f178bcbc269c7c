//! What a caller is told about their credits: headers, and for streams the `credits` event.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use ledger::{Credits, HoldId};
use serde_json::{Value, json};

/// What the call cost, in credits.
pub(crate) const CHARGED: HeaderName = HeaderName::from_static("x-credits-charged");
/// What the call can cost at most, in credits: what a stream says before it is known.
pub(crate) const HELD: HeaderName = HeaderName::from_static("x-credits-held");
/// The hold's name, for support.
pub(crate) const HOLD: HeaderName = HeaderName::from_static("x-credits-hold");
/// What is left to spend, in credits, or `unlimited`.
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("x-credits-remaining");

/// What is left to spend after the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remaining {
    /// This much; concurrent calls may have moved it.
    Known(Credits),
    /// The balance could not be read.
    Unknown,
    /// Credits are off.
    Unlimited,
}

/// What a call did to its caller's credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) charged: Credits,
    pub(crate) remaining: Remaining,
    /// The hold it was charged by; none where credits are not enforced.
    pub(crate) hold: Option<HoldId>,
}

impl Report {
    /// The event that follows the end of a stream.
    pub(crate) fn event(&self) -> Bytes {
        let remaining = match self.remaining {
            Remaining::Known(remaining) => json!(remaining),
            Remaining::Unknown | Remaining::Unlimited => Value::Null,
        };
        // Not every SDK stops reading at `[DONE]`, and some take every event for a chunk: to them
        // this one is a chunk without choices, as the one with the usage is.
        let mut data = json!({
            "charged": self.charged.get(), "choices": [], "remaining": remaining,
        });
        if let (Remaining::Unlimited, Some(data)) = (self.remaining, data.as_object_mut()) {
            data.insert("unlimited".to_owned(), true.into());
        }
        Bytes::from(format!("event: credits\ndata: {data}\n\n"))
    }

    /// The headers of an answer whose cost is known.
    pub(crate) fn headers(&self, content_type: HeaderValue) -> HeaderMap {
        let mut headers = base(content_type, self.hold, self.remaining);
        headers.insert(CHARGED, self.charged.get().into());
        headers
    }
}

/// The headers of a stream, whose cost is not known yet: `held` where credits are enforced, else
/// it costs nothing.
pub(crate) fn stream_headers(held: Option<(HoldId, Credits)>, remaining: Remaining) -> HeaderMap {
    let content_type = HeaderValue::from_static("text/event-stream");
    let mut headers = base(content_type, held.map(|(hold, _)| hold), remaining);
    match held {
        Some((_, amount)) => headers.insert(HELD, amount.get().into()),
        None => headers.insert(CHARGED, HeaderValue::from_static("0")),
    };
    // Proxies must pass each event on as it comes.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers
}

fn base(content_type: HeaderValue, hold: Option<HoldId>, remaining: Remaining) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(value) = hold.and_then(|hold| HeaderValue::try_from(hold.to_string()).ok()) {
        headers.insert(HOLD, value);
    }
    match remaining {
        Remaining::Known(remaining) => headers.insert(REMAINING, remaining.get().into()),
        Remaining::Unlimited => headers.insert(REMAINING, HeaderValue::from_static("unlimited")),
        Remaining::Unknown => None,
    };
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(charged: u32, remaining: Remaining) -> Report {
        Report { charged: charged.into(), remaining, hold: None }
    }

    #[test]
    fn the_event_says_what_was_charged_and_what_is_left_as_far_as_it_is_known() {
        let rows = [
            (Remaining::Known(41.into()), r#"{"charged":1,"choices":[],"remaining":41}"#),
            (
                Remaining::Known(Credits::new(-3).unwrap()),
                r#"{"charged":1,"choices":[],"remaining":-3}"#,
            ),
            (Remaining::Unknown, r#"{"charged":1,"choices":[],"remaining":null}"#),
            (
                Remaining::Unlimited,
                r#"{"charged":1,"choices":[],"remaining":null,"unlimited":true}"#,
            ),
        ];
        for (remaining, data) in rows {
            let event = report(1, remaining).event();
            assert_eq!(event, format!("event: credits\ndata: {data}\n\n"));
        }
    }

    #[test]
    fn an_unknown_balance_has_no_header_and_no_limit_is_said_in_words() {
        let json = HeaderValue::from_static("application/json");
        let headers = report(5, Remaining::Unknown).headers(json.clone());
        assert_eq!((&headers[CHARGED], headers.get(REMAINING)), (&"5".parse().unwrap(), None));
        let headers = report(0, Remaining::Unlimited).headers(json);
        assert_eq!(
            (&headers[CHARGED], &headers[REMAINING]),
            (&"0".parse().unwrap(), &"unlimited".parse().unwrap())
        );
    }
}
