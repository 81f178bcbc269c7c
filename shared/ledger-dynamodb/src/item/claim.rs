//! Claims and the answers kept beside them, as items. Both end by their time to live.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use jiff::{SignedDuration, Timestamp};
use ledger::{AccountId, HoldId, hold::Hold};

use super::{Item, Reader, keyed, number, text, time};
use crate::{
    claim::{CLAIM_LIFE, Claim, ClaimKey, StoredAnswer},
    error::Unreadable,
    key,
};

/// How much longer an answer lives than a claim of its hold's time can: it is found by its claim
/// and must not go before it.
const ANSWER_MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// The claim of a hold.
pub(crate) fn write(hold: &Hold, claim: &Claim) -> Item {
    let mut item = keyed(&claim.key, key::ONLY);
    item.insert("account".to_owned(), text(&hold.account));
    item.insert("hold".to_owned(), text(hold.id));
    item.insert("fingerprint".to_owned(), text(&claim.fingerprint));
    item.insert("expires_at".to_owned(), time(claim.expires_at));
    item.insert("ttl".to_owned(), ttl(claim.expires_at));
    item
}

/// Whose claim it is, and for which hold.
pub(crate) fn read(item: &Item) -> Result<(AccountId, HoldId), Unreadable> {
    let reader = Reader::new(item);
    Ok((reader.parsed("account")?, reader.parsed("hold")?))
}

/// The answer of a hold.
pub(crate) fn write_answer(key: &ClaimKey, hold: HoldId, answer: &StoredAnswer) -> Item {
    let mut item = keyed(key, key::answer(hold));
    let placed = i64::try_from(hold.0.timestamp_ms()).unwrap_or(i64::MAX);
    let placed = Timestamp::from_millisecond(placed).unwrap_or(Timestamp::MAX);
    let gone = placed.checked_add(CLAIM_LIFE).and_then(|end| end.checked_add(ANSWER_MARGIN));
    item.insert("status".to_owned(), number(answer.status));
    item.insert("content_type".to_owned(), text(&answer.content_type));
    item.insert("body".to_owned(), AttributeValue::B(Blob::new(answer.body.as_ref())));
    item.insert("ttl".to_owned(), ttl(gone.unwrap_or(Timestamp::MAX)));
    item
}

/// The answer an item tells of.
pub(crate) fn read_answer(mut item: Item) -> Result<StoredAnswer, Unreadable> {
    let body = item.remove("body");
    let reader = Reader::new(&item);
    let Some(AttributeValue::B(body)) = body else {
        return Err(reader.fault("body", "is not binary"));
    };
    Ok(StoredAnswer {
        status: reader.number("status")?,
        content_type: reader.text("content_type")?.to_owned(),
        body: body.into_inner().into(),
    })
}

/// A time to live, which the table counts in seconds.
fn ttl(at: Timestamp) -> AttributeValue {
    number(at.as_second())
}
