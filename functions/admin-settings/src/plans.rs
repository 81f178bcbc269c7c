//! `/api/admin/plans` and `/api/plans`: what is sold by the period.
//!
//! A plan says how many credits a period brings and by which names the payment providers know it.
//! A name of a provider belongs to one plan only, or nobody could say what a payment is for.

mod public;
mod written;

use admin::{Admin, AdminDeps, IfMatch, Limit, changed_meanwhile, etag, unreadable};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::{Created, Operation, Plan, Replaced};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, ETAG, LOCATION},
};
use http_api::{ApiError, Json, Path, Query};
use jiff::Timestamp;
use ledger::Credits;
use serde::{Deserialize, Serialize};

pub(crate) use self::public::{PublicPlans, show_public};
use self::written::{WrittenPlan, is_id};
use crate::{AdminSettings, FUNCTION, NoParameters};

/// `?limit=&cursor=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    plans: Vec<Shown<'a>>,
    next_cursor: Option<&'a str>,
}

/// A plan as admins see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    credits: Credits,
    roll_over: &'static str,
    roll_over_cap: Option<Credits>,
    clerk_plans: &'a [String],
    stripe_prices: &'a [String],
    public: bool,
    active: bool,
    revision: u64,
    updated_at: Timestamp,
    updated_by: &'a str,
}

/// `GET /api/admin/plans`: all of them by id, those that are not for sale too.
pub(crate) async fn list(
    _: Admin,
    State(function): State<AdminSettings>,
    Query(Wanted { limit, cursor }): Query<Wanted>,
) -> Result<Response, ApiError> {
    if cursor.as_deref().is_some_and(|cursor| !is_id(cursor)) {
        let detail = "`cursor` must be a `nextCursor` as it was answered";
        return Err(
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail).field("cursor")
        );
    }
    let plans = function.admin.directory.plans().await.map_err(unreadable)?;
    let mut rest = plans.iter().skip_while(|plan| Some(&plan.id) <= cursor.as_ref());
    let plans: Vec<_> = rest
        .by_ref()
        .take(usize::try_from(limit.get()).unwrap_or(usize::MAX))
        .map(Shown::of)
        .collect();
    let next_cursor = rest.next().and_then(|_| plans.last()).map(|last| last.id);
    Ok((uncached(), Json(List { plans, next_cursor })).into_response())
}

