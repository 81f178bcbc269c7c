//! One request and its whole answer, within a time limit.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use serde::{Deserialize, de::DeserializeOwned};
use startup::HttpError;

use crate::{API_VERSION, Clerk, ClerkError};

/// A page of 500 users who keep all they may in their metadata is 12 MB; more than this is a fault.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A code or trace id is a few dozen characters; what is longer is cut before it is logged.
const WORD_CHARS_MAX: usize = 64;

/// A whole answer of success.
pub(crate) struct Answer {
    body: Bytes,
}

/// The errors Clerk answers with, as far as they may be logged: its messages repeat what was sent.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Fault>,
    #[serde(default)]
    clerk_trace_id: Option<String>,
}

#[derive(Deserialize)]
struct Fault {
    code: String,
}

impl Answer {
    /// The body as a `T`. Only the place of a fault is told: the parser's words quote the text.
    pub(crate) fn json<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, ClerkError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let kind = if error.is_data() { "has another shape" } else { "is not JSON" };
            let problem = format!("{kind} at line {} column {}", error.line(), error.column());
            ClerkError::Unreadable { what, problem }
        })
    }
}

impl Clerk {
    /// A request for `path` (from `/users` on), with a JSON body if there is one.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Request<Full<Bytes>>, ClerkError> {
        let url = format!("{}{path}", self.base_url);
        let mut request = Request::builder()
            .method(method)
            .uri(&url)
            .header(AUTHORIZATION, self.secret.authorization())
            .header("clerk-api-version", API_VERSION)
            .header(USER_AGENT, "saldo");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Full::default, |body| Full::from(body.to_string()));
        let address = |_| ClerkError::Unavailable(HttpError::Address(url.clone()));
        request.body(body).map_err(address)
    }

    /// Sends the request and reads its answer to the end, in at most `limit`.
    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Answer, ClerkError> {
        let whole = async {
            let (head, body) = self.http.send(request).await?.into_parts();
            let body = match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => {
                    return Err(HttpError::TooLarge(ANSWER_BYTES_MAX));
                }
                Err(error) => return Err(HttpError::Exchange(error)),
            };
            Ok((head, body))
        };
        let ended = tokio::time::timeout(limit, whole).await;
        let (head, body) =
            ended.unwrap_or(Err(HttpError::TimedOut(limit))).map_err(ClerkError::Unavailable)?;
        if head.status.is_success() { Ok(Answer { body }) } else { Err(failure(&head, &body)) }
    }
}

fn failure(head: &http::response::Parts, body: &[u8]) -> ClerkError {
    let status = head.status;
    if status == StatusCode::TOO_MANY_REQUESTS {
        return ClerkError::RateLimited { retry_after: retry_after(&head.headers) };
    }
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let code = word(refusal.errors.into_iter().next().map(|fault| fault.code));
    // A path that does not exist is 404 as well; only a missing user is the user's own affair.
    if status == StatusCode::NOT_FOUND && code != "unknown" {
        return ClerkError::NotFound;
    }
    if status.is_client_error() {
        let trace_id = word(refusal.clerk_trace_id);
        return ClerkError::Refused { status: status.as_u16(), code, trace_id };
    }
    ClerkError::Unavailable(HttpError::Status(status))
}

/// Clerk sends seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A word for logs: what is no word does not get there.
fn word(text: Option<String>) -> String {
    let plain = |text: &String| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        !text.is_empty() && text.len() <= WORD_CHARS_MAX && text.bytes().all(legal)
    };
    text.filter(plain).unwrap_or_else(|| "unknown".to_owned())
}
