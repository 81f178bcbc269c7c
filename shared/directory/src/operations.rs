//! What admins did, or were refused: one row each, kept for ever.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp, civil::Date, fmt::serde::timestamp::millisecond};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{
    Directory,
    error::DirectoryError,
    item::{self, Item, as_text, keyed, number, text},
    key,
};

/// No operation is older: there was no product. So a walk back in time has an end.
const FIRST_DAY: Date = Date::constant(2026, 11, 1);

/// Days looked through for one page. A quiet month costs a tenth of a second; what is left comes
/// with the next page.
const DAYS_MAX: usize = 40;

/// Operations examined for one page, so that a filter that finds nothing has its end too.
const EXAMINED_MAX: usize = 500;

/// How far ahead of this machine's clock another's may be: its newest operations are shown too.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(1);

/// One thing an admin did or tried to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name; the time in it is `at`.
    #[serde(rename = "sk", with = "as_text")]
    pub id: Ulid,
    /// When it was asked for.
    #[serde(with = "millisecond::required")]
    pub at: Timestamp,
    /// Who asked, such as `admin:user_…`.
    pub actor: String,
    /// The function that was asked.
    pub function: String,
    /// What was asked: `adjust`, `grant`, `refund`, `freeze`, `unfreeze`, `sync`, `sync-cancel`,
    /// `sync-resume`, `price-book`, `plan-create`, `plan-replace`, `plan-delete`, `setting`.
    pub action: String,
    /// On whom or what: an account, a plan, a setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What became of it.
    pub result: OperationResult,
    /// Why it was refused or failed: the stable code of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What else is worth keeping, by short names: `asked`, `moved`, `entry`, `before`, `after`.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationResult {
    /// It was done.
    Done,
    /// It had been done by the same request before.
    Replayed,
    /// There was nothing to do.
    Unchanged,
    /// It was refused: the request or the state of things did not allow it.
    Refused,
    /// It failed on our side.
    Failed,
    /// Credits are off.
    CreditsDisabled,
}

impl OperationResult {
    /// The word in the table, in answers and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Replayed => "replayed",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::CreditsDisabled => "credits_disabled",
        }
    }
}

/// Which operations to show. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationFilter {
    /// Exactly this actor.
    pub actor: Option<String>,
    /// Exactly this action.
    pub action: Option<String>,
    /// Exactly this target.
    pub target: Option<String>,
    /// Exactly this result.
    pub result: Option<OperationResult>,
    /// From here on.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
}

/// Some operations, newest first, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationPage {
    /// The operations; fewer than asked for, or none, where a page came to its bounds.
    pub operations: Vec<Operation>,
    /// Ask again `after` this for older ones; `None` at the end.
    pub next: Option<Ulid>,
}

impl Operation {
    /// The row, for a transaction that does what it tells.
    pub fn item(&self) -> Item {
        let mut item = keyed(key::operations(day_of(self.id)), self.id);
        let details = self.details.iter().map(|(name, value)| (name.clone(), text(value)));
        let details: HashMap<String, AttributeValue> = details.collect();
        let attributes = [
            ("at", Some(number(self.at.as_millisecond()))),
            ("actor", Some(text(&self.actor))),
            ("function", Some(text(&self.function))),
            ("action", Some(text(&self.action))),
            ("target", self.target.as_ref().map(text)),
            ("result", Some(text(self.result.as_str()))),
            ("error", self.error.as_ref().map(text)),
            ("details", Some(AttributeValue::M(details))),
        ];
        let given = attributes.into_iter();
        item.extend(given.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        item
    }
}

impl OperationFilter {
    fn matches(&self, operation: &Operation) -> bool {
        let same = |wanted: &Option<String>, is: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| Some(wanted) == is)
        };
        same(&self.actor, Some(&operation.actor))
            && same(&self.action, Some(&operation.action))
            && same(&self.target, operation.target.as_ref())
            && self.result.is_none_or(|wanted| wanted == operation.result)
    }
}

impl Directory {
    /// Keeps the operation. The same one again replaces itself.
    pub async fn record(&self, operation: &Operation) -> Result<(), DirectoryError> {
        let item = operation.item();
        let request = self.client.put_item().table_name(&self.state_table).set_item(Some(item));
        request.send().await.map(drop).map_err(DirectoryError::unavailable)
    }

    /// At most `limit` operations that match, newest first, older than `after`.
    ///
    /// A page walks back at most 40 days and looks at no more than 500 operations, so it may come
    /// back short, or empty, with where to go on.
    pub async fn operations(
        &self,
        filter: &OperationFilter,
        now: Timestamp,
        limit: u32,
        after: Option<Ulid>,
    ) -> Result<OperationPage, DirectoryError> {
        let newest = filter.until.or_else(|| now.checked_add(CLOCKS_APART).ok()).unwrap_or(now);
        let newest = first_of(newest);
        let mut below = after.map_or(newest, |after| after.min(newest));
        let oldest = filter
            .since
            .map_or(key::start_of(FIRST_DAY), |since| since.max(key::start_of(FIRST_DAY)));
        let oldest = first_of(oldest);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut page = OperationPage::default();
        let mut examined = 0;
        for _ in 0..DAYS_MAX {
            if below <= oldest {
                return Ok(page);
            }
            let day = day_of(Ulid(below.0.saturating_sub(1)));
            let found = self.of_day(day, oldest, below, EXAMINED_MAX - examined).await?;
            for operation in found {
                examined += 1;
                below = operation.id;
                if !filter.matches(&operation) {
                    continue;
                }
                if page.operations.len() == limit {
                    page.next = page.operations.last().map(|last| last.id);
                    return Ok(page);
                }
                page.operations.push(operation);
            }
            if examined >= EXAMINED_MAX {
                break;
            }
            below = first_of(key::start_of(day));
        }
        page.next = Some(below).filter(|below| *below > oldest);
        Ok(page)
    }

    /// At most `limit` operations of one day, newest first, from `oldest` on and before `below`.
    async fn of_day(
        &self,
        day: Date,
        oldest: Ulid,
        below: Ulid,
        limit: usize,
    ) -> Result<Vec<Operation>, DirectoryError> {
        let newest = Ulid(below.0.saturating_sub(1));
        let query = self
            .partition(&key::operations(day))
            .key_condition_expression("pk = :pk AND sk BETWEEN :oldest AND :newest")
            .expression_attribute_values(":oldest", text(oldest))
            .expression_attribute_values(":newest", text(newest))
            .scan_index_forward(false);
        item::read_all(self.items(query, Some(limit)).await?)
    }
}

/// The first name that something at `at` can have.
fn first_of(at: Timestamp) -> Ulid {
    Ulid::from_parts(u64::try_from(at.as_millisecond()).unwrap_or_default(), 0)
}

/// The day in the name of an operation.
fn day_of(id: Ulid) -> Date {
    let millis = i64::try_from(id.timestamp_ms()).unwrap_or_default();
    key::day(Timestamp::from_millisecond(millis).unwrap_or_default())
}
