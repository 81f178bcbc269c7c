//! Answers that are given again: what is kept of the first, and how it is told a second time.

use std::time::Duration;

use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode};
use ledger::{Credits, HoldId};
use ledger_dynamodb::{ANSWER_BYTES_MAX, StoredAnswer};

use crate::{books, guard::Admitted, idempotency::REPLAYED, report::Report};

/// How long it may take to keep an answer: as long as the ledger goes on trying by itself.
pub(crate) const KEEP_LIMIT: Duration = Duration::from_secs(2);

/// What a stream is.
pub(crate) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// A copy of what a caller is sent, for as long as it is small enough to be kept.
#[derive(Debug, Default)]
pub(crate) struct Transcript(Option<BytesMut>);

impl Transcript {
    /// An empty one, or none at all where nobody will ask for it.
    pub(crate) fn new(is_wanted: bool) -> Self {
        Self(is_wanted.then(BytesMut::new))
    }

    /// Adds what is sent next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let Some(copy) = &mut self.0 else { return };
        if copy.len().saturating_add(bytes.len()) > ANSWER_BYTES_MAX {
            self.0 = None;
        } else {
            copy.extend_from_slice(bytes);
        }
    }

    /// The whole of a stream that ends with `last`, where it is small enough.
    pub(crate) fn stream(mut self, last: &[u8]) -> Option<StoredAnswer> {
        self.push(last);
        let body = self.0?.freeze();
        let content_type = EVENT_STREAM.to_str().unwrap_or_default().to_owned();
        Some(StoredAnswer { status: StatusCode::OK.as_u16(), content_type, body })
    }
}

/// A whole answer as it can be kept; `None` where it is too large.
pub(crate) fn whole(
    status: StatusCode,
    content_type: &HeaderValue,
    body: &Bytes,
) -> Option<StoredAnswer> {
    let content_type = content_type.to_str().ok()?.to_owned();
    let is_small = body.len() <= ANSWER_BYTES_MAX;
    is_small.then(|| StoredAnswer { status: status.as_u16(), content_type, body: body.clone() })
}

/// An answer that is to be given again.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) hold: HoldId,
    /// What the call has cost, in credits.
    pub(crate) charged: Credits,
    pub(crate) answer: StoredAnswer,
}

impl Replay {
    /// The answer as it was, with the charge it had and the balance of now.
    pub(crate) async fn response(self, admitted: &Admitted) -> Response {
        let remaining = books::remaining(admitted).await;
        let report = Report { charged: self.charged, remaining, hold: Some(self.hold) };
        admitted.log_replay(&report);
        response(self.answer, &report)
    }
}

/// A stream is one again, with the event that tells of credits at its end.
fn response(answer: StoredAnswer, report: &Report) -> Response {
    let StoredAnswer { status, content_type, body } = answer;
    let content_type =
        HeaderValue::try_from(content_type).unwrap_or(HeaderValue::from_static("application/json"));
    let is_stream = content_type == EVENT_STREAM;
    let body = if is_stream { [body, report.event()].concat().into() } else { body };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    *response.headers_mut() = report.headers(content_type);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_kept_up_to_the_last_byte_that_is_allowed_and_not_beyond() {
        let copy = |sizes: &[usize]| {
            let mut copy = Transcript::new(true);
            for size in sizes {
                copy.push(&vec![b'x'; *size]);
            }
            copy.stream(b"").map(|answer| answer.body.len())
        };
        assert_eq!(copy(&[]), Some(0));
        assert_eq!(copy(&[349_999, 1]), Some(350_000));
        assert_eq!(copy(&[350_000, 1]), None);
        assert_eq!(copy(&[350_001, 1]), None, "nothing begins anew in the middle");
        assert!(Transcript::new(false).stream(b"").is_none());
        let json = HeaderValue::from_static("application/json");
        let whole = |size| whole(StatusCode::OK, &json, &Bytes::from(vec![b'x'; size]));
        assert!(whole(350_000).is_some() && whole(350_001).is_none());
    }
}