/// `GET /api/admin/plans/{id}`
pub(crate) async fn show(
    _: Admin,
    State(function): State<AdminSettings>,
    Path(id): Path<String>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, ApiError> {
    let plan = if is_id(&id) {
        function.admin.directory.plan(&id).await.map_err(unreadable)?
    } else {
        None
    };
    plan.as_ref().map(shown).ok_or_else(no_plan)
}

/// `POST /api/admin/plans`
pub(crate) async fn create(
    admin: Admin,
    State(function): State<AdminSettings>,
    body: Result<Json<WrittenPlan>, ApiError>,
) -> Result<Response, ApiError> {
    let mut operation = admin.operation(FUNCTION, "plan-create", None);
    let done = create_as(&function.admin, body, &mut operation).await;
    let plan = function.recorded(operation, done).await?;
    let location = format!("/api/admin/plans/{}", plan.id);
    let location = HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"));
    Ok((StatusCode::CREATED, [(LOCATION, location)], shown(&plan)).into_response())
}

async fn create_as(
    deps: &AdminDeps,
    body: Result<Json<WrittenPlan>, ApiError>,
    operation: &mut Operation,
) -> Result<Plan, ApiError> {
    let Json(written) = body?;
    let missing = || ApiError::invalid_field("id", "`id` is missing");
    let id = written.id.clone().ok_or_else(missing)?;
    let plan = written.accept(&id, 1, (operation.at, operation.actor.clone()))?;
    operation.target = Some(id);
    note(operation, &plan);
    match deps.directory.create_plan(&plan).await.map_err(unreadable)? {
        Created::Done => Ok(plan),
        Created::NameTaken => Err(name_taken(deps, &plan).await),
        Created::Exists => {
            let detail = "there is a plan of this id already; change it or choose another";
            Err(ApiError::new(StatusCode::CONFLICT, "plan_exists", detail).field("id"))
        }
    }
}

/// `PUT /api/admin/plans/{id}`: the whole plan; what is left out has its default again.
pub(crate) async fn replace(
    admin: Admin,
    State(function): State<AdminSettings>,
    Path(id): Path<String>,
    if_match: Result<IfMatch, ApiError>,
    body: Result<Json<WrittenPlan>, ApiError>,
) -> Result<Response, ApiError> {
    let mut operation = admin.operation(FUNCTION, "plan-replace", Some(id.clone()));
    let done = replace_as(&function.admin, (&id, if_match, body), &mut operation).await;
    Ok(shown(&function.recorded(operation, done).await?))
}

async fn replace_as(
    deps: &AdminDeps,
    (id, if_match, body): (&str, Result<IfMatch, ApiError>, Result<Json<WrittenPlan>, ApiError>),
    operation: &mut Operation,
) -> Result<Plan, ApiError> {
    let (IfMatch(seen), Json(written)) = (if_match?, body?);
    if written.id.as_deref().is_some_and(|other| other != id) {
        let detail = "`id` must be the one in the path, or left out: a plan keeps its id";
        return Err(ApiError::invalid_field("id", detail));
    }
    let revision = seen.saturating_add(1);
    let plan = written.accept(id, revision, (operation.at, operation.actor.clone()))?;
    note(operation, &plan);
    match deps.directory.replace_plan(&plan, seen).await.map_err(unreadable)? {
        Replaced::NameTaken => return Err(name_taken(deps, &plan).await),
        outcome => replaced(outcome)?,
    }
    Ok(plan)
}

/// `DELETE /api/admin/plans/{id}`: what it has granted stays; it grants nothing from now on.
pub(crate) async fn delete(
    admin: Admin,
    State(function): State<AdminSettings>,
    Path(id): Path<String>,
    if_match: Result<IfMatch, ApiError>,
) -> Result<StatusCode, ApiError> {
    let operation = admin.operation(FUNCTION, "plan-delete", Some(id.clone()));
    let done = delete_as(&function.admin, &id, if_match).await;
    function.recorded(operation, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_as(
    deps: &AdminDeps,
    id: &str,
    if_match: Result<IfMatch, ApiError>,
) -> Result<(), ApiError> {
    let IfMatch(seen) = if_match?;
    if !is_id(id) {
        return Err(no_plan());
    }
    replaced(deps.directory.delete_plan(id, seen).await.map_err(unreadable)?)
}

fn replaced(outcome: Replaced) -> Result<(), ApiError> {
    match outcome {
        Replaced::Done => Ok(()),
        Replaced::Changed { revision } => Err(changed_meanwhile(revision)),
        Replaced::Missing => Err(no_plan()),
        Replaced::NameTaken => Err(taken("another plan has one of its names".to_owned())),
    }
}

fn no_plan() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no_plan", "there is no plan of this id")
}

/// Whether a plan still has what a provider would look for is said by its record, too.
fn note(operation: &mut Operation, plan: &Plan) {
    let details = [
        ("credits", plan.credits.to_string()),
        ("version", plan.revision.to_string()),
        ("name", plan.name.clone()),
    ];
    operation.details.extend(details.map(|(name, value)| (name.to_owned(), value)));
}

/// 409 with the plan that has the name, and where it stands in the one refused.
async fn name_taken(deps: &AdminDeps, plan: &Plan) -> ApiError {
    let others = match deps.directory.plans().await {
        Ok(others) => others,
        Err(error) => return unreadable(error),
    };
    for other in others.iter().filter(|other| other.id != plan.id) {
        let lists = [
            ("clerkPlans", &plan.clerk_plans, &other.clerk_plans),
            ("stripePrices", &plan.stripe_prices, &other.stripe_prices),
        ];
        for (field, ours, theirs) in lists {
            if let Some(at) = ours.iter().position(|name| theirs.contains(name)) {
                let error = taken(format!("`{field}[{at}]` belongs to the plan `{}`", other.id));
                return error.field(format!("{field}[{at}]")).with("plan", &other.id);
            }
        }
    }
    taken("another plan had one of its names until this moment; send it again".to_owned())
}

fn taken(detail: String) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "provider_plan_taken", detail)
}

impl<'a> Shown<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            id: &plan.id,
            name: &plan.name,
            description: plan.description.as_deref(),
            credits: plan.credits,
            roll_over: plan.roll_over.as_str(),
            roll_over_cap: plan.roll_over.cap(),
            clerk_plans: &plan.clerk_plans,
            stripe_prices: &plan.stripe_prices,
            public: plan.public,
            active: plan.active,
            revision: plan.revision,
            updated_at: plan.updated_at,
            updated_by: &plan.updated_by,
        }
    }
}

fn shown(plan: &Plan) -> Response {
    (uncached(), [(ETAG, etag(plan.revision))], Json(Shown::of(plan))).into_response()
}

fn uncached() -> [(HeaderName, HeaderValue); 1] {
    [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}
