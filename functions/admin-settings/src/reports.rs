//! `GET /api/admin/reports`: how the whole is doing.
//!
//! Nothing is counted for a report: it shows what the daily pass, the syncs and the queues have
//! counted, and says of when each number is.

mod ages;
mod queues;
mod range;
mod syncs;

use std::collections::BTreeMap;

use admin::{Admin, unreadable};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::{Band, DayUse, Pass};
use http::header::CACHE_CONTROL;
use http_api::{ApiError, Json, Query};
use jiff::{Timestamp, civil::Date};
use ledger::Credits;
use serde::Serialize;

pub(crate) use self::queues::Queues;
use self::{queues::Depth, range::Wanted, syncs::Syncs};
use crate::AdminSettings;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    from: Date,
    to: Date,
    /// `null` before the first daily pass is through.
    balances: Option<Balances>,
    usage: Vec<DayFeature>,
    /// The last day of which all use is counted; `null` while there is none.
    usage_complete_to: Option<Date>,
    syncs: Syncs,
    queues: Vec<Depth>,
}

/// The balances of all accounts, as the last daily pass found them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Balances {
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    accounts: u64,
    credits: u64,
    debt: u64,
    unreadable: u64,
    low_balance: Credits,
    high_balance: Credits,
    /// Accounts in each band; the bands are those of the list of users.
    bands: BTreeMap<&'static str, u64>,
    distribution: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    from: Credits,
    to: Credits,
    accounts: u64,
}

#[derive(Serialize)]
struct DayFeature {
    day: Date,
    feature: String,
    calls: u64,
    credits: u64,
    released: u64,
    expired: u64,
}

/// `GET /api/admin/reports?from&to`
pub(crate) async fn show(
    admin: Admin,
    State(function): State<AdminSettings>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let range = wanted.range(admin.now)?;
    let directory = &function.admin.directory;
    let (pass, usage, progress, syncs, queues) = tokio::join!(
        directory.latest_pass(),
        directory.usage(range.from, range.to),
        directory.usage_progress(),
        syncs::read(directory, range),
        function.queues.depths(admin.now),
    );
    let report = Report {
        from: range.from,
        to: range.to,
        balances: pass.map_err(unreadable)?.as_ref().map(Balances::of),
        usage: usage.map_err(unreadable)?.into_iter().map(DayFeature::of).collect(),
        usage_complete_to: progress
            .map_err(unreadable)?
            .and_then(|progress| progress.last_complete_day()),
        syncs: syncs?,
        queues,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(report)).into_response())
}

impl Balances {
    fn of(pass: &Pass) -> Self {
        let in_band = |band: Band| (band.as_str(), pass.bands.get(&band).copied().unwrap_or(0));
        let steps = pass.distribution.iter();
        let steps =
            steps.map(|step| Step { from: step.from, to: step.to, accounts: step.accounts });
        Self {
            started_at: pass.started_at,
            finished_at: pass.finished_at,
            accounts: pass.totals.accounts,
            credits: pass.totals.credits,
            debt: pass.totals.debt,
            unreadable: pass.totals.unreadable,
            low_balance: pass.low,
            high_balance: pass.high,
            bands: Band::ALL.map(in_band).into(),
            distribution: steps.collect(),
        }
    }
}

impl DayFeature {
    fn of(DayUse { day, feature, calls, credits, released, expired }: DayUse) -> Self {
        Self { day, feature, calls, credits, released, expired }
    }
}
