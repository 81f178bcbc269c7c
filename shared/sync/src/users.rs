//! A page of users: taken over, their accounts opened, their balances set where that was asked.

use std::collections::BTreeMap;

use clerk::User;
use directory::{
    Upserted, UserFacts,
    runs::{Phase, Position},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ledger::{
    AccountId, Credits,
    balance::Balance,
    command::{Action, Adjustment},
};

use crate::{
    SyncError,
    accounts::AT_ONCE,
    step::{Step, Walked, milliseconds},
    tally::Tally,
};

/// Users after which a step looks at the clock: what was done so far can be committed.
const CHUNK: usize = 100;

/// What marks of accounts say that were opened here.
const FOR_USERS: &str = "users";

/// What is known of a chunk of users before anything is done.
struct Known {
    users: BTreeMap<AccountId, directory::User>,
    balances: BTreeMap<AccountId, Result<Balance, ()>>,
}

/// Does the page of users that comes next.
pub(crate) async fn page(step: &Step<'_>) -> Result<Walked, SyncError> {
    let clerk = &step.parts.projector.clerk;
    let (size, after) = (step.run.options.page_size, &step.run.progress.position.after);
    let begun = step.now();
    let users = clerk.users(size, after.as_deref()).await?;
    let provider_ms = milliseconds(begun, step.now());
    let is_full = users.len() >= usize::from(size);
    let mut tally = Tally::default();
    let (mut done, mut last) = (0_usize, None);
    for users in users.chunks(CHUNK) {
        if done > 0 && step.is_late() {
            break;
        }
        tally.add(chunk(step, users).await?);
        done = done.saturating_add(users.len());
        last = users.last().map(|user| user.id.to_string());
    }
    let more = done < users.len() || (is_full && follows(step, last.as_deref()).await?);
    let after = last.or_else(|| after.clone());
    let next = more.then(|| Position { phase: Phase::Users, after, ..Position::default() });
    Ok(Walked { tally, next, size: u64::try_from(done).unwrap_or(u64::MAX), provider_ms })
}

/// Whether there are users after a full page. Where the run would go on anyway the next page will
/// tell; where it may have to end here, an answer that says `complete` has to be right.
async fn follows(step: &Step<'_>, last: Option<&str>) -> Result<bool, SyncError> {
    let pages = step.run.progress.phase_pages.saturating_add(1);
    if step.run.options.max_pages.is_none_or(|max| pages < max) {
        return Ok(true);
    }
    Ok(!step.parts.projector.clerk.users(1, last).await?.is_empty())
}

async fn chunk(step: &Step<'_>, users: &[User]) -> Result<Tally, SyncError> {
    let mut tally = Tally::default();
    let ids: Vec<AccountId> = users.iter().map(|user| user.id.clone()).collect();
    let directory = &step.parts.projector.directory;
    let known = Known {
        users: directory.users(&ids).await?,
        balances: step.balances(&ids, &mut tally).await?,
    };
    // Collected, because a stream of borrowing closures cannot be sent to another thread.
    let doing: Vec<_> = users.iter().map(|user| one(step, user, &known)).collect();
    let done: Vec<Tally> = stream::iter(doing).buffered(AT_ONCE).try_collect().await?;
    for one in done {
        tally.add(one);
    }
    if !step.run.options.dry_run {
        // Read after the last of them was opened: what another try has opened counts too.
        let opened = directory.opened_by(step.run.id, &ids).await?;
        let opened = opened.values().filter(|opened_for| *opened_for == FOR_USERS).count();
        tally.counters.created_balances = u64::try_from(opened).unwrap_or(u64::MAX);
    }
    Ok(tally)
}

async fn one(step: &Step<'_>, user: &User, known: &Known) -> Result<Tally, SyncError> {
    let mut tally = Tally::default();
    tally.counters.processed = 1;
    if step.run.options.sync_users {
        if !take_over(step, user, known.users.get(&user.id), &mut tally).await? {
            return Ok(tally);
        }
    } else if known.users.get(&user.id).is_some_and(|known| known.deleted_at.is_some()) {
        return Ok(tally);
    }
    let revision = match known.balances.get(&user.id) {
        Some(Err(())) => return Ok(tally),
        Some(Ok(balance)) => Some(balance.revision),
        None if step.run.options.dry_run => {
            tally.counters.created_balances = 1;
            tally.would(&user.id, "open", Some(step.terms.signup));
            None
        }
        None => step.open(&user.id, FOR_USERS).await?,
    };
    let revision = match step.run.options.override_credits {
        Some(target) => set(step, &user.id, (target, revision), &mut tally).await?,
        None => revision,
    };
    if revision > user.credits_version {
        tally.to_show.insert(user.id.clone());
    }
    Ok(tally)
}

/// Takes the user over, if Clerk tells anything new. `false` for one that was deleted, whatever
/// Clerk says: nothing else is done for them.
async fn take_over(
    step: &Step<'_>,
    user: &User,
    known: Option<&directory::User>,
    tally: &mut Tally,
) -> Result<bool, SyncError> {
    if known.is_some_and(|known| known.deleted_at.is_some()) {
        return Ok(false);
    }
    let run = step.run.id;
    let created = match known {
        Some(known) if known.updated_at >= user.updated_at => known.seen_run == Some(run),
        _ if step.run.options.dry_run => {
            let change = if known.is_none() { "create_user" } else { "update_user" };
            tally.would(&user.id, change, None);
            known.is_none()
        }
        _ => {
            let facts = UserFacts {
                id: user.id.clone(),
                email: user.email.clone(),
                name: user.name.clone(),
                created_at: user.created_at,
                updated_at: user.updated_at,
            };
            let directory = &step.parts.projector.directory;
            let (upserted, row) = directory.upsert_user(&facts, Some(run), false).await?;
            if upserted == Upserted::Deleted {
                return Ok(false);
            }
            row.seen_run == Some(run)
        }
    };
    tally.counters.created_users = u64::from(created);
    Ok(true)
}

/// Sets the balance, and returns its revision.
async fn set(
    step: &Step<'_>,
    account: &AccountId,
    (target, revision): (Credits, Option<u64>),
    tally: &mut Tally,
) -> Result<Option<u64>, SyncError> {
    if step.run.options.dry_run && revision.is_none() {
        let by = target.checked_sub(step.terms.signup).unwrap_or(target);
        if by != Credits::ZERO {
            tally.counters.credits_refreshed = 1;
            tally.would(account, "override", Some(by));
        }
        return Ok(None);
    }
    let adjustment = Adjustment::To(target);
    let reason = Some("bulk sync".to_owned());
    let action = Action::Adjust { adjustment, reason, key: None };
    let what = ["override", account.as_str()];
    let Some(moved) = step.submit(account, &what, action, tally).await? else {
        return Ok(revision);
    };
    if moved.credits.is_some() {
        tally.counters.credits_refreshed = 1;
        if step.run.options.dry_run {
            tally.would(account, "override", moved.credits);
        }
    }
    Ok(Some(moved.revision))
}
