//! Walking a list that is newest first and paged by offset, while it may grow and shrink.
//!
//! New items come in at the front and push everything to higher offsets: the next page then begins
//! with items that were done already, and none is skipped. Items that vanish pull everything to
//! lower offsets, which would skip some. So each page begins some items before the place it
//! should, and is compared with the last items that were done: what comes after the last of them
//! is new. Where a page has none of them the list has shifted further, and the walk looks for them,
//! first where the change of its length says they are, then page by page towards the front.
//!
//! Items that come in after the walk has begun are newer than the run, and not its matter.

use std::collections::BTreeSet;

use clerk::{Clerk, ClerkError, SubscriptionItem};
use directory::runs::{Phase, Position};

/// How many items a page begins early.
const OVERLAP: u16 = 20;

/// The most items Clerk puts on one page.
const LIMIT_MAX: u16 = 500;

/// Pages towards the front that are searched for the last items done, before the walk goes on at
/// the place where it should be: 10,000 items gone within one step.
const SEARCHED_MAX: u32 = 20;

/// A page, and which part of it is still to be done.
pub(crate) struct ItemPage {
    /// What lies before is done.
    pub(crate) items: Vec<SubscriptionItem>,
    /// Items of the list before the first of these.
    pub(crate) offset: u64,
    /// The length of the list.
    pub(crate) total: u64,
    /// Whether the last items done were not found: something may be done a second time, or left
    /// out. What is done twice moves nothing.
    pub(crate) lost: bool,
}

/// The page at `position`, of about `size` items.
pub(crate) async fn page(
    clerk: &Clerk,
    position: &Position,
    size: u16,
) -> Result<ItemPage, ClerkError> {
    if position.tail.is_empty() {
        let page = clerk.subscription_items(size.min(LIMIT_MAX), position.offset).await?;
        let (items, total) = (page.items, page.total);
        return Ok(ItemPage { items, offset: position.offset, total, lost: false });
    }
    let limit = size.saturating_add(OVERLAP).min(LIMIT_MAX);
    let expected = position.offset.saturating_sub(u64::from(OVERLAP));
    let first = clerk.subscription_items(limit, expected).await?;
    let total = first.total;
    if let Some(page) = fresh(first.items, (expected, total), &position.tail) {
        return Ok(page);
    }
    let shifted = expected.saturating_add(total).saturating_sub(position.total);
    let stride = u64::from(limit.saturating_sub(OVERLAP).max(1));
    let earlier = (1..).map(|pages| expected.saturating_sub(stride.saturating_mul(pages)));
    let mut searched = 0;
    for offset in std::iter::once(shifted).chain(earlier) {
        let page = clerk.subscription_items(limit, offset).await?;
        if let Some(page) = fresh(page.items, (offset, page.total), &position.tail) {
            return Ok(page);
        }
        searched += 1;
        if searched > SEARCHED_MAX || (searched > 1 && offset == 0) {
            break;
        }
    }
    tracing::error!(
        offset = position.offset,
        total,
        "the list of subscriptions has shifted too far"
    );
    let page = clerk.subscription_items(limit, position.offset).await?;
    Ok(ItemPage { items: page.items, offset: position.offset, total: page.total, lost: true })
}

/// What of a page comes after the last of `tail` in it; `None` if it has none of them.
fn fresh(
    mut items: Vec<SubscriptionItem>,
    (offset, total): (u64, u64),
    tail: &[String],
) -> Option<ItemPage> {
    let tail: BTreeSet<&str> = tail.iter().map(String::as_str).collect();
    let last_done = items.iter().rposition(|item| tail.contains(item.id.as_str()))?;
    let done = last_done.saturating_add(1);
    let items = items.split_off(done);
    let offset = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
    Some(ItemPage { items, offset, total, lost: false })
}

/// Where the walk goes on after the first `done` items of the page; `None` at the list's end.
pub(crate) fn after(page: &ItemPage, done: usize, before: &Position) -> Option<Position> {
    let offset = page.offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
    let is_done = done >= page.items.len();
    if is_done && (page.items.is_empty() || offset >= page.total) {
        return None;
    }
    let ids = page.items.iter().take(done).map(|item| item.id.clone());
    let mut tail: Vec<String> = before.tail.iter().cloned().chain(ids).collect();
    let surplus = tail.len().saturating_sub(usize::from(OVERLAP));
    tail.drain(..surplus);
    Some(Position { phase: Phase::Plans, after: None, offset, total: page.total, tail })
}
