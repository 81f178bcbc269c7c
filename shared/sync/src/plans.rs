//! A page of subscription items: taken over, and the current period's credits granted.

use std::collections::BTreeMap;

use clerk::SubscriptionItem;
use directory::{Plan, Subscription, User};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use ledger::{
    AccountId, Credits,
    balance::Balance,
    command::{Action, PlanGrant},
    grant_key::GrantKey,
};

use crate::{
    SyncError,
    accounts::AT_ONCE,
    step::{Step, Walked, milliseconds},
    tally::Tally,
    walk,
};

/// Items after which a step looks at the clock: what was done so far can be committed.
const CHUNK: usize = 50;

/// What is known of a chunk of items before anything is done.
struct Known<'a> {
    plans: &'a [Plan],
    users: BTreeMap<AccountId, User>,
    balances: BTreeMap<AccountId, Result<Balance, ()>>,
}

/// A plan's period that an item gives now.
struct Period<'a> {
    account: &'a AccountId,
    /// Clerk's name of the plan: its id, or where it has none its slug.
    plan_name: &'a str,
    plan: &'a Plan,
    start: Timestamp,
    end: Option<Timestamp>,
}

/// Does the page of items that comes next.
pub(crate) async fn page(step: &Step<'_>) -> Result<Walked, SyncError> {
    let position = &step.run.progress.position;
    let projector = &step.parts.projector;
    let plans = projector.directory.plans().await?;
    let begun = step.now();
    let page = walk::page(&projector.clerk, position, step.run.options.page_size).await?;
    let provider_ms = milliseconds(begun, step.now());
    let mut tally = Tally::default();
    if page.lost {
        tally.trouble(None, None, "list_shifted");
    }
    let mut done = 0_usize;
    for items in page.items.chunks(CHUNK) {
        if done > 0 && step.is_late() {
            break;
        }
        tally.add(chunk(step, items, &plans).await?);
        done = done.saturating_add(items.len());
    }
    let next = walk::after(&page, done, position);
    Ok(Walked { tally, next, size: u64::try_from(done).unwrap_or(u64::MAX), provider_ms })
}

async fn chunk(
    step: &Step<'_>,
    items: &[SubscriptionItem],
    plans: &[Plan],
) -> Result<Tally, SyncError> {
    let mut tally = Tally::default();
    let payers: Vec<AccountId> = items.iter().filter_map(|item| item.payer.clone()).collect();
    let directory = &step.parts.projector.directory;
    let known = Known {
        plans,
        users: directory.users(&payers).await?,
        balances: step.balances(&payers, &mut tally).await?,
    };
    // An account's items one after the other: two at once would only meet at its balance.
    let mut by_payer: BTreeMap<Option<&AccountId>, Vec<&SubscriptionItem>> = BTreeMap::new();
    for item in items {
        by_payer.entry(item.payer.as_ref()).or_default().push(item);
    }
    // Collected, because a stream of borrowing closures cannot be sent to another thread.
    let doing: Vec<_> =
        by_payer.into_values().map(|items| one_payers(step, items, &known)).collect();
    let done: Vec<Tally> = stream::iter(doing).buffered(AT_ONCE).try_collect().await?;
    for one in done {
        tally.add(one);
    }
    if step.run.options.set_credits && !step.run.options.dry_run {
        // Read after the last of them was opened: what another try has opened counts too.
        let opened = directory.opened_by(step.run.id, &payers).await?;
        let of_these = |opened_for: &&String| items.iter().any(|item| item.id == **opened_for);
        let opened = opened.values().filter(of_these).count();
        tally.counters.created_balances = u64::try_from(opened).unwrap_or(u64::MAX);
    }
    Ok(tally)
}

async fn one_payers(
    step: &Step<'_>,
    items: Vec<&SubscriptionItem>,
    known: &Known<'_>,
) -> Result<Tally, SyncError> {
    let mut tally = Tally::default();
    for item in items {
        tally.add(one(step, item, known).await?);
    }
    // A run that opens nothing counts an account it would open once, whatever it holds.
    let would_open = &mut tally.counters.created_balances;
    *would_open = (*would_open).min(1);
    Ok(tally)
}

