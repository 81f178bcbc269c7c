//! An answer that is passed on whole: read, checked and measured before anything is charged.

use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode};
use http_api::ApiError;
use startup::Origin;

use crate::{
    call::Endpoint,
    content::Content,
    meter::Delivered,
    provider::{AnswerBody, Answering, Failure},
    replay,
    report::Report,
    tab::Tab,
};

#[cfg(test)]
mod tests;

/// The largest answer behind the HTTP API, as it travels: inside a JSON string. The platform
/// takes 6 MB with everything around it.
pub(crate) const BUFFERED_BYTES_MAX: usize = 5_500_000;

/// The largest answer that is passed on whole where streams are possible. The platform takes ten
/// times as much; the function's memory does not, with the few copies there are on the way.
const STREAMED_BYTES_MAX: usize = 20_000_000;

/// Reads the answer to its end, charges what it holds and passes it on byte for byte.
pub(crate) async fn whole(
    mut answering: Answering,
    origin: Origin,
    tab: Tab,
) -> Result<Response, ApiError> {
    let status = answering.status;
    let body = match read(&mut answering.body, origin).await {
        Ok(body) => body,
        Err(failure) => return Err(tab.fail(&failure).await),
    };
    match delivered(tab.call().endpoint, status, &body) {
        Ok(units) => {
            let counted = tab.meter().and_then(|meter| meter.whole(&body, units > 0));
            let content_type = json_type(answering.content_type);
            let copy = replay::whole(status, &content_type, &body).filter(|_| tab.is_keyed());
            let report = tab.close(Delivered { units, counted }, None, copy).await;
            Ok(response(status, body, content_type, &report))
        }
        Err(failure) => Err(tab.fail(&failure).await),
    }
}

pub(crate) fn response(
    status: StatusCode,
    body: Bytes,
    content_type: HeaderValue,
    report: &Report,
) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = report.headers(content_type);
    response
}

/// The provider's content type, if it says what the body was found to be.
fn json_type(content_type: Option<HeaderValue>) -> HeaderValue {
    content_type
        .filter(|value| value.as_bytes().starts_with(b"application/json"))
        .unwrap_or(HeaderValue::from_static("application/json"))
}

async fn read(body: &mut AnswerBody, origin: Origin) -> Result<Bytes, Failure> {
    let limit = match origin {
        Origin::Buffered => BUFFERED_BYTES_MAX,
        Origin::Streaming => STREAMED_BYTES_MAX,
    };
    let mut size = 0_usize;
    let mut whole = BytesMut::new();
    while let Some(chunk) = body.chunk().await? {
        size = size.saturating_add(match origin {
            Origin::Buffered => escaped_bytes(&chunk),
            Origin::Streaming => chunk.len(),
        });
        if size > limit {
            return Err(Failure::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// How many bytes `text` takes inside a JSON string.
pub(crate) fn escaped_bytes(text: &[u8]) -> usize {
    let escaped = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0x00..0x20 => 6,
        _ => 1,
    };
    text.iter().map(escaped).fold(0, usize::saturating_add)
}

/// How many units a whole answer holds. One without choices or pictures is no answer; one with
/// choices that say nothing is passed on and costs nothing.
fn delivered(endpoint: Endpoint, status: StatusCode, body: &[u8]) -> Result<u32, Failure> {
    if body.trim_ascii().is_empty() {
        return Err(Failure::Empty);
    }
    std::str::from_utf8(body).map_err(|_| Failure::Malformed)?;
    let content = Content::read(body).map_err(|_| Failure::Malformed)?;
    if content.is_error() {
        return Err(Failure::Reported(status));
    }
    let units = match endpoint {
        Endpoint::Chat => content.choices(),
        Endpoint::Image => content.pictures(),
    };
    if units.present == 0 { Err(Failure::Empty) } else { Ok(units.filled) }
}
