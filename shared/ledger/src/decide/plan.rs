//! A plan's credits by period: each fact raises one bucket, and the next period closes it.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::{
    Credits, Rejection,
    bucket::{Bucket, Source},
    change::Periods,
    command::PlanGrant,
    credits::AmountTooLarge,
    decide::Draft,
    entry::Cause,
    period::{Known, NewestPeriod, Period, PlanPeriod, start_of},
};

impl PlanGrant {
    /// Whether the credits' own time is over before they come: such a fact moves nothing, in
    /// whatever order it comes with others.
    fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expiry| expiry <= now)
    }

    /// Where the fact's period stands to the newest one known.
    fn standing(&self, known: &Known) -> (Timestamp, Ordering) {
        let start = start_of(self.period_start, known.newest);
        (start, known.newest.map_or(Ordering::Greater, |newest| start.cmp(&newest.start)))
    }
}

impl Draft<'_> {
    /// Makes the bucket of the period before a new one due now, less what rolls over: it is then
    /// forfeited, and leaves its place for running calls, as any bucket whose time is over.
    pub(super) fn close_former(
        &mut self,
        plan: &PlanGrant,
        known: &Known,
    ) -> Result<(), AmountTooLarge> {
        let (start, standing) = plan.standing(known);
        if standing != Ordering::Greater || plan.is_over(self.now) {
            return Ok(());
        }
        for bucket in &mut self.after.buckets {
            let former = bucket.period.as_ref().is_some_and(|period| {
                period.subscription == plan.subscription && period.start < start
            });
            if !former || bucket.is_due(self.now) {
                continue;
            }
            let kept = plan.roll_over.of(bucket.left, self.carried);
            bucket.left = bucket.left.checked_sub(kept)?;
            bucket.granted = bucket.granted.checked_sub(kept)?;
            bucket.expires_at = Some(self.now);
            self.carried = self.carried.checked_add(kept)?;
        }
        Ok(())
    }

    /// Raises the fact's period to the plan's credits. The fact is recorded even where nothing
    /// moves, so that it is done whatever the plan's credits become later.
    pub(super) fn grant_plan(&mut self, plan: &PlanGrant, known: &Known) -> Result<(), Rejection> {
        if !plan.credits.is_positive() {
            return Err(Rejection::AmountNotPositive);
        }
        self.after.last_synced_at = Some(self.now);
        if !plan.is_over(self.now) {
            let (start, standing) = plan.standing(known);
            let granted = known.period.map_or(Credits::ZERO, |period| period.granted);
            let raise = plan.credits.checked_sub(granted)?.or_zero();
            match (standing, known.newest) {
                (Ordering::Less, Some(newest)) => {
                    self.raise_former(plan, start, (granted, raise), newest)?;
                }
                (_, newest) => {
                    let of = PlanPeriod { subscription: plan.subscription.clone(), start };
                    let bucket = self.raise(plan, of, raise)?;
                    let carried = newest
                        .filter(|newest| newest.start == start)
                        .map_or(self.carried, |newest| newest.carried);
                    let newest = Some(NewestPeriod { start, carried });
                    self.remember(plan, start, granted.checked_add(raise)?, bucket);
                    self.periods = self.periods.take().map(|it| Periods { newest, ..it });
                }
            }
        }
        self.record(&plan.key);
        Ok(())
    }

    /// Raises the newest period, or begins it. Returns its bucket; `None` where it has none and
    /// needs none.
    fn raise(
        &mut self,
        plan: &PlanGrant,
        of: PlanPeriod,
        raise: Credits,
    ) -> Result<Option<ulid::Ulid>, Rejection> {
        let spendable = self.receive_plan(plan, raise, plan.expires_at)?;
        let (granted, left) =
            (raise.checked_add(self.carried)?, spendable.checked_add(self.carried)?);
        if let Some(bucket) = self.bucket_of(&of) {
            bucket.granted = bucket.granted.checked_add(granted)?;
            bucket.left = bucket.left.checked_add(left)?;
            // The period ends at the latest end any of its facts tells, whichever comes first.
            bucket.expires_at =
                bucket.expires_at.zip(plan.expires_at).map(|(one, other)| one.max(other));
            return Ok(Some(bucket.id));
        }
        if !granted.is_positive() {
            return Ok(None);
        }
        self.make_room();
        self.add_bucket(Source::Plan, granted, left, plan.expires_at)?;
        if let Some(bucket) = self.after.buckets.last_mut() {
            bucket.period = Some(of);
        }
        Ok(Some(self.id))
    }

    /// A late fact of a period that has been followed by another: what would have rolled over
    /// from it goes to the newest period, if that one still runs.
    fn raise_former(
        &mut self,
        plan: &PlanGrant,
        start: Timestamp,
        (granted, raise): (Credits, Credits),
        newest: NewestPeriod,
    ) -> Result<(), Rejection> {
        let kept = plan.roll_over.of(raise, newest.carried);
        let of = PlanPeriod { subscription: plan.subscription.clone(), start: newest.start };
        let Some((bucket, expires_at)) = self.bucket_of(&of).map(|it| (it.id, it.expires_at))
        else {
            return Ok(());
        };
        if !kept.is_positive() {
            return Ok(());
        }
        let spendable = self.receive_plan(plan, kept, expires_at)?;
        if let Some(bucket) = self.bucket_of(&of) {
            bucket.granted = bucket.granted.checked_add(kept)?;
            bucket.left = bucket.left.checked_add(spendable)?;
        }
        self.remember(plan, start, granted.checked_add(kept)?, Some(bucket));
        let carried = newest.carried.checked_add(kept)?;
        let newest = Some(NewestPeriod { carried, ..newest });
        self.periods = self.periods.take().map(|periods| Periods { newest, ..periods });
        Ok(())
    }

    /// Puts the entry of a plan's credits, if there are any. Returns what of them can be spent.
    fn receive_plan(
        &mut self,
        plan: &PlanGrant,
        amount: Credits,
        expires_at: Option<Timestamp>,
    ) -> Result<Credits, Rejection> {
        if !amount.is_positive() {
            return Ok(Credits::ZERO);
        }
        let (source, key, note) = (Source::Plan, Some(plan.key.clone()), None);
        self.receive(amount, Cause::Grant { source, key, expires_at, note })
    }

    fn remember(
        &mut self,
        plan: &PlanGrant,
        start: Timestamp,
        granted: Credits,
        bucket: Option<ulid::Ulid>,
    ) {
        let period = bucket.map(|bucket| Period { granted, bucket });
        let subscription = plan.subscription.clone();
        self.periods = Some(Periods { subscription, start, period, newest: None });
    }

    fn bucket_of(&mut self, period: &PlanPeriod) -> Option<&mut Bucket> {
        self.after.buckets.iter_mut().find(|bucket| bucket.period.as_ref() == Some(period))
    }
}
