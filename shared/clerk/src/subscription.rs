//! A subscription item: one payer's stay on one plan, period after period.

use jiff::Timestamp;
use ledger::AccountId;
use serde::Deserialize;

use crate::{
    ClerkError,
    user::{fault, time},
};

/// A subscription item as the bulk list tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionItem {
    /// Clerk's name of it.
    pub id: String,
    /// `active`, `canceled`, `past_due`, `upcoming`, `ended`, `expired`, `abandoned`,
    /// `incomplete`, or a word that is not known yet.
    pub status: String,
    /// Clerk's id of the plan.
    pub plan_id: Option<String>,
    /// The plan's name in URLs and tokens.
    pub plan_slug: Option<String>,
    /// Whether the plan costs nothing.
    pub is_free: bool,
    /// Who pays; `None` where Clerk does not say.
    pub payer: Option<AccountId>,
    /// When the current period began.
    pub period_start: Option<Timestamp>,
    /// When it ends; `None` for a plan that has no periods.
    pub period_end: Option<Timestamp>,
    /// The version of this state: the later of two is the newer.
    pub updated_at: Option<Timestamp>,
}

/// A page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionItems {
    /// The items of the page.
    pub items: Vec<SubscriptionItem>,
    /// How many there are on all pages.
    pub total: u64,
}

#[derive(Deserialize)]
pub(crate) struct Page {
    data: Vec<Wire>,
    total_count: u64,
}

/// The members that are read. The documentation, the types of Clerk's own SDKs and its real
/// answers differ, so nothing but the id and the status has to be there.
#[derive(Deserialize)]
struct Wire {
    id: String,
    status: String,
    #[serde(default)]
    plan_id: Option<String>,
    #[serde(default)]
    plan: Option<Plan>,
    #[serde(default)]
    payer: Option<Payer>,
    #[serde(default)]
    period_start: Option<i64>,
    #[serde(default)]
    period_end: Option<i64>,
    #[serde(default)]
    updated_at: Option<i64>,
}

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    slug: Option<String>,
    #[serde(default)]
    has_base_fee: Option<bool>,
    #[serde(default)]
    fee: Option<Money>,
}

#[derive(Deserialize)]
struct Money {
    amount: i64,
}

#[derive(Deserialize)]
struct Payer {
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    organization_id: Option<String>,
}

impl TryFrom<Page> for SubscriptionItems {
    type Error = ClerkError;

    fn try_from(page: Page) -> Result<Self, ClerkError> {
        let items = page.data.into_iter().map(SubscriptionItem::try_from);
        Ok(Self { items: items.collect::<Result<_, _>>()?, total: page.total_count })
    }
}

impl TryFrom<Wire> for SubscriptionItem {
    type Error = ClerkError;

    fn try_from(wire: Wire) -> Result<Self, ClerkError> {
        let at = |time_ms: Option<i64>| {
            time_ms.map(|time_ms| time("a subscription item", time_ms)).transpose()
        };
        Ok(Self {
            payer: wire.payer.map(payer).transpose()?.flatten(),
            is_free: wire.plan.as_ref().is_some_and(Plan::is_free),
            plan_id: wire.plan_id.or_else(|| wire.plan.as_ref()?.id.clone()),
            plan_slug: wire.plan.and_then(|plan| plan.slug).filter(|slug| !slug.is_empty()),
            period_start: at(wire.period_start)?,
            period_end: at(wire.period_end)?,
            updated_at: at(wire.updated_at)?,
            id: wire.id,
            status: wire.status,
        })
    }
}

impl Plan {
    fn is_free(&self) -> bool {
        match (self.has_base_fee, &self.fee) {
            (Some(has_base_fee), _) => !has_base_fee,
            (None, Some(fee)) => fee.amount == 0,
            (None, None) => false,
        }
    }
}

/// The user or organization that pays. The one it is not is absent, `null` or empty.
fn payer(payer: Payer) -> Result<Option<AccountId>, ClerkError> {
    let named = |id: Option<String>| id.filter(|id| !id.is_empty());
    let id = named(payer.user_id).or_else(|| named(payer.organization_id));
    let id = id.map(|id| AccountId::parse(&id)).transpose();
    id.map_err(|_| {
        fault("a subscription item", "has a payer that is neither user nor organization")
    })
}
