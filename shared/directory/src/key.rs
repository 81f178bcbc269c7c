//! Every key of the rows kept here, spelled here and nowhere else.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use ledger::AccountId;
use ulid::Ulid;

use crate::audit::Band;

/// The partition key attribute.
pub(crate) const PK: &str = "pk";
/// The sort key attribute.
pub(crate) const SK: &str = "sk";
/// Sort key of items that are alone in their partition.
pub(crate) const ONLY: &str = "ONLY";
/// The attribute by which the table removes a row, in seconds since 1970.
pub(crate) const TTL: &str = "ttl";

/// The index of users by e-mail, and its keys. Only users with an e-mail carry them.
pub(crate) const USERS_BY_EMAIL: &str = "users-by-email";
/// The hash key of [`USERS_BY_EMAIL`].
pub(crate) const EMAIL_SHARD: &str = "email_shard";
/// The range key of [`USERS_BY_EMAIL`].
pub(crate) const EMAIL_KEY: &str = "email_key";

/// How many partitions share the users. One takes 1,000 writes a second; a list reads them all.
pub(crate) const USER_SHARDS: u8 = 8;

/// Partition of the plans that are sold.
pub(crate) const PLANS: &str = "PLANS";
/// Partition of the names by which payment providers know plans.
pub(crate) const PLAN_NAMES: &str = "PLAN_NAMES";
/// Partition of who changed which setting last.
pub(crate) const SETTINGS: &str = "SETTINGS";
/// Partition of the audit's passes, a row a day.
pub(crate) const AUDIT_PASSES: &str = "AUDIT_PASSES";
/// Partition of how far use has been counted.
pub(crate) const USAGE_PROGRESS: &str = "USAGE_PROGRESS";
/// Partition of use by day.
pub(crate) const USAGE: &str = "USAGE";

/// Partition of the runs of the bulk sync.
pub(crate) const SYNC_RUNS: &str = "SYNC_RUNS";
/// Partition of the one row that lets one run at a time.
pub(crate) const SYNC_LOCK: &str = "SYNC_LOCK";

/// What every subscription's sort key starts with.
pub(crate) const SUBSCRIPTION_PREFIX: &str = "SUBSCRIPTION#";

/// The partition of the users of one shard.
pub(crate) fn users(shard: u8) -> String {
    format!("USERS#{shard}")
}

/// The partition a user's row is in.
pub(crate) fn users_of(id: &AccountId) -> String {
    users(shard(id))
}

/// The shard of a user: any even spread does, but it can never change.
fn shard(id: &AccountId) -> u8 {
    let mix = |sum: u8, byte: u8| sum.wrapping_mul(31).wrapping_add(byte);
    id.as_str().bytes().fold(0, mix) % USER_SHARDS
}

/// The partition of an account, which it shares with its balance.
pub(crate) fn account(account: &AccountId) -> String {
    format!("ACCOUNT#{account}")
}

/// The sort key of a subscription, by the provider's item.
pub(crate) fn subscription(item: &str) -> String {
    format!("{SUBSCRIPTION_PREFIX}{item}")
}

/// The sort key of a name by which `provider` knows a plan.
pub(crate) fn plan_name(provider: &str, name: &str) -> String {
    format!("{provider}:{name}")
}

/// The partition of one day's operations.
pub(crate) fn operations(day: Date) -> String {
    format!("OPERATIONS#{day}")
}

/// The partition of the slots of a rate in one window.
pub(crate) fn rate(name: &str, window_start: Timestamp) -> String {
    format!("RATE#{name}#{}", window_start.as_millisecond())
}

/// The partition of the accounts that a pass found in a band.
pub(crate) fn band(pass: Ulid, band: Band) -> String {
    format!("AUDIT_BAND#{pass}#{}", band.as_str())
}

/// The partition of the accounts that a run of the bulk sync has opened.
pub(crate) fn sync_opened(run: Ulid) -> String {
    format!("SYNC_OPENED#{run}")
}

/// The sort key of what one step of a pass found: it sorts as the number does.
pub(crate) fn step(step: u64) -> String {
    format!("{step:010}")
}

/// The day `at` falls in, in UTC.
pub(crate) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// When `day` begins, in UTC.
pub(crate) fn start_of(day: Date) -> Timestamp {
    // INVARIANT: a day is made of a timestamp or written by a person in this millennium, and no
    // such day begins outside the range of timestamps.
    day.to_zoned(TimeZone::UTC).map(|start| start.timestamp()).unwrap_or_default()
}
