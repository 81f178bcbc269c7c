//! New identifiers. A hold whose id was seen before is taken for the same request again, so two
//! ids that are equal by accident would be a call that nobody pays for.

use jiff::Timestamp;
use ulid::Ulid;

/// A new ULID: the time `now` (milliseconds, 48 bits) and 80 random bits.
///
/// The random bits come from the TLS library's generator, which is seeded by the kernel and
/// notices when the machine was restored from a snapshot; a generator seeded once per process
/// would repeat itself in two copies of one snapshot.
pub fn new_ulid(now: Timestamp) -> Ulid {
    let mut random = [0_u8; 16];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        // Only possible where the kernel gives no randomness at all; TLS would not work either.
        random = fastrand::u128(..).to_le_bytes();
    }
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
    Ulid::from_parts(milliseconds, u128::from_le_bytes(random))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_new_ulid_carries_its_time_and_sorts_by_it() {
        let early = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let late = Timestamp::from_millisecond(1_700_000_000_124).unwrap();
        assert_eq!(new_ulid(early).timestamp_ms(), 1_700_000_000_123);
        assert!(new_ulid(early) < new_ulid(late));
    }

    #[test]
    fn ulids_of_one_millisecond_differ() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let ids: BTreeSet<Ulid> = (0..1000).map(|_| new_ulid(now)).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn a_time_before_1970_gives_the_earliest_ulid_instead_of_wrapping() {
        let before = Timestamp::from_second(-1).unwrap();
        assert_eq!(new_ulid(before).timestamp_ms(), 0);
    }
}
