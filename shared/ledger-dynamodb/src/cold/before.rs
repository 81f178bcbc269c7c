//! What one consistent read tells before a decision.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    operation::transact_get_items::TransactGetItemsError,
    types::{Get, TransactGetItem},
};
use jiff::Timestamp;
use ledger::{
    AccountId, Credits, EntryId, Rejection,
    account::Account,
    command::{Action, Command},
    entry::Entry,
    period::{Known, NewestPeriod, Period, start_of},
};

use crate::{
    error::StoreError,
    item::{self, Item, Reader, corrupt, fact::Recorded, text},
    key,
    projection::Projection,
    retry::{self, Again},
    store::LedgerStore,
};

/// An item's place in the read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Balance,
    Buckets,
    OwnEntry,
    Fact,
    Taken,
    Period,
    Newest,
    Projection,
    Record,
}

type Found = BTreeMap<Place, Item>;

/// The account and all that a decision on it depends on, at one moment.
pub(super) struct Before {
    pub(super) account: Account,
    pub(super) own_entry: Option<Entry>,
    pub(super) fact: Option<Recorded>,
    pub(super) projection: Option<Projection>,
    /// Whether the record of an attempt whose answer was lost is there.
    pub(super) record: bool,
    pub(super) period: Option<(AccountId, Period)>,
    pub(super) newest: Option<(AccountId, NewestPeriod)>,
    taken: Credits,
}

impl Before {
    /// What is remembered beside the account; [`Rejection::GrantKeyConflict`] where the
    /// subscription is another account's.
    pub(super) fn known(&self, account: &AccountId) -> Result<Known, Rejection> {
        let owners = [
            self.period.as_ref().map(|(owner, _)| owner),
            self.newest.as_ref().map(|(owner, _)| owner),
        ];
        if owners.into_iter().flatten().any(|owner| owner != account) {
            return Err(Rejection::GrantKeyConflict);
        }
        Ok(Known {
            taken: self.taken,
            period: self.period.as_ref().map(|(_, period)| *period),
            newest: self.newest.as_ref().map(|(_, newest)| *newest),
        })
    }
}

impl LedgerStore {
    /// Balance, buckets, the command's own entry, and what else its action depends on, at one
    /// moment; with the projection, and a record that may be there, where asked for.
    pub(super) async fn read_before(
        &self,
        id: &AccountId,
        command: &Command,
        beside: (bool, Option<&(String, String)>),
    ) -> Result<Before, StoreError> {
        let Action::GrantPlan(plan) = &command.action else {
            let found = self.read_together(self.places(id, command, beside, None)?).await?;
            return read(id, &found).map_err(corrupt(id));
        };
        let mut start = plan.period_start;
        loop {
            let places = self.places(id, command, beside, Some(start))?;
            let before = read(id, &self.read_together(places).await?).map_err(corrupt(id))?;
            let newest = before.newest.as_ref().map(|(_, newest)| *newest);
            // Told a little otherwise than before: the period is known by the start told first.
            let known_by = start_of(plan.period_start, newest);
            if known_by == start {
                return Ok(before);
            }
            start = known_by;
        }
    }

    fn places(
        &self,
        id: &AccountId,
        command: &Command,
        (projection, record): (bool, Option<&(String, String)>),
        start: Option<Timestamp>,
    ) -> Result<Vec<(Place, TransactGetItem)>, StoreError> {
        let account = key::account(id);
        let own = key::entry(EntryId::Own(command.id));
        let (state, ledger) = (&self.names.state, &self.names.ledger);
        let mut places = vec![
            get(Place::Balance, state, &account, key::BALANCE)?,
            get(Place::Buckets, state, &account, key::BUCKETS)?,
            get(Place::OwnEntry, ledger, &account, &own)?,
        ];
        if let Some(fact) = command.action.key(id) {
            places.push(get(Place::Fact, ledger, &key::fact(&fact), key::ONLY)?);
        }
        if let Action::Refund { hold, .. } = &command.action {
            let taken = key::taken(&hold.to_string());
            places.push(get(Place::Taken, state, &taken, key::ONLY)?);
        }
        if let (Action::GrantPlan(plan), Some(start)) = (&command.action, start) {
            let (period, newest) =
                (key::period(&plan.subscription, start), key::newest_period(&plan.subscription));
            places.push(get(Place::Period, state, &period, key::ONLY)?);
            places.push(get(Place::Newest, state, &newest, key::NEWEST)?);
        }
        if projection {
            places.push(get(Place::Projection, state, &account, key::PROJECTION)?);
        }
        if let Some((pk, sk)) = record {
            places.push(get(Place::Record, state, pk, sk)?);
        }
        Ok(places)
    }

    /// Items as of one moment.
    async fn read_together(
        &self,
        places: Vec<(Place, TransactGetItem)>,
    ) -> Result<Found, StoreError> {
        let (places, gets): (Vec<_>, Vec<_>) = places.into_iter().unzip();
        let mut attempts = self.attempts();
        loop {
            let request = self.client.transact_get_items().set_transact_items(Some(gets.clone()));
            let error = match request.send().await {
                Ok(answer) => {
                    let items = answer.responses.unwrap_or_default();
                    let found = places.into_iter().zip(items);
                    return Ok(found.filter_map(|(at, it)| Some((at, it.item?))).collect());
                }
                Err(error) => error,
            };
            let conflict = error
                .as_service_error()
                .is_some_and(TransactGetItemsError::is_transaction_canceled_exception);
            let why = if conflict { Again::Transient } else { retry::classify(error)? };
            if !attempts.again(why).await {
                return Err(retry::exhausted(attempts.made()));
            }
        }
    }
}

fn read(id: &AccountId, found: &Found) -> Result<Before, crate::error::Unreadable> {
    let at = |place| found.get(&place);
    let account = match (at(Place::Balance), at(Place::Buckets)) {
        (Some(balance), Some(buckets)) => {
            let read = item::account::read(id, balance, buckets)?;
            // INVARIANT: both items are written in one transaction and read in one.
            let torn = || Reader::new(buckets).fault("revision", "is not the balance's");
            read.ok_or_else(torn)?
        }
        _ => Account::unopened(id.clone()),
    };
    let taken = at(Place::Taken).map(|item| Reader::new(item).credits("taken")).transpose()?;
    Ok(Before {
        account,
        own_entry: at(Place::OwnEntry).map(|item| item::entry::read(id, item)).transpose()?,
        fact: at(Place::Fact).map(item::fact::read).transpose()?,
        projection: at(Place::Projection).map(Projection::read).transpose()?,
        record: at(Place::Record).is_some(),
        period: at(Place::Period).map(item::period::read).transpose()?,
        newest: at(Place::Newest).map(item::period::read_newest).transpose()?,
        taken: taken.unwrap_or_default(),
    })
}

fn get(
    place: Place,
    table: &str,
    pk: &str,
    sk: &str,
) -> Result<(Place, TransactGetItem), StoreError> {
    let get = Get::builder().table_name(table).key(key::PK, text(pk)).key(key::SK, text(sk));
    let get = get.build().map_err(StoreError::unavailable)?;
    Ok((place, TransactGetItem::builder().get(get).build()))
}
