//! Plans and who is on them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::Fault;

/// Every state of an item.
const STATUSES: [&str; 8] =
    ["abandoned", "active", "canceled", "ended", "expired", "incomplete", "past_due", "upcoming"];

/// A plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Such as `cplan_PRO`.
    pub id: String,
    /// Such as `pro`.
    pub slug: String,
    /// The price of a month in US cents; 0 makes it a free plan.
    pub amount_cents: i64,
}

/// A subscription item: one payer's stay on one plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subscription {
    /// The item's id, such as `csub_item_1`.
    pub item: String,
    /// Who pays: `user_…` or `org_…`.
    pub account: String,
    /// The id of a plan.
    pub plan: String,
    /// Clerk's word, such as `active`.
    pub status: String,
    /// When the current period began.
    pub period_start: Timestamp,
    /// When it ends; `None` for a free plan.
    pub period_end: Option<Timestamp>,
}

/// Plans and items in the order they came.
#[derive(Debug, Default)]
pub(super) struct Billing {
    plans: Vec<Plan>,
    items: Vec<Item>,
    places: HashMap<Box<str>, usize>,
    by_account: HashMap<Box<str>, Vec<usize>>,
}

#[derive(Debug)]
struct Item {
    id: Box<str>,
    account: Box<str>,
    plan: usize,
    status: &'static str,
    start_ms: i64,
    end_ms: Option<i64>,
    created_ms: i64,
    updated_ms: i64,
}

/// The question of a list of items.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) status: Option<String>,
    pub(super) payer_type: Option<String>,
    pub(super) plan_id: Option<String>,
    pub(super) include_free: bool,
}

impl Billing {
    pub(super) fn with_usual_plans() -> Self {
        let plan = |id: &str, slug: &str, amount_cents| Plan {
            id: id.to_owned(),
            slug: slug.to_owned(),
            amount_cents,
        };
        let plans = vec![plan("cplan_PRO", "pro", 2_000), plan("cplan_FREE", "free", 0)];
        Self { plans, ..Self::default() }
    }

    pub(super) fn put_plan(&mut self, plan: Plan) {
        match self.plans.iter_mut().find(|known| known.id == plan.id) {
            Some(known) => *known = plan,
            None => self.plans.push(plan),
        }
    }

    pub(super) fn put_item(&mut self, given: &Subscription, now_ms: i64) -> Result<(), Fault> {
        let plan = self.plans.iter().position(|plan| plan.id == given.plan);
        let plan = plan.ok_or_else(|| Fault::invalid("plan"))?;
        let status = STATUSES.into_iter().find(|status| *status == given.status);
        let mut item = Item {
            id: given.item.as_str().into(),
            account: given.account.as_str().into(),
            plan,
            status: status.ok_or_else(|| Fault::invalid("status"))?,
            start_ms: given.period_start.as_millisecond(),
            end_ms: given.period_end.map(Timestamp::as_millisecond),
            created_ms: now_ms,
            updated_ms: now_ms,
        };
        if let Some(known) = self.places.get(&item.id).and_then(|place| self.items.get_mut(*place))
        {
            if known.account != item.account {
                return Err(Fault::invalid("account"));
            }
            item.created_ms = known.created_ms;
            *known = item;
            return Ok(());
        }
        let place = self.items.len();
        self.places.insert(item.id.clone(), place);
        self.by_account.entry(item.account.clone()).or_default().push(place);
        self.items.push(item);
        Ok(())
    }

    pub(super) fn plans(&self, limit: usize, offset: usize, payer: Option<&str>) -> Value {
        let all: Vec<Value> = self.plans.iter().map(plan_json).collect();
        let payer_is = |plan: &Value| payer.is_none_or(|payer| plan["for_payer_type"] == payer);
        let all: Vec<Value> = all.into_iter().filter(payer_is).collect();
        let total = all.len();
        let page: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
        json!({ "data": page, "total_count": total })
    }

    /// Items of all payers, newest first.
    pub(super) fn items(&self, wanted: &Wanted) -> Value {
        let is_wanted = |item: &&Item| {
            let plan = self.plans.get(item.plan);
            let kind = if item.account.starts_with("org_") { "org" } else { "user" };
            wanted.status.as_deref().is_none_or(|status| status == item.status)
                && wanted.payer_type.as_deref().is_none_or(|wanted| wanted == kind)
                && wanted.plan_id.as_ref().is_none_or(|id| plan.is_some_and(|p| p.id == *id))
                && (wanted.include_free || plan.is_some_and(|plan| plan.amount_cents > 0))
        };
        let found: Vec<&Item> = self.items.iter().rev().filter(is_wanted).collect();
        let page = found.iter().skip(wanted.offset).take(wanted.limit);
        let page: Vec<Value> = page.map(|item| self.item_json(item, true)).collect();
        json!({ "data": page, "total_count": found.len() })
    }

