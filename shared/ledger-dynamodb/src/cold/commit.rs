//! A change as the writes of one transaction.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use jiff::Timestamp;
use ledger::{
    AccountId, Rejection,
    account::Account,
    change::{Change, Condition, Periods, Taken},
};

use crate::{
    cold::before::Before,
    error::StoreError,
    item::{self, Item, expiry, number, text, time},
    key,
    projection::Turn,
    store::LedgerStore,
};

/// The writes of one transaction. The balance comes first.
pub(super) struct Writes {
    pub(super) items: Vec<TransactWriteItem>,
    /// Where among them the limit of what is given or taken back is.
    pub(super) taken: Option<usize>,
}

/// The key of an item.
pub(super) fn key_of(item: &Item) -> Option<(String, String)> {
    let half = |name: &str| item.get(name)?.as_s().ok().cloned();
    half(key::PK).zip(half(key::SK))
}

impl LedgerStore {
    /// The writes of `change`, with a record and a turn beside it where there are any.
    pub(super) fn writes(
        &self,
        before: &Before,
        change: &Change,
        (record, turn, now): (Option<Item>, Turn, Timestamp),
    ) -> Result<Writes, StoreError> {
        let account = &change.after.id;
        let buckets = self.put_state(item::account::write_buckets(&change.after)).build();
        let mut items = vec![
            update(self.change_balance(&before.account, change)?),
            put(buckets.map_err(StoreError::unavailable)?),
        ];
        for entry in &change.entries {
            items.push(put(self.append(item::entry::write(entry))?));
        }
        if let Some(fact) = &change.fact {
            items.push(put(self.append(item::fact::write(account, fact))?));
        }
        if let Some(periods) = &change.periods {
            items.extend(self.remember(account, before, periods)?.into_iter().map(put));
        }
        let taken = change.taken.as_ref().map(|_| items.len());
        if let Some(taken) = &change.taken {
            items.push(update(self.take(account, taken)?));
        }
        if let Some(record) = record {
            // A record never takes the place of anything.
            let record = self.put_state(record).condition_expression("attribute_not_exists(pk)");
            items.push(put(record.build().map_err(StoreError::unavailable)?));
        }
        if turn != Turn::NotAsked {
            let revision = change.after.balance.revision;
            items.push(update(self.turn_beside(account, revision, (turn, now))?));
        }
        Ok(Writes { items, taken })
    }

    fn put_state(&self, item: Item) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(&self.names.state).set_item(Some(item))
    }

    fn change_balance(&self, before: &Account, change: &Change) -> Result<Update, StoreError> {
        let after = &change.after.balance;
        let mut set = "SET available = available + :delta, next_expiry = :next_expiry, \
                       revision = :after"
            .to_owned();
        let mut update = self
            .balance_update(&before.id)
            .expression_attribute_values(":delta", number(change.delta))
            .expression_attribute_values(":next_expiry", expiry(after.next_expiry))
            .expression_attribute_values(":after", revision(after.revision));
        match item::account::frozen(&after.frozen) {
            Some(frozen) => {
                set.push_str(", frozen = :frozen");
                update = update.expression_attribute_values(":frozen", frozen);
            }
            None => set.push_str(" REMOVE frozen"),
        }
        if !before.is_open() {
            set = set.replace("available + :delta", ":delta");
            let update = update.condition_expression("attribute_not_exists(pk)");
            return update.update_expression(set).build().map_err(StoreError::unavailable);
        }
        let mut condition = "revision = :before".to_owned();
        update = update.expression_attribute_values(":before", revision(before.balance.revision));
        let bound = match change.condition {
            Condition::None => None,
            Condition::AtLeast(least) => Some((" AND available >= :bound", least)),
            Condition::Exactly(read) => Some((" AND available = :bound", read)),
        };
        if let Some((text, bound)) = bound {
            condition.push_str(text);
            update = update.expression_attribute_values(":bound", number(bound));
        }
        update
            .update_expression(set)
            .condition_expression(condition)
            .build()
            .map_err(StoreError::unavailable)
    }

    /// What a plan's fact changes of what is remembered of its subscription, on what was read.
    /// The revision keeps one account's facts in order; these conditions keep accounts apart.
    fn remember(
        &self,
        account: &AccountId,
        before: &Before,
        periods: &Periods,
    ) -> Result<Vec<Put>, StoreError> {
        let mut puts = Vec::new();
        if let Some(period) = &periods.period {
            let pk = key::period(&periods.subscription, periods.start);
            let put = self.put_state(item::period::write(account, &pk, period));
            puts.push(match &before.period {
                None => put.condition_expression("attribute_not_exists(pk)"),
                Some((_, read)) => put
                    .condition_expression("granted = :granted AND account = :account")
                    .expression_attribute_values(":granted", number(read.granted))
                    .expression_attribute_values(":account", text(account)),
            });
        }
        if let Some(newest) = &periods.newest {
            let pk = key::newest_period(&periods.subscription);
            let put = self.put_state(item::period::write_newest(account, &pk, newest));
            // `start` is a word of DynamoDB's own.
            puts.push(match &before.newest {
                None => put.condition_expression("attribute_not_exists(pk)"),
                Some((_, read)) => put
                    .condition_expression("#start = :start AND account = :account")
                    .expression_attribute_names("#start", "start")
                    .expression_attribute_values(":start", time(read.start))
                    .expression_attribute_values(":account", text(account)),
            });
        }
        puts.into_iter().map(|put| put.build().map_err(StoreError::unavailable)).collect()
    }

    /// Moves what was given or taken back of a call or payment, within its limit.
    fn take(&self, account: &AccountId, taken: &Taken) -> Result<Update, StoreError> {
        let room = taken.limit.checked_sub(taken.amount).map_err(Rejection::from)?;
        let (condition, bound) = if taken.amount.is_negative() {
            ("taken >= :bound", taken.amount.negated())
        } else {
            ("attribute_not_exists(taken) OR taken <= :bound", room)
        };
        Update::builder()
            .table_name(&self.names.state)
            .key(key::PK, text(key::taken(&taken.subject)))
            .key(key::SK, text(key::ONLY))
            .update_expression("ADD taken :amount SET account = :account")
            .condition_expression(condition)
            .expression_attribute_values(":amount", number(taken.amount))
            .expression_attribute_values(":bound", number(bound))
            .expression_attribute_values(":account", text(account))
            .build()
            .map_err(StoreError::unavailable)
    }
}

fn put(put: Put) -> TransactWriteItem {
    TransactWriteItem::builder().put(put).build()
}

fn update(update: Update) -> TransactWriteItem {
    TransactWriteItem::builder().update(update).build()
}

fn revision(revision: u64) -> AttributeValue {
    AttributeValue::N(revision.to_string())
}
