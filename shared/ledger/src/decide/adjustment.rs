//! Balances moved by hand.

use crate::{
    Rejection,
    bucket::{self, Source},
    change::Condition,
    command::Adjustment,
    decide::Draft,
    entry::Cause,
};

impl Draft<'_> {
    pub(super) fn adjust(
        &mut self,
        adjustment: Adjustment,
        reason: Option<&String>,
    ) -> Result<(), Rejection> {
        let available = self.after.balance.available;
        let read = self.read_balance()?;
        let (amount, condition) = match adjustment {
            Adjustment::To(target) if target.is_negative() => {
                return Err(Rejection::AmountNotPositive);
            }
            Adjustment::To(target) => (target.checked_sub(available)?, Condition::Exactly(read)),
            Adjustment::By(amount) if amount.is_negative() => {
                let required = amount.negated();
                if available < required {
                    return Err(Rejection::InsufficientCredits { required, available });
                }
                (amount, Condition::AtLeast(required))
            }
            Adjustment::By(amount) => (amount, Condition::None),
            Adjustment::ByAtMost(amount) => {
                let floor = available.or_zero().negated();
                (amount.max(floor), Condition::Exactly(read))
            }
        };
        self.after.last_synced_at = Some(self.now);
        // What expiry asked for is stricter than anything asked for here.
        if !matches!(self.condition, Condition::Exactly(_)) {
            self.condition = condition;
        }
        let cause = Cause::Adjustment { reason: reason.cloned() };
        if amount.is_positive() {
            let spendable = self.receive(amount, cause)?;
            self.merge_or_add(Source::Adjustment, amount, spendable)?;
        } else if amount.is_negative() {
            self.put(self.id, amount, cause)?;
            bucket::burn(&mut self.after.buckets, amount.negated())?;
        }
        Ok(())
    }
}
