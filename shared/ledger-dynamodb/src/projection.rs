//! Whose turn it is to tell the identity provider of a balance, and how far that has come.
//!
//! The balance is the truth and what the provider shows is a copy. A turn keeps copies in order:
//! at most one call is under way for an account, whoever makes it.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure, Update},
};
use jiff::Timestamp;
use ledger::AccountId;

use crate::{
    error::{StoreError, Unreadable},
    item::{Item, Reader, corrupt, text, time},
    key,
    retry::{classify, exhausted},
    store::LedgerStore,
};

/// How long a turn lasts: longer than a call to the provider may take (2 seconds), so that at most
/// one is under way, and at most 4 begin in 10 seconds. Nobody has to give a turn back.
pub const TURN: Duration = Duration::from_secs(3);

const TURN_FREE: &str = "attribute_not_exists(turn_until) OR turn_until <= :now";

/// Whether the caller may tell the provider now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the caller's turn, for [`TURN`].
    Taken,
    /// Another has the turn until then.
    NotBefore(Timestamp),
    /// Nobody asked for a turn.
    NotAsked,
}

/// How far the copy of an account's balance has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// Until when somebody has the turn.
    pub turn_until: Option<Timestamp>,
    /// The balance's revision that the last turn was taken for.
    pub attempted: Option<u64>,
    /// The newest revision that was asked to be told.
    pub wanted: Option<u64>,
    /// The newest revision that was told.
    pub projected: Option<u64>,
    /// When it was told.
    pub projected_at: Option<Timestamp>,
    /// Since when telling it waits in the queue.
    pub queued_at: Option<Timestamp>,
}

impl Projection {
    /// Reads what an item tells; a turn is free where nothing was ever told.
    pub(crate) fn read(item: &Item) -> Result<Self, Unreadable> {
        let reader = Reader::new(item);
        let revision = |name| reader.raw(name).map(|_| reader.number(name)).transpose();
        let at = |name| reader.raw(name).map(|_| reader.time(name)).transpose();
        Ok(Self {
            turn_until: at("turn_until")?,
            attempted: revision("attempted")?,
            wanted: revision("wanted")?,
            projected: revision("projected")?,
            projected_at: at("projected_at")?,
            queued_at: at("queued_at")?,
        })
    }

    /// What asking for a turn at `now` comes to.
    pub(crate) fn turn(&self, now: Timestamp) -> Turn {
        match self.turn_until {
            Some(until) if until > now => Turn::NotBefore(until),
            _ => Turn::Taken,
        }
    }
}

impl LedgerStore {
    /// Takes the turn to tell the provider of the account's balance at `revision`, if it is free.
    /// One conditional update. Never [`Turn::NotAsked`].
    ///
    /// An answer that was lost may leave the turn taken by nobody: it ends by itself.
    pub async fn take_turn(
        &self,
        account: &AccountId,
        revision: u64,
        now: Timestamp,
    ) -> Result<Turn, StoreError> {
        let request = self
            .update_projection(account)
            .update_expression("SET turn_until = :until, attempted = :revision")
            .condition_expression(TURN_FREE)
            .expression_attribute_values(":until", time(turn_end(now)))
            .expression_attribute_values(":revision", number(revision))
            .expression_attribute_values(":now", time(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Some(found) = self.unless_refused(request).await? else {
            return Ok(Turn::Taken);
        };
        let found = Projection::read(&found).map_err(corrupt(account))?;
        Ok(Turn::NotBefore(found.turn_until.unwrap_or_else(|| turn_end(now))))
    }

    /// Notes that the provider was told of the balance at `revision`. Never goes back to an older
    /// one. It waits in the queue no longer, unless a newer revision is to be told.
    pub async fn mark_projected(
        &self,
        account: &AccountId,
        revision: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let newest = "(attribute_not_exists(projected) OR projected <= :revision)";
        let told = "SET projected = :revision, projected_at = :now";
        let all_told = "(attribute_not_exists(wanted) OR wanted <= :revision)";
        let both = (format!("{told} REMOVE queued_at"), format!("{newest} AND {all_told}"));
        for (update, condition) in [both, (told.to_owned(), newest.to_owned())] {
            let request = self
                .update_projection(account)
                .update_expression(update)
                .condition_expression(condition)
                .expression_attribute_values(":revision", number(revision))
                .expression_attribute_values(":now", time(now))
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            if self.unless_refused(request).await?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Notes that telling the provider of the account's balance waits in the queue, since `now` if
    /// it does not wait already.
    pub async fn mark_projection_queued(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let request = self
            .update_projection(account)
            .update_expression("SET queued_at = if_not_exists(queued_at, :now)")
            .expression_attribute_values(":now", time(now));
        self.retried(|| request.clone().send()).await.map(drop)
    }

    /// How far the copy of the account's balance has come, read consistently; `None` where it was
    /// never to be told.
    pub async fn projection(&self, account: &AccountId) -> Result<Option<Projection>, StoreError> {
        let item = self.state_item(key::account(account), key::PROJECTION.to_owned()).await?;
        item.map(|item| Projection::read(&item)).transpose().map_err(corrupt(account))
    }

    /// What a cold write that asks for a turn puts beside itself: the turn where it is free, and in
    /// any case which revision is to be told.
    pub(crate) fn turn_beside(
        &self,
        account: &AccountId,
        revision: u64,
        (turn, now): (Turn, Timestamp),
    ) -> Result<Update, StoreError> {
        let update = Update::builder()
            .table_name(&self.names.state)
            .key(key::PK, text(key::account(account)))
            .key(key::SK, text(key::PROJECTION))
            .expression_attribute_values(":revision", number(revision));
        let update = if turn == Turn::Taken {
            update
                .update_expression(
                    "SET turn_until = :until, attempted = :revision, wanted = :revision",
                )
                .condition_expression(TURN_FREE)
                .expression_attribute_values(":until", time(turn_end(now)))
                .expression_attribute_values(":now", time(now))
        } else {
            update.update_expression("SET wanted = :revision")
        };
        update.build().map_err(StoreError::unavailable)
    }

    fn update_projection(&self, account: &AccountId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.names.state)
            .key(key::PK, text(key::account(account)))
            .key(key::SK, text(key::PROJECTION))
    }

    /// Sends a conditional update until it is answered. The item that made its condition fail;
    /// `None` if it went through.
    async fn unless_refused(
        &self,
        request: UpdateItemFluentBuilder,
    ) -> Result<Option<Item>, StoreError> {
        let mut attempts = self.attempts();
        loop {
            let Err(error) = request.clone().send().await else {
                return Ok(None);
            };
            if let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
                error.as_service_error()
            {
                return Ok(Some(failed.item().cloned().unwrap_or_default()));
            }
            if !attempts.again(classify(error)?).await {
                return Err(exhausted(attempts.made()));
            }
        }
    }
}

fn turn_end(now: Timestamp) -> Timestamp {
    now.checked_add(TURN).unwrap_or(Timestamp::MAX)
}

fn number(revision: u64) -> AttributeValue {
    AttributeValue::N(revision.to_string())
}
