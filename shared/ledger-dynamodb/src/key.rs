//! Every key of both tables, spelled here and nowhere else.

use jiff::Timestamp;
use ledger::{AccountId, EntryId, HoldId, entry::GrantKey, entry_id::InvalidEntryId};
use ulid::Ulid;

/// How many index partitions share the holds that expire in one minute. One partition takes 1,000
/// writes a second; eight take as many holds as the account's default table limits allow at all.
pub const SHARDS: u8 = 8;

/// The partition key attribute of both tables.
pub(crate) const PK: &str = "pk";
/// The sort key attribute of both tables.
pub(crate) const SK: &str = "sk";
/// The hash key attribute of the index of holds by expiry; only hold entries carry it.
pub(crate) const EXPIRY_SLOT: &str = "expiry_slot";
/// The index of holds by the minute they expire in.
pub const HOLDS_BY_EXPIRY: &str = "holds-by-expiry";
/// Sort key of an account's hot item in State.
pub(crate) const BALANCE: &str = "BALANCE";
/// Sort key of an account's cold item in State.
pub(crate) const BUCKETS: &str = "BUCKETS";
/// What every entry's sort key starts with.
pub(crate) const ENTRY_PREFIX: &str = "ENTRY#";
/// Sort key of items that are alone in their partition.
pub(crate) const ONLY: &str = "ONLY";
/// Partition of the price book, in force and by version.
pub(crate) const PRICE_BOOK: &str = "PRICE_BOOK";
/// Sort key of what is known of an account's projection to the identity provider.
pub(crate) const PROJECTION: &str = "PROJECTION";
/// Sort key of which period of a subscription is its newest.
pub(crate) const NEWEST: &str = "NEWEST";

const ACCOUNT_PREFIX: &str = "ACCOUNT#";
const OUTCOME_SUFFIX: &str = "#OUTCOME";

/// The partition of an account, in either table.
pub fn account(account: &AccountId) -> String {
    format!("{ACCOUNT_PREFIX}{account}")
}

/// The account whose partition this is.
pub(crate) fn parse_account(pk: &str) -> Option<AccountId> {
    AccountId::parse(pk.strip_prefix(ACCOUNT_PREFIX)?).ok()
}

/// The sort key of an entry. An outcome sorts right behind its hold.
pub fn entry(id: EntryId) -> String {
    match id {
        EntryId::Own(ulid) => format!("{ENTRY_PREFIX}{ulid}"),
        EntryId::Outcome(hold) => format!("{ENTRY_PREFIX}{hold}{OUTCOME_SUFFIX}"),
    }
}

/// The entry a sort key names.
pub(crate) fn parse_entry(sk: &str) -> Result<EntryId, InvalidEntryId> {
    let id = sk.strip_prefix(ENTRY_PREFIX).ok_or(InvalidEntryId)?;
    match id.strip_suffix(OUTCOME_SUFFIX) {
        Some(hold) => hold.parse().map(EntryId::Outcome),
        None => id.parse::<HoldId>().map(HoldId::entry),
    }
}

/// The first sort key an entry made at `since` or later can have.
pub(crate) fn first_entry(since: Timestamp) -> String {
    entry(EntryId::Own(Ulid::from_parts(millis(since), 0)))
}

/// The partition, in Ledger, of an economic fact that was granted.
pub fn fact(key: &GrantKey) -> String {
    format!("GRANT#{key}")
}

/// The partition, in State, of what was given back of a call or taken back of a payment.
pub fn taken(subject: &str) -> String {
    format!("TAKEN#{subject}")
}

/// The partition, in State, of what the period of `subscription` that began at `start` was granted.
pub(crate) fn period(subscription: &str, start: Timestamp) -> String {
    format!("PERIOD#{subscription}#{}", start.as_millisecond())
}

/// The partition, in State, of which period of `subscription` is its newest.
pub(crate) fn newest_period(subscription: &str) -> String {
    format!("PERIOD#{subscription}")
}

/// The sort key of a version of the price book.
pub(crate) fn price_book_version(version: u32) -> String {
    format!("VERSION#{version}")
}

/// The partition, in State, of the marker that a hold was charged late.
pub fn late(hold: HoldId) -> String {
    format!("LATE#{hold}")
}

/// The sort key of the answer kept for a hold, in the partition of the claim that names it.
pub(crate) fn answer(hold: HoldId) -> String {
    format!("ANSWER#{hold}")
}

/// The partition, in State, of how far the expiry job got in one shard.
pub(crate) fn expiry_progress(shard: u8) -> String {
    format!("EXPIRE_HOLDS#{shard}")
}

/// The index partition of the holds of one shard that expire in the minute of `expires_at`.
pub fn expiry_slot(expires_at: Timestamp, shard: u8) -> String {
    format!("EXPIRES#{}#{shard}", minute(expires_at).strftime("%Y-%m-%dT%H:%MZ"))
}

/// The shard a hold is indexed in: by its random bits, so that load spreads evenly.
pub fn shard(hold: HoldId) -> u8 {
    let [.., last] = hold.0.to_bytes();
    last.checked_rem(SHARDS).unwrap_or_default()
}

/// The last sort key an entry made before `until` can have.
pub(crate) fn last_entry(until: Timestamp) -> String {
    format!("{}$", entry(EntryId::Own(Ulid::from_parts(millis(until), u128::MAX))))
}

/// The start of the minute `at` falls in.
pub(crate) fn minute(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    let start = seconds.saturating_sub(seconds.rem_euclid(60));
    Timestamp::from_second(start).unwrap_or(at)
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
