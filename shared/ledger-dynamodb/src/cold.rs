//! Cold writes: read the account, decide, commit all of it or nothing, on the revision read.

use aws_sdk_dynamodb::types::{Get, Put, TransactGetItem, TransactWriteItem, Update};
use jiff::Timestamp;
use ledger::{
    AccountId, Credits, EntryId, Rejection,
    account::Account,
    change::{Change, Condition, Fact, Taken},
    command::{Action, Command},
    decide::decide,
    entry::{Entry, GrantKey},
};

use crate::{
    error::StoreError,
    item::{self, Item, Reader, corrupt, expiry, keyed, number, text},
    key,
    retry::{self, Again},
    store::LedgerStore,
    transaction::{Cancelled, failed, send},
};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The command's own entry; `None` if it moved nothing.
    pub entry: Option<Entry>,
    /// The account after it, or as it is now if the command had been done before.
    pub account: Account,
    /// Whether an earlier request had done it, and this one moved nothing.
    pub replayed: bool,
}

/// What one consistent read tells before a decision.
struct Before {
    account: Account,
    own_entry: Option<Entry>,
    fact: Option<(AccountId, Credits, EntryId)>,
}

impl LedgerStore {
    /// Decides `command` on `account` at `now` and commits the decision: one read and one
    /// transaction, again from the read when another write came between.
    ///
    /// The command's id makes it happen once: finding an entry of that name means that it is
    /// done. A grant key makes its fact count once, whatever ids its requests have.
    ///
    /// Errors: every [`Rejection`] of [`decide`]; [`Rejection::GrantKeyConflict`];
    /// [`Rejection::ReversalLimit`]; [`Rejection::Busy`] when the balance kept moving, with
    /// nothing moved; [`StoreError::Unavailable`] when it is not known whether it was done, and
    /// the same request again is safe.
    pub async fn submit(
        &self,
        account: &AccountId,
        command: &Command,
        now: Timestamp,
    ) -> Result<Receipt, StoreError> {
        let fact = fact_key(account, &command.action);
        let mut attempts = self.attempts();
        loop {
            let before = self.read_before(account, command, fact.as_ref()).await?;
            if let Some(receipt) = self.done_before(&before, command).await? {
                return Ok(receipt);
            }
            let change = decide(&before.account, command, now)?;
            if change.is_empty(&before.account) {
                return Ok(Receipt { entry: None, account: before.account, replayed: false });
            }
            // A new name for every attempt: its bytes are of the state just read, and two
            // processes may be at the same command. The command's entry is what makes it once.
            let token = format!("{:032x}", fastrand::u128(..));
            let items = self.change_items(&before.account, &change)?;
            let taken_at = change.taken.is_some().then_some(items.len().saturating_sub(1));
            let request = self.transaction(items, token);
            let why = match send(request).await? {
                Ok(()) => return Ok(receipt(command, change)),
                Err(Cancelled::Again(why)) => why,
                Err(Cancelled::Reasons(reasons)) => {
                    if let Some(taken) = &change.taken
                        && taken_at.is_some_and(|position| failed(&reasons, position))
                        && !failed(&reasons, 0)
                    {
                        return Err(Rejection::ReversalLimit { limit: taken.limit }.into());
                    }
                    Again::Conflict
                }
            };
            if !attempts.again(why).await {
                // Conflicts alone mean that nothing was applied; a lost answer means "not known".
                return Err(if attempts.only_conflicts() {
                    Rejection::Busy.into()
                } else {
                    retry::exhausted(attempts.made())
                });
            }
        }
    }

    /// Balance, buckets, the command's own entry and the fact, at one moment.
    async fn read_before(
        &self,
        id: &AccountId,
        command: &Command,
        fact: Option<&GrantKey>,
    ) -> Result<Before, StoreError> {
        let account_pk = key::account(id);
        let own = key::entry(EntryId::Own(command.id));
        let (state, ledger) = (&self.names.state, &self.names.ledger);
        let mut gets = vec![
            get(state, &account_pk, key::BALANCE)?,
            get(state, &account_pk, key::BUCKETS)?,
            get(ledger, &account_pk, &own)?,
        ];
        if let Some(fact) = fact {
            gets.push(get(ledger, &key::fact(fact), key::ONLY)?);
        }
        let items = self.read_together(gets).await?;
        let [balance, buckets, own_entry, fact] = items;
        let account = match (balance, buckets) {
            (Some(balance), Some(buckets)) => {
                let read = item::account::read(id, &balance, &buckets).map_err(corrupt(id))?;
                // INVARIANT: both items are written in one transaction and read in one.
                read.ok_or_else(|| {
                    let reader = Reader::new(&buckets);
                    corrupt(id)(reader.fault("revision", "is not the balance's"))
                })?
            }
            _ => Account::unopened(id.clone()),
        };
        let own_entry = own_entry.map(|found| item::entry::read(id, &found)).transpose();
        let fact = fact.map(|found| read_fact(&found)).transpose();
        Ok(Before {
            account,
            own_entry: own_entry.map_err(corrupt(id))?,
            fact: fact.map_err(corrupt(id))?,
        })
    }

