//! Claims: one idempotency key, one hold, one answer to replay.
//!
//! A claim is put in the hold's own transaction, so that a key has a hold exactly where an account
//! has paid for it. The answer has an item of its own beside the claim: a repeat is refused at the
//! price of the claim, which is small, and not of the answer.

use std::fmt;

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountId, Credits, HoldId, Rejection,
    entry::{Cause, Entry},
    hold::{Ending, Hold},
};

use crate::{
    error::{BoxError, StoreError},
    item::{self, Item, Reader, corrupt, text, time},
    key,
    store::LedgerStore,
};

/// How long a claim means something: as long as clients may reasonably try a call again.
pub const CLAIM_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The largest body that is kept. An item has at most 400 KB, names and the other attributes of
/// the answer included.
pub const ANSWER_BYTES_MAX: usize = 350_000;

/// The partition of a claim in State.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimKey(String);

impl ClaimKey {
    /// The key of a scope (account, actor, route and the caller's own key) by its SHA-256.
    pub fn new(digest: [u8; 32]) -> Self {
        let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let hex = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16));
        Self("CLAIM#".chars().chain(hex).collect())
    }
}

impl fmt::Display for ClaimKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a hold claims on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed.
    pub key: ClaimKey,
    /// The SHA-256 of the request in hexadecimal: the same key with another request is a mistake.
    pub fingerprint: String,
    /// When the claim ends by itself: [`CLAIM_LIFE`] after the call.
    pub expires_at: Timestamp,
    /// The hold it is taken over from, which must have been released or have expired.
    pub over: Option<HoldId>,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The hold is placed, by this request or an earlier attempt of it, and the claim is its own.
    Placed,
    /// The key is another hold's. Nothing was moved.
    Found(FoundClaim),
}

/// A claim that was there before.
///
/// It may be taken over where its hold was released or has expired. The settle of one that has
/// expired may still be on its way, and its answer be kept already: whichever comes first, the
/// settle or the take-over, stands, and the other costs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundClaim {
    /// The hold it names.
    pub hold: HoldId,
    /// Whose hold that is.
    pub account: AccountId,
    /// The request it was made for.
    pub fingerprint: String,
    /// The answer to that request, where it is kept already.
    pub answer: Option<StoredAnswer>,
}

/// An answer that can be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body, at most [`ANSWER_BYTES_MAX`] bytes.
    pub body: Bytes,
}

/// Where a hold stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has not ended.
    Open,
    /// It was delivered.
    Settled {
        /// What it cost, in credits.
        charged: Credits,
    },
    /// It was not delivered.
    Released,
    /// Nobody ended it in time.
    Expired,
    /// It was delivered after it had expired.
    ChargedLate {
        /// What it cost, in credits.
        charged: Credits,
    },
}

impl LedgerStore {
    /// As [`LedgerStore::hold`], and claims a key in the same transaction. One round trip; one more
    /// read where the key is taken, for the answer kept.
    ///
    /// The same hold with the same claim again is `Placed` and moves nothing; a changed request,
    /// a take-over for instance, needs a hold of another name. A key that is taken is told before
    /// a shortage: a call that was paid for can be answered again with nothing left to spend.
    ///
    /// A hold that is taken over costs nothing any more: its late settle, from a queue for instance,
    /// finds that said already. So one key is charged once, whatever is still under way.
    ///
    /// Errors: as `hold`.
    pub async fn hold_claimed(
        &self,
        hold: &Hold,
        signup: Credits,
        claim: &Claim,
    ) -> Result<Claimed, StoreError> {
        let mut puts = vec![self.claim_for(hold, claim)?];
        if let Some(over) = claim.over {
            puts.push(self.late_marker(over, &hold.entry(), Credits::ZERO)?);
        }
        let claiming = puts.into_iter().map(|put| TransactWriteItem::builder().put(put).build());
        let Some(mut found) = self.place(hold, signup, claiming.collect()).await? else {
            return Ok(Claimed::Placed);
        };
        let fault = |source| corrupt_claim(&claim.key, source);
        // The hold to be taken over was charged late meanwhile: the claim is its own still.
        if found.contains_key("charged")
            && let Some(claimed) =
                self.state_item(claim.key.to_string(), key::ONLY.to_owned()).await?
        {
            found = claimed;
        }
        let (account, named) = item::claim::read(&found).map_err(fault)?;
        let fingerprint = Reader::new(&found).text("fingerprint").map_err(fault)?.to_owned();
        let answer = self.kept_answer(&claim.key, named).await?;
        Ok(Claimed::Found(FoundClaim { hold: named, account, fingerprint, answer }))
    }

