//! Slots of a rate that many processes share: so many requests in a window, and never more.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Directory,
    conditional::{Written, update},
    error::DirectoryError,
    item::{number, text},
    key::{self, ONLY, PK, SK, TTL},
};

/// How long a window's row is kept after it began: long over, and out of the way within the day.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// How often fewer slots are asked for where others took some meanwhile. What is not granted is
/// only late, so nothing is lost by giving up.
const TRIES: u32 = 4;

impl Directory {
    /// Takes up to `wanted` of the `most` slots that the rate `name` has in the window that began
    /// at `window_start`, and returns how many: from none to all of them.
    ///
    /// A request whose answer was lost is repeated by the client and may take its slots twice: then
    /// fewer are used than could be, and never more.
    pub async fn take_slots(
        &self,
        name: &str,
        window_start: Timestamp,
        most: u32,
        wanted: u32,
    ) -> Result<u32, DirectoryError> {
        let mut asked = wanted.min(most);
        for _ in 0..TRIES {
            if asked == 0 {
                return Ok(0);
            }
            let room = most.saturating_sub(asked);
            let ends = window_start.checked_add(KEPT).unwrap_or(window_start);
            let request = self
                .client
                .update_item()
                .table_name(&self.state_table)
                .key(PK, text(key::rate(name, window_start)))
                .key(SK, text(ONLY))
                .update_expression("SET #ttl = :ttl ADD taken :asked")
                .condition_expression("attribute_not_exists(taken) OR taken <= :room")
                .expression_attribute_names("#ttl", TTL)
                .expression_attribute_values(":ttl", number(ends.as_second()))
                .expression_attribute_values(":asked", number(asked))
                .expression_attribute_values(":room", number(room));
            match update(request).await? {
                Written::Done(_) => return Ok(asked),
                Written::Refused(found) => {
                    let taken = found.as_ref().and_then(|item| item.get("taken"));
                    asked = asked.min(most.saturating_sub(taken.map_or(most, count)));
                }
            }
        }
        Ok(0)
    }
}

/// The number in the attribute; what is none takes every slot.
fn count(taken: &AttributeValue) -> u32 {
    taken.as_n().ok().and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX)
}
