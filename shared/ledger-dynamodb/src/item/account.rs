//! `BALANCE` and `BUCKETS` as items.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    AccountId,
    account::Account,
    balance::{Balance, FreezeReason},
    bucket::Bucket,
    period::PlanPeriod,
};
use ulid::Ulid;

use super::{Item, Reader, expiry, keyed, number, text, time};
use crate::{error::Unreadable, key};

/// The frozen set as an attribute; `None` for an account in order, whose item has no such
/// attribute.
pub(crate) fn frozen(reasons: &BTreeSet<FreezeReason>) -> Option<AttributeValue> {
    let words: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    if words.is_empty() { None } else { Some(AttributeValue::Ss(words)) }
}

/// The balance an item tells of.
pub(crate) fn read_balance(item: &Item) -> Result<Balance, Unreadable> {
    let reader = Reader::new(item);
    let frozen = match reader.raw("frozen") {
        None => BTreeSet::new(),
        Some(AttributeValue::Ss(words)) => words
            .iter()
            .map(|word| word.parse())
            .collect::<Result<_, _>>()
            .map_err(|error| reader.fault("frozen", format!("is wrong: {error}")))?,
        Some(_) => return Err(reader.fault("frozen", "is not a set of strings")),
    };
    Ok(Balance {
        available: reader.credits("available")?,
        next_expiry: reader.expiry("next_expiry")?,
        frozen,
        revision: reader.number("revision")?,
    })
}

/// The `BUCKETS` item of an account. It names the revision it was written at, so that a read of
/// both items can tell whether they belong together.
pub(crate) fn write_buckets(account: &Account) -> Item {
    let mut item = keyed(key::account(&account.id), key::BUCKETS);
    let buckets = account.buckets.iter().map(write_bucket).collect();
    item.insert("buckets".to_owned(), AttributeValue::L(buckets));
    item.insert("marked_balance".to_owned(), number(account.marked_balance));
    item.insert("marked_at".to_owned(), time(account.marked_at));
    item.insert("revision".to_owned(), AttributeValue::N(account.balance.revision.to_string()));
    if let Some(at) = account.last_synced_at {
        item.insert("last_synced_at".to_owned(), time(at));
    }
    item
}

fn write_bucket(bucket: &Bucket) -> AttributeValue {
    let mut item = Item::from([
        ("id".to_owned(), text(bucket.id)),
        ("source".to_owned(), text(bucket.source)),
        ("granted".to_owned(), number(bucket.granted)),
        ("left".to_owned(), number(bucket.left)),
        ("expires_at".to_owned(), expiry(bucket.expires_at)),
        ("priority".to_owned(), number(bucket.priority)),
    ]);
    if let Some(period) = &bucket.period {
        item.insert("subscription".to_owned(), text(&period.subscription));
        item.insert("period_start".to_owned(), time(period.start));
    }
    AttributeValue::M(item)
}

/// The account two items tell of; `None` if they were written at different revisions, which
/// means that they were read while a cold write went through.
pub(crate) fn read(
    id: &AccountId,
    balance: &Item,
    buckets: &Item,
) -> Result<Option<Account>, Unreadable> {
    let balance = read_balance(balance)?;
    let reader = Reader::new(buckets);
    if reader.number::<u64>("revision")? != balance.revision {
        return Ok(None);
    }
    let Some(AttributeValue::L(list)) = reader.raw("buckets") else {
        return Err(reader.fault("buckets", "is not a list"));
    };
    Ok(Some(Account {
        id: id.clone(),
        balance,
        buckets: list.iter().map(|bucket| read_bucket(reader, bucket)).collect::<Result<_, _>>()?,
        marked_balance: reader.credits("marked_balance")?,
        marked_at: reader.time("marked_at")?,
        last_synced_at: reader.expiry("last_synced_at")?,
    }))
}

fn read_bucket(list: Reader<'_>, bucket: &AttributeValue) -> Result<Bucket, Unreadable> {
    let AttributeValue::M(item) = bucket else {
        return Err(list.fault("buckets", "holds something that is not a bucket"));
    };
    let reader = Reader::new(item);
    let id = Ulid::from_string(reader.text("id")?)
        .map_err(|error| reader.fault("id", format!("is wrong: {error}")))?;
    Ok(Bucket {
        id,
        source: reader.parsed("source")?,
        granted: reader.credits("granted")?,
        left: reader.credits("left")?,
        expires_at: reader.expiry("expires_at")?,
        priority: reader.number("priority")?,
        period: read_period(reader)?,
    })
}

/// The period a plan's bucket is for; both of its attributes are absent for other buckets.
fn read_period(reader: Reader<'_>) -> Result<Option<PlanPeriod>, Unreadable> {
    let Some(subscription) = reader.optional_text("subscription")? else {
        return Ok(None);
    };
    let start = reader.time("period_start")?;
    Ok(Some(PlanPeriod { subscription: subscription.to_owned(), start }))
}