    /// Keeps the answer of `hold` for whoever asks again, before the hold is settled. One round
    /// trip: the claim is read while the answer is put, which does no harm where the claim is
    /// another's, because the answer is found by its hold.
    ///
    /// `false`: the claim was taken over, and the answer will not be given again. Errors:
    /// [`StoreError::Unavailable`], also for a body above [`ANSWER_BYTES_MAX`], which the caller
    /// has to measure first.
    pub async fn keep_answer(
        &self,
        key: &ClaimKey,
        hold: HoldId,
        answer: &StoredAnswer,
    ) -> Result<bool, StoreError> {
        if answer.body.len() > ANSWER_BYTES_MAX {
            let text = format!("an answer of {} bytes is too large to keep", answer.body.len());
            return Err(StoreError::Unavailable(BoxError::from(text)));
        }
        let item = item::claim::write_answer(key, hold, answer);
        let put = self.client.put_item().table_name(&self.names.state).set_item(Some(item));
        let (claim, put) = tokio::join!(
            self.state_item(key.to_string(), key::ONLY.to_owned()),
            self.retried(|| put.clone().send()),
        );
        put?;
        let Some(claim) = claim? else {
            return Ok(false);
        };
        let (_, named) = item::claim::read(&claim).map_err(|source| corrupt_claim(key, source))?;
        Ok(named == hold)
    }

    /// The answer kept for `hold` under `key`, read consistently.
    pub async fn kept_answer(
        &self,
        key: &ClaimKey,
        hold: HoldId,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        let found = self.state_item(key.to_string(), key::answer(hold)).await?;
        let answer = found.map(item::claim::read_answer).transpose();
        answer.map_err(|source| corrupt_claim(key, source))
    }

    /// Where `hold` stands, read consistently: one request, two where it has expired.
    ///
    /// Errors: [`Rejection::NoHold`] where the account has no such hold.
    pub async fn fate(&self, account: &AccountId, hold: HoldId) -> Result<Fate, StoreError> {
        match self.hold_and_outcome(account, hold).await? {
            (None, _) => Err(Rejection::NoHold.into()),
            (Some(_), outcome) => self.fate_by(account, hold, outcome.as_ref()).await,
        }
    }

    /// Where `hold` stands that has this outcome: one request where it has expired.
    pub(crate) async fn fate_by(
        &self,
        account: &AccountId,
        hold: HoldId,
        outcome: Option<&Entry>,
    ) -> Result<Fate, StoreError> {
        // INVARIANT: under an outcome's key only an outcome can be read.
        let Some(Cause::Outcome { ending, .. }) = outcome.map(|outcome| &outcome.cause) else {
            return Ok(Fate::Open);
        };
        match *ending {
            Ending::Settled { charged } => Ok(Fate::Settled { charged }),
            Ending::Released => Ok(Fate::Released),
            Ending::Expired => {
                let marker = self.state_item(key::late(hold), key::ONLY.to_owned()).await?;
                let charged = marker.map(|marker| Reader::new(&marker).credits("charged"));
                let charged = charged.transpose().map_err(corrupt(account))?;
                Ok(charged.map_or(Fate::Expired, |charged| Fate::ChargedLate { charged }))
            }
        }
    }

    fn claim_for(&self, hold: &Hold, claim: &Claim) -> Result<Put, StoreError> {
        // `hold` is a word of DynamoDB's own.
        let put = Put::builder()
            .table_name(&self.names.state)
            .set_item(Some(item::claim::write(hold, claim)))
            .expression_attribute_values(":now", time(hold.at))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match claim.over {
            None => put.condition_expression("attribute_not_exists(pk) OR expires_at <= :now"),
            Some(over) => put
                .condition_expression(
                    "attribute_not_exists(pk) OR expires_at <= :now OR #hold = :over",
                )
                .expression_attribute_names("#hold", "hold")
                .expression_attribute_values(":over", text(over)),
        };
        put.build().map_err(StoreError::unavailable)
    }

    /// One item of State, read consistently.
    pub(crate) async fn state_item(
        &self,
        pk: String,
        sk: String,
    ) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.names.state)
            .consistent_read(true)
            .key(key::PK, text(pk))
            .key(key::SK, text(sk));
        Ok(self.retried(|| request.clone().send()).await?.item)
    }
}

fn corrupt_claim(key: &ClaimKey, source: crate::error::Unreadable) -> StoreError {
    StoreError::Corrupt { account: key.to_string(), source }
}
