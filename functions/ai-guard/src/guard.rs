//! One guarded call as a straight line: who calls, what is asked, what it costs, the hold, the
//! provider, the answer, the outcome.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequest, Request, State},
    response::Response,
};
use http::HeaderMap;
use http_api::{ApiError, Caller, RawBody, authenticate};
use jiff::Timestamp;
use ledger::{entry::Actor, mode::Mode};
use ledger_dynamodb::LedgerStore;
use startup::{Cached, Clock, Deadline, HttpClient, Origin, metric};
use tokio::time::Instant;
use tracing::Instrument;

use crate::{
    answer,
    books::{Books, Opened},
    call::{Call, Endpoint},
    idempotency::{self, Key, Scope},
    prices::Prices,
    provider::{self, Patience},
    replay::KEEP_LIMIT,
    report::Report,
    settings::Settings,
    settle::{self, SettleQueue},
    stream,
    tab::Tab,
};

/// What every call needs. Made once per process.
#[derive(Debug)]
pub struct Guard {
    /// The clock by which tokens, holds and deadlines are judged.
    pub clock: Clock,
    /// The client that calls the provider.
    pub http: HttpClient,
    /// The books.
    pub store: LedgerStore,
    /// What an operator can change.
    pub settings: Cached<Settings>,
    /// The price book in force.
    pub prices: Prices,
    /// Where outcomes go that the books cannot take at once.
    pub queue: SettleQueue,
    /// Bounds on time and size.
    pub limits: Limits,
}

/// Bounds on time and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long the provider may take to the first byte of its answer.
    pub first_byte: Duration,
    /// How long the provider may be silent after that.
    pub idle: Duration,
    /// The largest request body, in bytes.
    pub body_bytes: usize,
}

/// A call that may be made: its caller is known and its request is well formed.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) guard: Arc<Guard>,
    /// The settings as they were when the call began; it keeps them.
    pub(crate) settings: Arc<Settings>,
    pub(crate) caller: Caller,
    pub(crate) call: Call,
    /// What makes a repeat of the call the same call, where its caller has named it and credits
    /// are enforced: where nothing is charged, nothing can be charged twice.
    pub(crate) key: Option<Key>,
    pub(crate) origin: Origin,
    /// When the call began; the time of its hold.
    pub(crate) now: Timestamp,
    pub(crate) began: Instant,
    /// When its answer must be complete.
    pub(crate) deadline: Option<Instant>,
}

/// `POST /api/ai/chat`, `POST /v1/chat/completions`.
pub(crate) async fn chat(
    State(guard): State<Arc<Guard>>,
    request: Request,
) -> Result<Response, ApiError> {
    guarded(guard, Endpoint::Chat, request).await
}

/// `POST /api/ai/image`, `POST /v1/images/generations`.
pub(crate) async fn image(
    State(guard): State<Arc<Guard>>,
    request: Request,
) -> Result<Response, ApiError> {
    guarded(guard, Endpoint::Image, request).await
}

async fn guarded(
    guard: Arc<Guard>,
    endpoint: Endpoint,
    request: Request,
) -> Result<Response, ApiError> {
    let admitted = Admitted::from_request(guard, endpoint, request).await.inspect_err(|error| {
        let feature = endpoint.feature();
        tracing::info!(feature = feature.as_str(), code = error.code(), "call refused");
    })?;
    // In a task of its own, because a caller who hangs up must not stop a call that has taken
    // credits.
    let running = tokio::spawn(run(admitted).in_current_span());
    running.await.map_err(|error| ApiError::internal(&error))?
}