    /// The subscription of one payer with its items, oldest first.
    pub(super) fn subscription(&self, account: &str) -> Option<Value> {
        let places = self.by_account.get(account)?;
        let items: Vec<&Item> = places.iter().filter_map(|at| self.items.get(*at)).collect();
        let first = items.first()?;
        let past_due = items.iter().find(|item| item.status == "past_due");
        let next = items.iter().find(|item| item.status == "active" && item.end_ms.is_some());
        let next_payment = next.and_then(|item| {
            let amount = money(self.plans.get(item.plan)?.amount_cents);
            Some(json!({"date": item.end_ms, "amount": amount}))
        });
        Some(json!({
            "object": "commerce_subscription",
            "id": format!("csub_{account}"),
            "instance_id": "ins_stand_in",
            "status": if past_due.is_some() { "past_due" } else { "active" },
            "payer_id": payer_id(account),
            "created_at": first.created_ms,
            "updated_at": items.iter().map(|item| item.updated_ms).max(),
            "active_at": first.created_ms,
            "past_due_at": past_due.map(|item| item.updated_ms),
            "subscription_items":
                items.iter().map(|item| self.item_json(item, false)).collect::<Vec<_>>(),
            "next_payment": next_payment,
            "eligible_for_free_trial": false,
        }))
    }

    fn item_json(&self, item: &Item, with_payer: bool) -> Value {
        let plan = self.plans.get(item.plan);
        let since = |status: &str| (item.status == status).then_some(item.updated_ms);
        let mut json = json!({
            "object": "commerce_subscription_item",
            "id": item.id,
            "instance_id": "ins_stand_in",
            "status": item.status,
            "plan_id": plan.map(|plan| plan.id.as_str()),
            "plan": plan.map(plan_json),
            "plan_period": "month",
            "payer_id": payer_id(&item.account),
            "is_free_trial": false,
            "period_start": item.start_ms,
            "period_end": item.end_ms,
            "canceled_at": since("canceled"),
            "past_due_at": since("past_due"),
            "ended_at": since("ended"),
            "created_at": item.created_ms,
            "updated_at": item.updated_ms,
            "lifetime_paid": plan.map(|plan| money(plan.amount_cents)),
        });
        if let (true, Some(json)) = (with_payer, json.as_object_mut()) {
            json.insert("payer".to_owned(), payer_json(item));
        }
        json
    }
}

fn payer_json(item: &Item) -> Value {
    let organization = item.account.starts_with("org_");
    json!({
        "object": "commerce_payer",
        "id": payer_id(&item.account),
        "instance_id": "ins_stand_in",
        // The one it is not is empty rather than absent.
        "user_id": if organization { "" } else { &item.account },
        "organization_id": if organization { &item.account } else { "" },
        "created_at": item.created_ms,
        "updated_at": item.created_ms,
    })
}

fn payer_id(account: &str) -> String {
    format!("cpayer_{account}")
}

fn plan_json(plan: &Plan) -> Value {
    let yearly_cents = plan.amount_cents.saturating_mul(9) / 10;
    let mut name = plan.slug.clone();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    json!({
        "object": "commerce_plan",
        "id": plan.id,
        "name": name,
        "fee": money(plan.amount_cents),
        "annual_monthly_fee": money(yearly_cents),
        "annual_fee": money(yearly_cents.saturating_mul(12)),
        "description": null,
        "product_id": "cprod_stand_in",
        "is_default": plan.amount_cents == 0,
        "is_recurring": plan.amount_cents > 0,
        "publicly_visible": true,
        "has_base_fee": plan.amount_cents > 0,
        "for_payer_type": "user",
        "slug": plan.slug,
        "avatar_url": null,
        "free_trial_enabled": false,
        "free_trial_days": null,
    })
}

fn money(amount_cents: i64) -> Value {
    let (dollars, cents) = (amount_cents / 100, amount_cents % 100);
    json!({
        "amount": amount_cents,
        "amount_formatted": format!("{dollars}.{cents:02}"),
        "currency": "USD",
        "currency_symbol": "$",
    })
}
