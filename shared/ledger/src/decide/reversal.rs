//! What undoes earlier movements: refunds of calls, claw-backs of payments, reinstatements.

use ulid::Ulid;

use crate::{
    Rejection,
    bucket::{self, Bucket, Source},
    command::Reversal,
    credits::Credits,
    decide::Draft,
    entry::Cause,
};

/// What is given back of a call that cost `cost` and of which `taken` was given back before: what
/// was asked, or all that is left. The write asks once more that it is no more than that.
pub(super) fn refunded(
    asked: Option<Credits>,
    cost: Credits,
    taken: Credits,
) -> Result<Credits, Rejection> {
    let left = cost.checked_sub(taken)?.or_zero();
    match asked {
        Some(amount) if !amount.is_positive() => Err(Rejection::AmountNotPositive),
        Some(amount) if amount <= left => Ok(amount),
        None if left.is_positive() => Ok(left),
        _ => Err(Rejection::ReversalLimit { limit: cost }),
    }
}

impl Draft<'_> {
    /// Room first, so that credits keep the expiry they were paid with; what finds none becomes
    /// a bucket that does not expire.
    pub(super) fn refund(&mut self, amount: Credits, cause: Cause) -> Result<(), Rejection> {
        let spendable = self.receive(amount, cause)?;
        let unplaced = bucket::put_back(&mut self.after.buckets, spendable)?;
        if unplaced.is_positive() {
            self.merge_or_add(Source::Refund, unplaced, unplaced)?;
        }
        Ok(())
    }

    /// From the payment's own bucket first, then in burn order; the rest is a debt.
    pub(super) fn clawback(&mut self, reversal: &Reversal) -> Result<(), Rejection> {
        if !reversal.amount.is_positive() {
            return Err(Rejection::AmountNotPositive);
        }
        let cause =
            Cause::Clawback { key: reversal.key.clone(), payment: reversal.payment.clone() };
        let before = self.after.balance.available.or_zero();
        self.put(self.id, reversal.amount.negated(), cause)?;
        let mut rest = before.checked_sub(self.after.balance.available.or_zero())?;
        if let Some(own) = self.bucket_mut(reversal.bucket) {
            let taken = rest.min(own.left);
            own.left = own.left.checked_sub(taken)?;
            own.granted = own.granted.checked_sub(reversal.amount)?.max(own.left);
            rest = rest.checked_sub(taken)?;
        }
        bucket::burn(&mut self.after.buckets, rest)?;
        self.record(&reversal.key);
        self.limit(reversal.payment.clone(), reversal.amount, reversal.granted)
    }

    pub(super) fn reinstate(&mut self, reversal: &Reversal) -> Result<(), Rejection> {
        let cause =
            Cause::Reinstatement { key: reversal.key.clone(), payment: reversal.payment.clone() };
        let spendable = self.receive(reversal.amount, cause)?;
        if let Some(own) = self.bucket_mut(reversal.bucket) {
            own.granted = own.granted.checked_add(reversal.amount)?;
            own.left = own.left.checked_add(spendable)?;
        } else {
            self.add_bucket(Source::Pack, reversal.amount, spendable, None)?;
        }
        self.record(&reversal.key);
        self.limit(reversal.payment.clone(), reversal.amount.negated(), reversal.granted)
    }

    fn bucket_mut(&mut self, id: Option<Ulid>) -> Option<&mut Bucket> {
        let id = id?;
        self.after.buckets.iter_mut().find(|bucket| bucket.id == id)
    }
}
