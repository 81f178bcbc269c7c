//! `GET /api/plans`: the plans that are for sale, for anybody, as a price page shows them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use directory::{Directory, Plan};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use http_api::{ApiError, Query};
use ledger::Credits;
use serde::Serialize;
use startup::{BoxError, Cached, Clock};
use tokio::{sync::OnceCell, time::timeout};

use crate::{AdminSettings, NoParameters};

/// How long browsers and proxies may keep the answer.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// How long a visitor waits for the table where nothing has been read before.
const FIRST_READ_LIMIT: Duration = Duration::from_secs(2);

/// The answer, read when it is first wanted and then kept fresh: visitors who are not signed in
/// must not reach the table by the thousand.
#[derive(Debug)]
pub(crate) struct PublicPlans {
    clock: Clock,
    directory: Directory,
    cached: OnceCell<Cached<Answer>>,
}

/// The body, and the tag by which a browser asks whether it has changed.
#[derive(Debug)]
struct Answer {
    body: Bytes,
    tag: HeaderValue,
}

#[derive(Serialize)]
struct List<'a> {
    plans: Vec<Offer<'a>>,
}

/// A plan as buyers see it: nothing of which provider knows it by which name.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Offer<'a> {
    id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    credits: Credits,
    roll_over: &'static str,
    roll_over_cap: Option<Credits>,
}

impl PublicPlans {
    /// Reads nothing yet.
    pub(crate) fn new(clock: Clock, directory: Directory) -> Self {
        Self { clock, directory, cached: OnceCell::new() }
    }

    /// The answer, at most a minute old. An error only while none has ever been read.
    async fn current(&self) -> Result<Arc<Answer>, BoxError> {
        let cached =
            timeout(FIRST_READ_LIMIT, self.cached.get_or_try_init(|| self.load())).await??;
        Ok(cached.current().await)
    }

    async fn load(&self) -> Result<Cached<Answer>, BoxError> {
        let directory = self.directory.clone();
        let fetch = move || {
            let directory = directory.clone();
            async move { Answer::of(&directory.plans().await?) }
        };
        Cached::load(self.clock.clone(), fetch).await
    }
}

impl Answer {
    fn of(plans: &[Plan]) -> Result<Self, BoxError> {
        let on_sale = plans.iter().filter(|plan| plan.public && plan.active);
        let list = List { plans: on_sale.map(Offer::of).collect() };
        let body = serde_json::to_vec(&list)?;
        // Not a secret and not a signature: it only has to differ where the body does.
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        Ok(Self { tag: HeaderValue::try_from(tag)?, body: body.into() })
    }
}

impl<'a> Offer<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            id: &plan.id,
            name: &plan.name,
            description: plan.description.as_deref(),
            credits: plan.credits,
            roll_over: plan.roll_over.as_str(),
            roll_over_cap: plan.roll_over.cap(),
        }
    }
}

pub(crate) async fn show_public(
    State(function): State<AdminSettings>,
    Query(NoParameters {}): Query<NoParameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let answer = function.public_plans.current().await;
    let answer = answer.map_err(|error| ApiError::ledger_unavailable(error.as_ref()))?;
    let kept = [(CACHE_CONTROL, CACHED), (ETAG, answer.tag.clone())];
    if has_it_already(&headers, &answer.tag) {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((kept, json, answer.body.clone()).into_response())
}

/// Whether one of the tags the caller has is this one. Proxies weaken tags where they compress.
fn has_it_already(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else { return false };
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|theirs| theirs == "*" || theirs.strip_prefix("W/").unwrap_or(theirs) == tag)
}
