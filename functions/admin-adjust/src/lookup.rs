//! `GET /api/admin/users/{id}`, `GET /api/admin/accounts/{account}`: one account with what is known
//! of its owner.

use admin::Admin;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::{Plan, Subscription, User};
use http::header::CACHE_CONTROL;
use http_api::{ApiError, Json, Path};
use jiff::Timestamp;
use ledger::{AccountId, Rejection, account::Account};
use ledger_dynamodb::Projection;
use serde::Serialize;

use crate::{
    AdminAdjust, asked,
    opening::unknown_user,
    shown::{OpenHold, ShownBalance, ShownBucket, ShownEntry},
};

/// How many of the newest entries are shown with an account.
const ENTRIES: u32 = 20;

/// A user: their account, opened or not, and their profile, where there was a sync.
#[derive(Serialize)]
struct ShownUser {
    profile: Option<Profile>,
    #[serde(flatten)]
    account: ShownAccount,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownAccount {
    opened: bool,
    #[serde(flatten)]
    balance: ShownBalance,
    buckets: Vec<ShownBucket>,
    open_holds: Vec<OpenHold>,
    subscriptions: Vec<ShownSubscription>,
    entries: Vec<ShownEntry>,
    sync: Sync,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    email: Option<String>,
    name: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    deleted_at: Option<Timestamp>,
}

/// A subscription as its provider tells of it; `plan` is ours, `null` where none is mapped to it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownSubscription {
    item: String,
    status: String,
    provider_plan: String,
    plan: Option<ShownPlan>,
    period_start: Option<Timestamp>,
    period_end: Option<Timestamp>,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct ShownPlan {
    id: String,
    name: String,
    credits: ledger::Credits,
}

/// How far the balance is shown in the identity provider's metadata.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sync {
    metadata_synced: bool,
    version: Option<u64>,
    projected_at: Option<Timestamp>,
    queued_at: Option<Timestamp>,
}

/// What is read of one account at once.
struct Found {
    account: Option<Account>,
    subscriptions: Vec<ShownSubscription>,
    open_holds: Vec<OpenHold>,
    entries: Vec<ShownEntry>,
    projection: Option<Projection>,
}

pub(crate) async fn user(
    admin: Admin,
    State(function): State<AdminAdjust>,
    id: Result<Path<String>, ApiError>,
) -> Result<Response, ApiError> {
    let id = asked::user(id)?;
    // Boxed: a future of many requests at once is larger than a request's stack should be.
    let found = Box::pin(function.find(&id, admin.now));
    let profile = async { function.deps.directory.user(&id).await.map_err(admin::unreadable) };
    let (profile, found) = tokio::try_join!(profile, found)?;
    if profile.is_none() && found.account.is_none() {
        return Err(unknown_user(&id));
    }
    let account = ShownAccount::of(&id, found, admin.now)?;
    let user = ShownUser { profile: profile.map(Profile::from), account };
    Ok(([(CACHE_CONTROL, "no-store")], Json(user)).into_response())
}

pub(crate) async fn account(
    admin: Admin,
    State(function): State<AdminAdjust>,
    account: Result<Path<String>, ApiError>,
) -> Result<Response, ApiError> {
    let id = asked::account(account, "account")?;
    let found = Box::pin(function.find(&id, admin.now)).await?;
    if found.account.is_none() {
        return Err(Rejection::NoAccount.into());
    }
    let account = ShownAccount::of(&id, found, admin.now)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(account)).into_response())
}

impl AdminAdjust {
    async fn find(&self, id: &AccountId, now: Timestamp) -> Result<Found, ApiError> {
        let (store, directory) = (&self.deps.store, &self.deps.directory);
        let books = async {
            let read = tokio::try_join!(
                store.account(id),
                store.open_holds(id, now),
                store.history(id, ENTRIES, None),
                store.projection(id),
            );
            read.map_err(admin::unreadable)
        };
        let plans = async {
            let subscriptions = directory.subscriptions(id).await.map_err(admin::unreadable)?;
            // Most accounts have no subscription, and then no plan is needed.
            let plans = match subscriptions.as_slice() {
                [] => Vec::new(),
                _ => directory.plans().await.map_err(admin::unreadable)?,
            };
            Ok(subscriptions.into_iter().map(|one| ShownSubscription::of(one, &plans)).collect())
        };
        let ((account, holds, page, projection), subscriptions) = tokio::try_join!(books, plans)?;
        Ok(Found {
            account,
            subscriptions,
            open_holds: holds.into_iter().map(OpenHold::from).collect(),
            entries: page.entries.iter().map(ShownEntry::of).collect(),
            projection,
        })
    }
}

impl ShownAccount {
    fn of(id: &AccountId, found: Found, now: Timestamp) -> Result<Self, ApiError> {
        let opened = found.account.is_some();
        let account = found.account.unwrap_or_else(|| Account::unopened(id.clone()));
        let read = ShownBalance::with_buckets(&account, now);
        let (balance, buckets) = read.map_err(|error| ApiError::internal(&error))?;
        Ok(Self {
            opened,
            balance,
            buckets,
            open_holds: found.open_holds,
            subscriptions: found.subscriptions,
            entries: found.entries,
            sync: Sync::of(found.projection.as_ref(), &account),
        })
    }
}

impl Sync {
    /// What was sent at once is noted before it is sent, and noted again only where it has to wait:
    /// so a version that was tried and does not wait is shown.
    fn of(projection: Option<&Projection>, account: &Account) -> Self {
        let queued_at = projection.and_then(|noted| noted.queued_at);
        let projected = projection.and_then(|noted| noted.projected);
        let attempted = projection.and_then(|noted| noted.attempted);
        let version = if queued_at.is_some() { projected } else { projected.max(attempted) };
        Self {
            metadata_synced: version.is_some_and(|version| version >= account.balance.revision),
            version,
            projected_at: projection.and_then(|noted| noted.projected_at),
            queued_at,
        }
    }
}

impl ShownSubscription {
    fn of(subscription: Subscription, plans: &[Plan]) -> Self {
        let (id, slug) = (&subscription.plan, subscription.plan_slug.as_ref());
        let is_its = |plan: &&Plan| {
            let mut names = plan.clerk_plans.iter().chain(&plan.stripe_prices);
            names.any(|name| name == id || Some(name) == slug)
        };
        let plan = plans.iter().find(is_its).map(|plan| ShownPlan {
            id: plan.id.clone(),
            name: plan.name.clone(),
            credits: plan.credits,
        });
        Self {
            item: subscription.item,
            status: subscription.status,
            provider_plan: subscription.plan,
            plan,
            period_start: subscription.period_start,
            period_end: subscription.period_end,
            updated_at: subscription.updated_at,
        }
    }
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            email: user.email,
            name: user.name,
            created_at: user.created_at,
            updated_at: user.updated_at,
            deleted_at: user.deleted_at,
        }
    }
}