    /// Up to four items as of one moment, in the order asked.
    async fn read_together(
        &self,
        gets: Vec<TransactGetItem>,
    ) -> Result<[Option<Item>; 4], StoreError> {
        let mut attempts = self.attempts();
        loop {
            let request = self.client.transact_get_items().set_transact_items(Some(gets.clone()));
            let error = match request.send().await {
                Ok(answer) => {
                    let mut items = answer.responses.unwrap_or_default().into_iter();
                    return Ok([(); 4].map(|()| items.next().and_then(|response| response.item)));
                }
                Err(error) => error,
            };
            let conflict = error
                .as_service_error()
                .is_some_and(aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError::is_transaction_canceled_exception);
            let why = if conflict { Again::Transient } else { retry::classify(error)? };
            if !attempts.again(why).await {
                return Err(retry::exhausted(attempts.made()));
            }
        }
    }

    /// The first result, if the command or its fact was done before.
    async fn done_before(
        &self,
        before: &Before,
        command: &Command,
    ) -> Result<Option<Receipt>, StoreError> {
        let id = &before.account.id;
        if let Some(entry) = &before.own_entry {
            let (entry, account) = (Some(entry.clone()), before.account.clone());
            return Ok(Some(Receipt { entry, account, replayed: true }));
        }
        let Some((owner, amount, entry)) = &before.fact else {
            return Ok(None);
        };
        if matches!(command.action, Action::Open { .. }) {
            return Err(Rejection::AccountExists.into());
        }
        if owner != id || Some(*amount) != moved_by(&command.action) {
            return Err(Rejection::GrantKeyConflict.into());
        }
        let entry = self.entry(id, *entry).await?;
        Ok(Some(Receipt { entry, account: before.account.clone(), replayed: true }))
    }

    /// The writes of a change. The balance comes first, the limit last.
    fn change_items(
        &self,
        before: &Account,
        change: &Change,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let write = TransactWriteItem::builder;
        let buckets = Put::builder()
            .table_name(&self.names.state)
            .set_item(Some(item::account::write_buckets(&change.after)))
            .build()
            .map_err(StoreError::unavailable)?;
        let mut items = vec![
            write().update(self.change_balance(before, change)?).build(),
            write().put(buckets).build(),
        ];
        for entry in &change.entries {
            items.push(write().put(self.append(item::entry::write(entry))?).build());
        }
        if let Some(fact) = &change.fact {
            let item = fact_item(&change.after.id, fact, &change.entries);
            items.push(write().put(self.append(item)?).build());
        }
        if let Some(taken) = &change.taken {
            items.push(write().update(self.take(&change.after.id, taken)?).build());
        }
        Ok(items)
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

fn get(table: &str, pk: &str, sk: &str) -> Result<TransactGetItem, StoreError> {
    let get = Get::builder().table_name(table).key(key::PK, text(pk)).key(key::SK, text(sk));
    let get = get.build().map_err(StoreError::unavailable)?;
    Ok(TransactGetItem::builder().get(get).build())
}

fn revision(revision: u64) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::N(revision.to_string())
}

fn fact_key(account: &AccountId, action: &Action) -> Option<GrantKey> {
    match action {
        Action::Open { signup } if signup.is_positive() => Some(GrantKey::signup(account)),
        Action::Grant(grant) => grant.key.clone(),
        Action::Clawback(reversal) | Action::Reinstate(reversal) => Some(reversal.key.clone()),
        _ => None,
    }
}

/// What the fact behind an action moves.
fn moved_by(action: &Action) -> Option<Credits> {
    match action {
        Action::Grant(grant) => Some(grant.amount),
        Action::Clawback(reversal) => Some(reversal.amount.negated()),
        Action::Reinstate(reversal) => Some(reversal.amount),
        _ => None,
    }
}

fn fact_item(account: &AccountId, fact: &Fact, entries: &[Entry]) -> Item {
    let mut item = keyed(key::fact(&fact.key), key::ONLY);
    item.insert("account".to_owned(), text(account));
    item.insert("amount".to_owned(), number(fact.amount));
    // INVARIANT: a fact's own entry is the last of its change; expiries come before it.
    if let Some(entry) = entries.last() {
        item.insert("entry".to_owned(), text(entry.id));
    }
    item
}

fn read_fact(item: &Item) -> Result<(AccountId, Credits, EntryId), crate::error::Unreadable> {
    let reader = Reader::new(item);
    Ok((reader.parsed("account")?, reader.credits("amount")?, reader.parsed("entry")?))
}

fn receipt(command: &Command, change: Change) -> Receipt {
    let own = EntryId::Own(command.id);
    let entry = change.entries.into_iter().find(|entry| entry.id == own);
    Receipt { entry, account: change.after, replayed: false }
}
