//! The plans that are sold: what a period of each gives, and which provider's plans stand for it.
//!
//! Edits are made on the revision that was seen, so that two admins at once do not overwrite each
//! other. A provider's name belongs to one plan: it is taken in the transaction that writes the
//! plan.

mod names;

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, builders::PutBuilder};
use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use ledger::{Credits, command::RollOver};
use serde::{Deserialize, Serialize};

use crate::{
    Directory,
    error::DirectoryError,
    item::{self, keyed, number},
    key,
};

/// How often a write of a plan is tried while another one is at the same rows: people write them.
const TRIES: u32 = 4;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name in keys and URLs: 1 to 64 of `[a-z0-9-]`.
    #[serde(rename = "sk")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Credits per period, above zero.
    pub credits: Credits,
    /// What a period's end leaves to the next.
    #[serde(with = "roll_over")]
    pub roll_over: RollOver,
    /// Clerk's plans that stand for it, by id or slug.
    pub clerk_plans: Vec<String>,
    /// Stripe's prices that stand for it.
    pub stripe_prices: Vec<String>,
    /// Whether anybody may see it.
    pub public: bool,
    /// Whether it is sold and granted.
    pub active: bool,
    /// Counts edits, from 1.
    pub revision: u64,
    /// When it was last edited.
    #[serde(with = "millisecond::required")]
    pub updated_at: Timestamp,
    /// Who edited it last, such as `admin:user_…`.
    pub updated_by: String,
}

/// What became of an edit of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is done. An edited plan now has the revision after the expected one.
    Done,
    /// Nothing was done: the plan has another revision than the expected one.
    Changed {
        /// The one it has.
        revision: u64,
    },
    /// Nothing was done: there is no such plan.
    Missing,
    /// Nothing was done: another plan has one of the providers' names.
    NameTaken,
}

/// What became of the making of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is made.
    Done,
    /// Nothing was done: there is a plan of that id.
    Exists,
    /// Nothing was done: another plan has one of the providers' names.
    NameTaken,
}

impl Directory {
    /// Every plan, by id.
    pub async fn plans(&self) -> Result<Vec<Plan>, DirectoryError> {
        let query = self.partition(key::PLANS).consistent_read(true);
        item::read_all(self.items(query, None).await?)
    }

    /// The plan of that id, read consistently.
    pub async fn plan(&self, id: &str) -> Result<Option<Plan>, DirectoryError> {
        // The table refuses an empty key, and no plan has one.
        if id.is_empty() { Ok(None) } else { self.row(key::PLANS, id).await }
    }

    /// Makes the plan, with the revision it carries.
    pub async fn create_plan(&self, plan: &Plan) -> Result<Created, DirectoryError> {
        let put = self.put_plan(plan)?.condition_expression("attribute_not_exists(pk)");
        let mut items = vec![put_item(put)?];
        items.extend(self.take_names(plan)?);
        for _ in 0..TRIES {
            if self.transact(items.clone()).await? {
                return Ok(Created::Done);
            }
            match self.plan(&plan.id).await? {
                // An earlier attempt, whose answer was lost, has made it.
                Some(found) if found == *plan => return Ok(Created::Done),
                Some(_) => return Ok(Created::Exists),
                None if self.is_name_taken(plan).await? => return Ok(Created::NameTaken),
                None => {}
            }
        }
        Err(in_the_way())
    }

    /// Replaces the plan of that id if it has the revision `expected`; the revision that `plan`
    /// carries is not looked at.
    pub async fn replace_plan(
        &self,
        plan: &Plan,
        expected: u64,
    ) -> Result<Replaced, DirectoryError> {
        let plan = Plan { revision: expected.saturating_add(1), ..plan.clone() };
        for _ in 0..TRIES {
            let Some(old) = self.plan(&plan.id).await? else { return Ok(Replaced::Missing) };
            if old == plan {
                return Ok(Replaced::Done);
            }
            if old.revision != expected {
                return Ok(Replaced::Changed { revision: old.revision });
            }
            let put = self
                .put_plan(&plan)?
                .condition_expression("revision = :expected")
                .expression_attribute_values(":expected", number(expected));
            let mut items = vec![put_item(put)?];
            items.extend(self.take_names(&plan)?);
            items.extend(self.free_names(old.name_keys().difference(&plan.name_keys()))?);
            if self.transact(items).await? {
                return Ok(Replaced::Done);
            }
            if self.is_name_taken(&plan).await? {
                return Ok(Replaced::NameTaken);
            }
        }
        Err(in_the_way())
    }

    /// Removes the plan of that id if it has the revision `expected`.
    pub async fn delete_plan(&self, id: &str, expected: u64) -> Result<Replaced, DirectoryError> {
        for _ in 0..TRIES {
            let Some(old) = self.plan(id).await? else { return Ok(Replaced::Missing) };
            if old.revision != expected {
                return Ok(Replaced::Changed { revision: old.revision });
            }
            let delete = Delete::builder()
                .table_name(&self.state_table)
                .set_key(Some(keyed(key::PLANS, id)))
                .condition_expression("revision = :expected")
                .expression_attribute_values(":expected", number(expected))
                .build()
                .map_err(DirectoryError::unavailable)?;
            let mut items = vec![TransactWriteItem::builder().delete(delete).build()];
            items.extend(self.free_names(&old.name_keys())?);
            if self.transact(items).await? {
                return Ok(Replaced::Done);
            }
        }
        Err(in_the_way())
    }

    fn put_plan(&self, plan: &Plan) -> Result<PutBuilder, DirectoryError> {
        let item = item::write(key::PLANS, &plan.id, plan)?;
        Ok(Put::builder().table_name(&self.state_table).set_item(Some(item)))
    }
}

fn put_item(put: PutBuilder) -> Result<TransactWriteItem, DirectoryError> {
    let put = put.build().map_err(DirectoryError::unavailable)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn in_the_way() -> DirectoryError {
    DirectoryError::unavailable("other writers of plans kept being in the way")
}

/// `none`, `all`, `capped:1000`.
mod roll_over {
    use ledger::{Credits, command::RollOver};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        roll_over: &RollOver,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match roll_over.cap() {
            Some(cap) => serializer.collect_str(&format_args!("{}:{cap}", roll_over.as_str())),
            None => serializer.serialize_str(roll_over.as_str()),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<RollOver, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (word, cap) = text.split_once(':').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        let cap = cap.map(|cap| cap.parse().map_err(D::Error::custom)).transpose()?;
        let cap = cap.map(|cap: i64| Credits::new(cap).map_err(D::Error::custom)).transpose()?;
        RollOver::from_parts(word, cap).map_err(D::Error::custom)
    }
}
