//! The two writes around a guarded call: the hold before it, the outcome after it.
//!
//! Round trips: a hold is one, an outcome is one. Nothing is read first; a refusal says why in
//! the same answer, because the items whose condition failed come back with it.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{ConditionCheck, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use jiff::Timestamp;
use ledger::{
    AccountId, Credits, Rejection,
    balance::Obstacle,
    command::{Action, Command},
    entry::{Actor, Cause, Entry},
    hold::{Ending, Hold, Judgement},
};
use ulid::Ulid;

use crate::{
    error::StoreError,
    item::{self, Item, corrupt, number, time},
    key,
    retry::{Again, classify, exhausted},
    store::LedgerStore,
    transaction::{Cancelled, failed, item_of, send},
};

/// How a hold is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Settled, released or expired.
    pub ending: Ending,
    /// When.
    pub at: Timestamp,
    /// Who ends it.
    pub actor: Actor,
    /// A fresh ULID for this request, kept over its retries: it names a late charge, should the
    /// hold have expired.
    pub id: Ulid,
}

/// How a hold has ended, by this request or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What the call costs in the end, in credits.
    pub charged: Credits,
    /// Whether it was charged after its hold had expired.
    pub late: bool,
}

impl LedgerStore {
    /// Takes `hold.amount` out of the account before the provider is called. One round trip.
    ///
    /// An account that does not exist is opened with `signup` credits on the way, due expiries
    /// are run on the way (each at most once, then the hold is tried again). The same hold again
    /// is `Ok` and moves nothing.
    ///
    /// Errors: [`Rejection::InsufficientCredits`] with the numbers, [`Rejection::AccountFrozen`],
    /// [`Rejection::RateLimited`] after too many conflicts with nothing held;
    /// [`StoreError::Unavailable`] when it is not known whether the hold was placed: it then ends
    /// by expiring.
    pub async fn hold(&self, hold: &Hold, signup: Credits) -> Result<(), StoreError> {
        self.place(hold, signup, Vec::new()).await.map(drop)
    }

    /// Places a hold, and a claim with it where there is one, with the marker of the hold it is
    /// taken over from. Returns what is found in the place of either: it is judged before the
    /// balance, and then nothing is held.
    pub(crate) async fn place(
        &self,
        hold: &Hold,
        signup: Credits,
        claiming: Vec<TransactWriteItem>,
    ) -> Result<Option<Item>, StoreError> {
        let entry = self.append(item::entry::write(&hold.entry()))?;
        let items = [
            TransactWriteItem::builder().put(entry).build(),
            TransactWriteItem::builder().update(self.take_for(hold)?).build(),
        ];
        let request = self.transaction(items.into_iter().chain(claiming), hold.id.to_string());
        let mut attempts = self.attempts();
        let mut prepared = 0_u8;
        loop {
            let why = match send(request.clone()).await? {
                Ok(()) => return Ok(None),
                Err(Cancelled::Again(why)) => why,
                Err(Cancelled::Reasons(reasons)) => {
                    if let Some(found) = item_of(&reasons, 0) {
                        return same_hold(hold, found).map(|()| None);
                    }
                    if let Some(found) = item_of(&reasons, 2).or_else(|| item_of(&reasons, 3)) {
                        return Ok(Some(found.clone()));
                    }
                    // Opening and expiry each help once; a third obstacle is a moving target.
                    if prepared < 2 {
                        self.clear_the_way(hold, signup, item_of(&reasons, 1)).await?;
                        prepared = prepared.saturating_add(1);
                        continue;
                    }
                    Again::Conflict
                }
            };
            if !attempts.again(why).await {
                // Conflicts alone mean that nothing was applied; a lost answer means "not known".
                return Err(if attempts.only_conflicts() {
                    Rejection::RateLimited.into()
                } else {
                    exhausted(attempts.made())
                });
            }
        }
    }

    /// Ends a hold: gives back what was not charged. One round trip; exactly one outcome per
    /// hold, because its key is unique.
    ///
    /// A hold that was ended before is judged by how: the same way again answers the same; a
    /// settle that comes after the expiry becomes one late charge of at most what was held.
    ///
    /// Errors: [`Rejection::HoldEnded`] (released, and now to be settled, or the reverse),
    /// [`Rejection::NoHold`] (its commit was never seen), [`Rejection::ChargeOutsideHold`];
    /// [`StoreError::Unavailable`] when the outcome is not known: the same request again is safe.
    pub async fn end(&self, hold: &Hold, end: &End) -> Result<Ended, StoreError> {
        let entry = hold.outcome(end.ending, end.at, end.actor.clone())?;
        let found = if entry.amount == Credits::ZERO {
            self.end_unmoved(&entry).await?
        } else {
            self.end_moved(hold, end, &entry).await?
        };
        let Some(found) = found else {
            return Ok(Ended { charged: end.ending.charged(), late: false });
        };
        match end.ending.judge(found)? {
            Judgement::Same => Ok(Ended { charged: found.charged(), late: false }),
            Judgement::ExpiredBefore => self.charge_late(hold, end).await,
        }
    }

    /// Nothing to give back: the entry alone. Returns the outcome found in its place.
    async fn end_unmoved(&self, entry: &Entry) -> Result<Option<Ending>, StoreError> {
        let put = self.append(item::entry::write(entry))?;
        let mut attempts = self.attempts();
        loop {
            let Err(error) = self.append_alone(put.clone()).await else {
                return Ok(None);
            };
            if let Some(PutItemError::ConditionalCheckFailedException(failed)) =
                error.as_service_error()
                && let Some(item) = failed.item()
            {
                return read_ending(&entry.account, item).map(Some);
            }
            if !attempts.again(classify(error)?).await {
                return Err(exhausted(attempts.made()));
            }
        }
    }

