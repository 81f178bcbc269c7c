//! The model names of the stand-in and what each of them does.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::reply::{Reply, Start};

/// Every model the stand-in lists. `stand-in-1` answers, as does any name that is not here; the
/// others fail in the way they are called.
pub const MODELS: [&str; 20] = [
    "stand-in-1",
    "stand-in-breaks",
    "stand-in-breaks-at-once",
    "stand-in-empty",
    "stand-in-error-event",
    "stand-in-fails",
    "stand-in-greedy",
    "stand-in-huge",
    "stand-in-image-1",
    "stand-in-no-choices",
    "stand-in-no-content",
    "stand-in-no-done",
    "stand-in-no-usage",
    "stand-in-odd-usage",
    "stand-in-rate-limited",
    "stand-in-rejects",
    "stand-in-rubbish",
    "stand-in-slow",
    "stand-in-stalls",
    "stand-in-stalls-midway",
];

/// How long `stand-in-slow` takes to its first byte.
const SLOW: Duration = Duration::from_secs(3);

/// What a model does once its request was found well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// A whole answer.
    Answers,
    /// Some of the answer, then the connection is cut in the middle of the next event.
    Breaks,
    /// Headers and the first event, which has no content, then the connection is cut.
    BreaksAtOnce,
    /// 200 and nothing.
    Empty,
    /// Some of the answer, then an `error` where the rest should be.
    ErrorEvent,
    /// 500.
    Fails,
    /// A whole answer that goes on past the most tokens it was allowed, and reports them all.
    Greedy,
    /// An answer of about 7 MB.
    Huge,
    /// A valid answer without choices.
    NoChoices,
    /// A whole answer whose content is empty.
    NoContent,
    /// A whole answer whose stream ends without `[DONE]`.
    NoDone,
    /// A whole answer that never says how many tokens it took.
    NoUsage,
    /// A whole answer whose token counts are none; the first word of the prompt chooses which.
    OddUsage,
    /// 429 with `Retry-After`.
    RateLimited,
    /// 400, as for a parameter the model does not know.
    Rejects,
    /// 200 with what is not JSON.
    Rubbish,
    /// A whole answer, three seconds late.
    Slow,
    /// Takes the request and never answers.
    Stalls,
    /// Some of the answer, then nothing more.
    StallsMidway,
}

impl Behaviour {
    pub(crate) fn of(model: &str) -> Self {
        match model {
            "stand-in-breaks" => Self::Breaks,
            "stand-in-breaks-at-once" => Self::BreaksAtOnce,
            "stand-in-empty" => Self::Empty,
            "stand-in-error-event" => Self::ErrorEvent,
            "stand-in-fails" => Self::Fails,
            "stand-in-greedy" => Self::Greedy,
            "stand-in-huge" => Self::Huge,
            "stand-in-no-choices" => Self::NoChoices,
            "stand-in-no-content" => Self::NoContent,
            "stand-in-no-done" => Self::NoDone,
            "stand-in-no-usage" => Self::NoUsage,
            "stand-in-odd-usage" => Self::OddUsage,
            "stand-in-rate-limited" => Self::RateLimited,
            "stand-in-rejects" => Self::Rejects,
            "stand-in-rubbish" => Self::Rubbish,
            "stand-in-slow" => Self::Slow,
            "stand-in-stalls" => Self::Stalls,
            "stand-in-stalls-midway" => Self::StallsMidway,
            _ => Self::Answers,
        }
    }

    /// The reply of a model that never gets as far as an answer. Its texts hold what a guard must
    /// not hand on: names of the operator's organization and of the provider's machines.
    pub(crate) fn refusal(self, model: &str) -> Option<Reply> {
        let (status, kind, code, message) = match self {
            Self::Fails => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                Value::Null,
                "the server had an error on host inference-7.internal".to_owned(),
            ),
            Self::RateLimited => (
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                json!("rate_limit_exceeded"),
                format!(
                    "Rate limit reached for {model} in organization org-stand-in on requests per \
                     min (RPM): Limit 3, Used 3. Please try again in 7s."
                ),
            ),
            Self::Rejects => (
                StatusCode::BAD_REQUEST,
                "invalid_request_error",
                json!("unsupported_value"),
                "Unsupported value for organization org-stand-in.".to_owned(),
            ),
            Self::Stalls => {
                return Some(Reply { start: Start::Never, ..Reply::empty() });
            }
            _ => return None,
        };
        let mut reply = Reply::error(status, kind, &code, &message);
        if self == Self::RateLimited {
            reply.retry_after_s = Some(7);
        }
        Some(reply)
    }

    /// When the reply of this model starts.
    pub(crate) fn start(self) -> Start {
        if self == Self::Slow { Start::After(SLOW) } else { Start::AtOnce }
    }
}

/// The answer of `GET /v1/models`.
pub(crate) fn list_models() -> Reply {
    let data: Vec<Value> = MODELS
        .iter()
        .map(|id| {
            json!({"id": id, "object": "model", "created": super::reply::CREATED_S,
                   "owned_by": "stand-in"})
        })
        .collect();
    Reply::json(StatusCode::OK, &json!({"object": "list", "data": data}))
}
