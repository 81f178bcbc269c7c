//! What time does to buckets, applied before every command.

use ulid::Ulid;

use crate::{
    Credits,
    account::Account,
    bucket::{self, Bucket, Source},
    change::Condition,
    credits::AmountTooLarge,
    decide::Draft,
    entry::Cause,
};

impl Draft<'_> {
    /// Makes one place of the buckets that never expire and have long been empty, or of all such
    /// empty ones where the account has as many buckets as it may: buying and using up packs
    /// must not lead to a paid grant being refused. A period without an end stays while there is
    /// room, so that it can be raised.
    pub(super) fn fold_long_empty(&mut self, before: &Account) {
        let rested = self.now.duration_since(before.marked_at) >= Account::EMPTY_KEPT;
        let full = self.after.buckets.len() >= Account::BUCKETS_MAX;
        let was_empty = |id: Ulid| {
            before.buckets.iter().any(|bucket| bucket.id == id && bucket.left == Credits::ZERO)
        };
        let is_place =
            |bucket: &Bucket| bucket.source == Source::Restored && bucket.expires_at.is_none();
        let all = std::mem::take(&mut self.after.buckets);
        let (empty, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|bucket| {
            bucket.expires_at.is_none()
                && bucket.left == Credits::ZERO
                && (full || bucket.period.is_none() && rested && was_empty(bucket.id))
        });
        self.after.buckets = kept;
        let Some(place) = bucket::place_left_by(&empty) else {
            return;
        };
        match self.after.buckets.iter_mut().find(|bucket| is_place(bucket)) {
            Some(bucket) => {
                bucket.granted = bucket.granted.checked_add(place.granted).unwrap_or(Credits::MAX);
            }
            None => self.after.buckets.push(place),
        }
    }

    /// Makes room for one more bucket where the account has as many as it may: first the places
    /// left by expired buckets become one, which lasts as long as the longest of them, and then
    /// that one goes if it is empty. A renewal must not be refused for the place of the bucket it
    /// closes, which only what a running call gives back would use.
    pub(super) fn make_room(&mut self) {
        let is_full = |draft: &Self| draft.after.buckets.len() >= Account::BUCKETS_MAX;
        if !is_full(self) {
            return;
        }
        let all = std::mem::take(&mut self.after.buckets);
        let (places, kept): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|it| it.source == Source::Restored && it.expires_at.is_some());
        self.after.buckets = kept;
        let Some(place) = one_of(places) else {
            return;
        };
        self.after.buckets.push(place);
        if is_full(self) {
            self.after.buckets.retain(|it| !(it.expires_at.is_some() && it.is_empty_place()));
        }
    }

    /// Forfeits what is left of due buckets and what belongs to no bucket.
    pub(super) fn expire(&mut self, unplaced: Credits) -> Result<(), AmountTooLarge> {
        let read = self.after.balance.available;
        let all = std::mem::take(&mut self.after.buckets);
        let (due, open): (Vec<_>, Vec<_>) = all.into_iter().partition(|b| b.is_due(self.now));
        self.after.buckets = open;
        self.after.buckets.extend(due.iter().filter_map(|b| bucket::restored(b, self.now)));
        let rests = due.iter().map(|bucket| (bucket.source, bucket.left));
        let forfeits: Vec<_> = rests
            .chain([(Source::Restored, unplaced)])
            .filter(|(_, left)| left.is_positive())
            .collect();
        for (step, (source, left)) in forfeits.iter().rev().enumerate().rev() {
            let id = preceding(self.id, step.saturating_add(1));
            self.put(id, left.negated(), Cause::Expiry { source: *source })?;
            self.condition = Condition::Exactly(read);
        }
        if !due.is_empty() {
            self.condition = Condition::Exactly(read);
        }
        Ok(())
    }
}

/// One place with the room and the credits of all, for as long as the longest lasts.
fn one_of(places: Vec<Bucket>) -> Option<Bucket> {
    places.into_iter().reduce(|one, other| Bucket {
        granted: one.granted.checked_add(other.granted).unwrap_or(Credits::MAX),
        left: one.left.checked_add(other.left).unwrap_or(Credits::MAX),
        expires_at: one.expires_at.max(other.expires_at),
        ..one
    })
}

/// The name `steps` before `id`: an expiry applied by a command sorts just before the command's
/// own entry and is as unique as it.
fn preceding(id: Ulid, steps: usize) -> Ulid {
    let steps = u128::try_from(steps).unwrap_or(u128::MAX);
    Ulid::from(u128::from(id).wrapping_sub(steps))
}