async fn one(
    step: &Step<'_>,
    item: &SubscriptionItem,
    known: &Known<'_>,
) -> Result<Tally, SyncError> {
    let mut tally = Tally::default();
    tally.counters.subscription_items = 1;
    let plan = known.plans.iter().find(|plan| stands_for(plan, item));
    let gives = gives_now(item, step.now());
    if gives && plan.is_none() && !item.is_free {
        let name = item.plan_id.as_ref().or(item.plan_slug.as_ref());
        tally.unmapped.extend(name.cloned());
    }
    let counts = gives && (plan.is_some() || !item.is_free);
    let (Some(account), Some(plan_name)) = (&item.payer, plan_name(item)) else {
        if counts {
            tally.counters.active_subscriptions = 1;
            let code = if item.payer.is_none() { "no_payer" } else { "no_plan" };
            tally.trouble(item.payer.as_ref(), Some(&item.id), code);
        }
        return Ok(tally);
    };
    if known.users.get(account).is_some_and(|user| user.deleted_at.is_some()) {
        return Ok(tally);
    }
    tally.counters.active_subscriptions = u64::from(counts);
    if step.run.options.sync_plans && !step.run.options.dry_run {
        keep(step, item, account, plan_name).await?;
    }
    let plan = plan.filter(|plan| plan.active && gives && step.run.options.set_credits);
    let (Some(plan), Some(start)) = (plan, item.period_start) else { return Ok(tally) };
    if matches!(known.balances.get(account), Some(Err(()))) {
        return Ok(tally);
    }
    let period = Period { account, plan_name, plan, start, end: item.period_end };
    grant(step, item, &period, known, &mut tally).await?;
    Ok(tally)
}

/// Keeps the subscription, unless what is kept is as new.
async fn keep(
    step: &Step<'_>,
    item: &SubscriptionItem,
    account: &AccountId,
    plan_name: &str,
) -> Result<(), SyncError> {
    let subscription = Subscription {
        account: account.clone(),
        item: item_name(item),
        plan: plan_name.to_owned(),
        plan_slug: item.plan_slug.clone(),
        status: item.status.clone(),
        period_start: item.period_start,
        period_end: item.period_end,
        updated_at: item.updated_at.or(item.period_start).unwrap_or(Timestamp::UNIX_EPOCH),
    };
    step.parts.projector.directory.upsert_subscription(&subscription).await?;
    Ok(())
}

/// Raises the period to the plan's credits, as its key has it: whoever brings the fact, by this
/// run, an earlier one or a webhook, it counts once.
async fn grant(
    step: &Step<'_>,
    item: &SubscriptionItem,
    period: &Period<'_>,
    known: &Known<'_>,
    tally: &mut Tally,
) -> Result<(), SyncError> {
    let Period { account, plan_name, plan, start, end } = *period;
    let subscription = item_name(item);
    let Ok(key) = GrantKey::plan(&subscription, start, plan_name) else {
        tally.trouble(Some(account), Some(&item.id), "no_grant_key");
        return Ok(());
    };
    if !known.balances.contains_key(account) {
        if step.run.options.dry_run {
            // A user would have been opened by the walk over the users, if there was one.
            let is_new = !(account.is_user() && step.run.options.walks_users());
            tally.counters.created_balances = u64::from(is_new);
            tally.counters.credits_refreshed = 1;
            tally.would_grant(account, "grant", Some(plan.credits), Some(&plan.id));
            return Ok(());
        }
        step.open(account, &item.id).await?;
    }
    let what = ["grant", account.as_str(), key.as_str()];
    let grant = PlanGrant {
        key: key.clone(),
        subscription,
        period_start: start,
        credits: plan.credits,
        expires_at: end.and_then(|end| end.checked_add(step.terms.renewal_grace).ok()),
        roll_over: plan.roll_over,
    };
    let done = step.submit(account, &what, Action::GrantPlan(grant), tally).await?;
    let Some(credits) = done.and_then(|moved| moved.credits) else { return Ok(()) };
    refreshed(step, account, (credits, plan), tally);
    Ok(())
}

fn refreshed(
    step: &Step<'_>,
    account: &AccountId,
    (credits, plan): (Credits, &Plan),
    tally: &mut Tally,
) {
    tally.counters.credits_refreshed = 1;
    if step.run.options.dry_run {
        tally.would_grant(account, "grant", Some(credits), Some(&plan.id));
    } else {
        tally.to_show.insert(account.clone());
    }
}

/// Whether the item gives its payer something now: its period runs, and it is active or was
/// cancelled for the period's end.
fn gives_now(item: &SubscriptionItem, now: Timestamp) -> bool {
    matches!(item.status.as_str(), "active" | "canceled")
        && item.period_start.is_none_or(|start| start <= now)
        && item.period_end.is_none_or(|end| now < end)
}

/// Whether the plan stands for the one of the item, which it names by id or by slug.
fn stands_for(plan: &Plan, item: &SubscriptionItem) -> bool {
    let named = |name: &Option<String>| {
        name.as_ref().is_some_and(|name| plan.clerk_plans.iter().any(|known| known == name))
    };
    named(&item.plan_id) || named(&item.plan_slug)
}

fn plan_name(item: &SubscriptionItem) -> Option<&str> {
    item.plan_id.as_deref().or(item.plan_slug.as_deref())
}

/// The item's name with the provider's before it.
fn item_name(item: &SubscriptionItem) -> String {
    format!("clerk:{}", item.id)
}