impl Admitted {
    async fn from_request(
        guard: Arc<Guard>,
        endpoint: Endpoint,
        request: Request,
    ) -> Result<Self, ApiError> {
        let began = Instant::now();
        let settings = guard.settings.current().await;
        let now = guard.clock.now();
        let caller = authenticate(request.headers(), &settings.verifier, now).await?;
        let origin = request.extensions().get().copied().unwrap_or(Origin::Streaming);
        let deadline = request.extensions().get().and_then(|Deadline(at)| *at);
        let deadline = deadline.map(|at| Instant::now() + time_until(at, now));
        let headers = idempotency::header(request.headers());
        let RawBody(body) = RawBody::from_request(request, &()).await?;
        let call = Call::parse(endpoint, body, &settings.provider.models)?;
        let key = match settings.mode {
            Mode::Enforce => key(&headers, &caller, &call)?,
            Mode::Shadow | Mode::Off => None,
        };
        Ok(Self { guard, settings, caller, call, key, origin, now, began, deadline })
    }

    /// What has to be left of the time when the provider is no longer waited for.
    pub(crate) fn reserve(&self) -> Duration {
        if self.key.is_some() { settle::RESERVE + KEEP_LIMIT } else { settle::RESERVE }
    }

    fn patience(&self) -> Patience {
        let Limits { first_byte, idle, .. } = self.guard.limits;
        Patience {
            first_byte_by: Instant::now() + first_byte,
            idle,
            stop_at: self.deadline.map(|at| at.checked_sub(self.reserve()).unwrap_or(at)),
        }
    }

    /// The one line of a call that was refused before the provider was asked.
    fn log_refusal(&self, error: &ApiError) {
        let feature = self.call.endpoint.feature();
        tracing::info!(
            account = self.caller.account.as_str(),
            feature = feature.as_str(),
            model = self.call.model,
            quantity = self.call.quantity,
            stream = self.call.stream,
            mode = self.settings.mode.as_str(),
            charged = 0,
            outcome = "refused",
            code = error.code(),
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).ok(),
            "guarded call"
        );
        let dimensions = [("Feature", feature.as_str()), ("Code", error.code())];
        metric::count(self.guard.clock.now(), "CallsRefused", &dimensions, 1);
    }

    /// The one line of a call that was made before.
    pub(crate) fn log_replay(&self, report: &Report) {
        let feature = self.call.endpoint.feature();
        tracing::info!(
            account = self.caller.account.as_str(),
            feature = feature.as_str(),
            model = self.call.model,
            hold = report.hold.map(|hold| hold.to_string()),
            charged = report.charged.get(),
            outcome = "replayed",
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).ok(),
            "guarded call"
        );
        let dimensions = [("Feature", feature.as_str())];
        metric::count(self.guard.clock.now(), "CallsReplayed", &dimensions, 1);
    }
}

fn key(headers: &HeaderMap, caller: &Caller, call: &Call) -> Result<Option<Key>, ApiError> {
    let actor = Actor::User(caller.user.to_string());
    let scope = Scope { account: &caller.account, actor: &actor, route: call.endpoint.route() };
    Key::read(headers, scope, &call.body)
}

/// How long it is to `at`; nothing where that is over.
pub(crate) fn time_until(at: Timestamp, now: Timestamp) -> Duration {
    at.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}

async fn run(admitted: Admitted) -> Result<Response, ApiError> {
    let opened = Books::open(&admitted).await.inspect_err(|error| admitted.log_refusal(error))?;
    let books = match opened {
        Opened::Books(books) => books,
        Opened::Before(replay) => return Ok(replay.response(&admitted).await),
    };
    let Admitted { guard, settings, call, origin, .. } = &admitted;
    let body = books.request(&call.body);
    let (asked, seen) = tokio::join!(
        provider::ask(&guard.http, &settings.provider, call, body, admitted.patience()),
        books.look(&admitted),
    );
    let (origin, stream) = (*origin, call.stream);
    let status = asked.as_ref().ok().map(|answering| answering.status);
    let tab = Tab::new(admitted, books, seen, status);
    let answering = match asked {
        Ok(answering) => answering,
        Err(failure) => return Err(tab.fail(&failure).await),
    };
    match (stream, origin) {
        (false, _) => answer::whole(answering, origin, tab).await,
        (true, Origin::Streaming) => stream::live(answering, tab).await,
        (true, Origin::Buffered) => stream::collected(answering, tab).await,
    }
}
