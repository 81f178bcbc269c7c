//! `GET /api/admin/users`: users found by e-mail or id, or by what they had at the last daily pass.

use std::{collections::BTreeMap, fmt, str::FromStr};

use admin::{Admin, Limit};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::{Band, BandPosition, User};
use http::header::CACHE_CONTROL;
use http_api::{ApiError, Json, Query};
use jiff::{Timestamp, civil::Date};
use ledger::{AccountId, Credits, balance::Balance};
use serde::{Deserialize, Serialize};

use crate::{AdminAdjust, cursor, shown::frozen};

/// What every id of a user begins with. No e-mail address of a user begins like this and has no
/// `@` behind it.
const USER_PREFIX: &str = "user_";

/// `?q=&band=&limit=&cursor=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    q: Option<String>,
    band: Option<Band>,
    #[serde(default)]
    limit: Limit,
    cursor: Option<String>,
}

/// Where a page of a band ended.
#[derive(Clone, Copy)]
struct Place {
    day: Date,
    position: BandPosition,
}

/// One page. `pass` says when the rows of a band were chosen; `null` for a search.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserPage {
    users: Vec<Row>,
    pass: Option<Pass>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pass {
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
}

/// A user, or in a band any account, as it is now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    account: String,
    email: Option<String>,
    name: Option<String>,
    created_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    opened: bool,
    credits_remaining: Option<Credits>,
    frozen: Vec<&'static str>,
}

pub(crate) async fn list(
    admin: Admin,
    State(function): State<AdminAdjust>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let users = match wanted.band {
        Some(_) if wanted.q.is_some() => {
            let detail = "`band` and `q` are two ways to find users: send one of them";
            return Err(ApiError::invalid_field("band", detail));
        }
        Some(band) => function.band(band, &wanted, admin.now).await?,
        None => function.found(&wanted, admin.now).await?,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(users)).into_response())
}

impl AdminAdjust {
    /// Users whose e-mail address or id begins with `q`; without it, all of them by their ids.
    async fn found(&self, wanted: &Wanted, now: Timestamp) -> Result<UserPage, ApiError> {
        let after: Option<String> = cursor::decode(wanted.cursor.as_deref())?;
        let (directory, limit) = (&self.deps.directory, wanted.limit.get());
        let text = wanted.q.as_deref().unwrap_or_default().trim();
        let by_id = text.is_empty() || text.starts_with(USER_PREFIX) && !text.contains('@');
        let page = if by_id {
            directory.users_by_id(text, limit, after.as_deref()).await.map_err(admin::unreadable)?
        } else {
            directory
                .users_by_email(text, limit, after.as_deref())
                .await
                .map_err(admin::unreadable)?
        };
        let ids: Vec<AccountId> = page.users.iter().map(|user| user.id.clone()).collect();
        let users = page.users.into_iter().map(|user| (user.id.clone(), user)).collect();
        let rows = self.rows(&ids, users, now).await?;
        Ok(UserPage {
            users: rows,
            pass: None,
            next_cursor: page.next.as_ref().map(cursor::encode),
        })
    }

    /// The accounts that were in a band at the last daily pass.
    async fn band(
        &self,
        band: Band,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<UserPage, ApiError> {
        let after: Option<Place> = cursor::decode(wanted.cursor.as_deref())?;
        let directory = &self.deps.directory;
        // A walk stays with the pass it began with, whatever has been counted since.
        let pass = match after {
            Some(Place { day, .. }) => directory.pass(day).await.map_err(admin::unreadable)?,
            None => directory.latest_pass().await.map_err(admin::unreadable)?,
        };
        let Some(pass) = pass else {
            return Ok(UserPage { users: Vec::new(), pass: None, next_cursor: None });
        };
        let after = after.map(|after| after.position);
        let page = directory
            .band(pass.id, band, wanted.limit.get(), after)
            .await
            .map_err(admin::unreadable)?;
        let users = directory.users(&page.accounts).await.map_err(admin::unreadable)?;
        let next = page.next.map(|position| Place { day: pass.day, position });
        Ok(UserPage {
            users: self.rows(&page.accounts, users, now).await?,
            pass: Some(Pass { started_at: pass.started_at, finished_at: pass.finished_at }),
            next_cursor: next.as_ref().map(cursor::encode),
        })
    }

    /// The rows in the order of `ids`, with the balances of now.
    async fn rows(
        &self,
        ids: &[AccountId],
        mut users: BTreeMap<AccountId, User>,
        now: Timestamp,
    ) -> Result<Vec<Row>, ApiError> {
        let balances = self.deps.store.balances(ids).await.map_err(admin::unreadable)?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            let balance = balances.get(id);
            let available = match balance {
                Some(balance) => Some(self.available(id, balance, now).await?),
                None => None,
            };
            rows.push(Row::of(id, users.remove(id), balance, available));
        }
        Ok(rows)
    }

    /// What can be spent. Only where credits have expired and nothing has run since, that is not
    /// the stored number, and the buckets tell.
    async fn available(
        &self,
        id: &AccountId,
        balance: &Balance,
        now: Timestamp,
    ) -> Result<Credits, ApiError> {
        if !balance.expiry_due(now) {
            return Ok(balance.available);
        }
        let account = self.deps.store.account(id).await.map_err(admin::unreadable)?;
        let view = account.map(|account| account.view(now)).transpose();
        let view = view.map_err(|error| ApiError::internal(&error))?;
        Ok(view.map_or(balance.available, |view| view.available))
    }
}

impl Row {
    fn of(
        id: &AccountId,
        user: Option<User>,
        balance: Option<&Balance>,
        available: Option<Credits>,
    ) -> Self {
        let created_at = user.as_ref().map(|user| user.created_at);
        let deleted_at = user.as_ref().and_then(|user| user.deleted_at);
        let (email, name) = user.map(|user| (user.email, user.name)).unwrap_or_default();
        Self {
            account: id.to_string(),
            email,
            name,
            created_at,
            deleted_at,
            opened: balance.is_some(),
            credits_remaining: available,
            frozen: balance.map(|balance| frozen(&balance.frozen)).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.day, self.position)
    }
}

/// Not a place in a band of a pass.
struct InvalidPlace;

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let (day, position) = text.split_once(' ').ok_or(InvalidPlace)?;
        let day = day.parse().map_err(|_| InvalidPlace)?;
        Ok(Self { day, position: position.parse().map_err(|_| InvalidPlace)? })
    }
}
