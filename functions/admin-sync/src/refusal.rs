//! Why a run is not started, or not gone on with.

use clerk::ClerkError;
use http::StatusCode;
use http_api::ApiError;
use startup::error_chain;
use sync::SyncError;
use ulid::Ulid;

/// The answer where a table, the queue or Clerk gave none.
pub(crate) fn failed(error: SyncError) -> ApiError {
    match error {
        SyncError::Clerk(error) => clerk(&error),
        SyncError::Store(error) => admin::unreadable(error),
        SyncError::Directory(error) => admin::unreadable(error),
        error @ (SyncError::Projection(_) | SyncError::Queue(_)) => {
            tracing::error!(error = error_chain(&error), "the retry queue takes nothing");
            let detail = "the retry queue cannot be reached; nothing was moved";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "queue_unavailable", detail)
                .retry_after(5)
        }
        error @ SyncError::Ahead { .. } => ApiError::internal(&error),
    }
}

/// The answer where Clerk gave none.
pub(crate) fn clerk(error: &ClerkError) -> ApiError {
    tracing::warn!(error = error_chain(error), "clerk was asked in vain");
    let seconds = match error {
        ClerkError::RateLimited { retry_after: Some(wait) } => wait.as_secs().clamp(1, 900),
        _ => 5,
    };
    let detail = "clerk cannot be asked now; nothing was moved";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "clerk_unavailable", detail)
        .retry_after(u32::try_from(seconds).unwrap_or(5))
}

/// One run at a time.
pub(crate) fn running(run: Ulid, is_stalled: bool) -> ApiError {
    let path = path(run);
    let detail = if is_stalled {
        format!(
            "a run is under way and has given no sign for long: POST {path}/resume goes on \
                 with it, POST {path}/cancel ends it"
        )
    } else {
        format!("a run is under way: GET {path} shows how far it is, POST {path}/cancel ends it")
    };
    ApiError::new(StatusCode::CONFLICT, "sync_running", detail)
        .with("run", run.to_string())
        .with("stalled", is_stalled)
}

/// The path of a run.
pub(crate) fn path(run: Ulid) -> String {
    format!("/api/admin/users/sync/{run}")
}

/// There is no such run.
pub(crate) fn missing() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "unknown_run", "there is no run of that id")
}