    /// Something to give back: the entry, the balance and the proof that the hold was placed,
    /// together. Returns the outcome found in its place.
    async fn end_moved(
        &self,
        hold: &Hold,
        end: &End,
        entry: &Entry,
    ) -> Result<Option<Ending>, StoreError> {
        let items = [
            TransactWriteItem::builder().put(self.append(item::entry::write(entry))?).build(),
            TransactWriteItem::builder()
                .update(self.move_balance(&hold.account, entry.amount, end.at)?)
                .build(),
            TransactWriteItem::builder().condition_check(self.placed(hold)?).build(),
        ];
        let request = self.transaction(items, end.id.to_string());
        let mut attempts = self.attempts();
        loop {
            let why = match send(request.clone()).await? {
                Ok(()) => return Ok(None),
                Err(Cancelled::Again(why)) => why,
                Err(Cancelled::Reasons(reasons)) => {
                    if let Some(found) = item_of(&reasons, 0) {
                        return read_ending(&hold.account, found).map(Some);
                    }
                    if failed(&reasons, 2) {
                        return Err(Rejection::NoHold.into());
                    }
                    self.expire_due(&hold.account, end.at).await?;
                    Again::Conflict
                }
            };
            if !attempts.again(why).await {
                return Err(exhausted(attempts.made()));
            }
        }
    }

    /// Does what must come before the hold, as the balance found tells; or says why it is refused.
    async fn clear_the_way(
        &self,
        hold: &Hold,
        signup: Credits,
        found: Option<&Item>,
    ) -> Result<(), StoreError> {
        let Some(found) = found else {
            let opened = self.open(&hold.account, signup, before(hold.id.0), hold.at).await;
            return match opened {
                Err(StoreError::Rejected(Rejection::AccountExists)) => Ok(()),
                other => other,
            };
        };
        let balance = item::account::read_balance(found).map_err(corrupt(&hold.account))?;
        match balance.obstacle(hold.amount, hold.at) {
            Some(Obstacle::Refused(rejection)) => Err(rejection.into()),
            Some(Obstacle::ExpiryDue) => self.expire_due(&hold.account, hold.at).await,
            None => Ok(()),
        }
    }

    async fn open(
        &self,
        account: &AccountId,
        signup: Credits,
        id: Ulid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = Actor::User(account.to_string());
        let command = Command { id, actor, action: Action::Open { signup } };
        self.submit(account, &command, now).await.map(drop)
    }

    /// Applies due expiries, which nothing but time caused, so that the caller can try again. An
    /// account too busy for it is no error here: the caller's next attempt finds out how it is.
    pub(crate) async fn expire_due(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = Actor::System("expiry".to_owned());
        let command = Command { id: fresh_ulid(now), actor, action: Action::Expire };
        match self.submit(account, &command, now).await {
            Ok(_) | Err(StoreError::Rejected(Rejection::Busy)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn take_for(&self, hold: &Hold) -> Result<Update, StoreError> {
        self.balance_update(&hold.account)
            .update_expression("SET available = available - :amount")
            .condition_expression(
                "available >= :amount AND next_expiry > :now AND attribute_not_exists(frozen)",
            )
            .expression_attribute_values(":amount", number(hold.amount))
            .expression_attribute_values(":now", time(hold.at))
            .build()
            .map_err(StoreError::unavailable)
    }

    /// A movement of the balance that no refusal stops but a due expiry, which must run first.
    pub(crate) fn move_balance(
        &self,
        account: &AccountId,
        amount: Credits,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        self.balance_update(account)
            .update_expression("SET available = available + :amount")
            .condition_expression("next_expiry > :now")
            .expression_attribute_values(":amount", number(amount))
            .expression_attribute_values(":now", time(now))
            .build()
            .map_err(StoreError::unavailable)
    }

    fn placed(&self, hold: &Hold) -> Result<ConditionCheck, StoreError> {
        ConditionCheck::builder()
            .table_name(&self.names.ledger)
            .key(key::PK, item::text(key::account(&hold.account)))
            .key(key::SK, item::text(key::entry(hold.id.entry())))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(StoreError::unavailable)
    }

    pub(crate) fn balance_update(
        &self,
        account: &AccountId,
    ) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.names.state)
            .key(key::PK, item::text(key::account(account)))
            .key(key::SK, item::text(key::BALANCE))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// An entry found under the hold's own name is this hold, placed by an earlier attempt.
fn same_hold(hold: &Hold, found: &Item) -> Result<(), StoreError> {
    let entry = item::entry::read(&hold.account, found).map_err(corrupt(&hold.account))?;
    if item::entry::hold(entry).is_some_and(|found| found.amount == hold.amount) {
        return Ok(());
    }
    let reader = item::Reader::new(found);
    Err(corrupt(&hold.account)(reader.fault(key::SK, "names another entry")))
}

fn read_ending(account: &AccountId, found: &Item) -> Result<Ending, StoreError> {
    let entry = item::entry::read(account, found).map_err(corrupt(account))?;
    match entry.cause {
        Cause::Outcome { ending, .. } => Ok(ending),
        _ => Err(corrupt(account)(item::Reader::new(found).fault("kind", "is not an outcome"))),
    }
}

/// A name for what must precede the entry `id`, clear of the names its expiries take.
fn before(id: Ulid) -> Ulid {
    const CLEAR: u128 = 1_000;
    Ulid::from(u128::from(id).wrapping_sub(CLEAR))
}

/// A name for expiries run on the way. What makes an expiry happen once is the revision, not its
/// name; a name only has to be nobody else's.
fn fresh_ulid(now: Timestamp) -> Ulid {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Ulid::from_parts(millis, fastrand::u128(..))
}
