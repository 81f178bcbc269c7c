//! A call from the moment its books are open to the moment they are closed. Closing settles it,
//! writes its one line into the log, and counts it; a tab is closed exactly once, by value.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use http_api::ApiError;
use ledger::{
    Credits, HoldId,
    hold::{Ending, Hold},
    price::Charge,
};
use ledger_dynamodb::StoredAnswer;
use startup::{error_chain, metric};
use tokio::time::{Instant, timeout_at};

use crate::{
    books::{Books, Seen, Verdict},
    call::Call,
    guard::{Admitted, Guard},
    meter::{self, Bill, Delivered, Meter},
    provider::Failure,
    replay::KEEP_LIMIT,
    report::{self, Remaining, Report},
    settle::{self, Settled},
};

/// An open call.
#[derive(Debug)]
pub(crate) struct Tab {
    admitted: Admitted,
    books: Books,
    seen: Seen,
    provider_status: Option<StatusCode>,
}

/// How a call ended, for the log.
struct Closing<'a> {
    outcome: &'static str,
    charged: Credits,
    /// What was used beyond the hold.
    beyond: Credits,
    delivered: Delivered,
    failure: Option<&'a Failure>,
}

impl Tab {
    pub(crate) fn new(
        admitted: Admitted,
        books: Books,
        seen: Seen,
        provider_status: Option<StatusCode>,
    ) -> Self {
        Self { admitted, books, seen, provider_status }
    }

    /// What was asked for.
    pub(crate) fn call(&self) -> &Call {
        &self.admitted.call
    }

    /// What counts the tokens of its answer, where it is priced by them.
    pub(crate) fn meter(&self) -> Option<Meter> {
        self.books.meter()
    }

    /// The hold, where there is one, and what it took.
    pub(crate) fn held(&self) -> Option<(HoldId, Credits)> {
        self.books.held()
    }

    /// What is left to spend while the call's cost is not known yet.
    pub(crate) fn remaining(&self) -> Remaining {
        self.books.remaining(&self.seen)
    }

    /// Whether the same request may come again and ask for the same answer.
    pub(crate) fn is_keyed(&self) -> bool {
        self.admitted.key.is_some()
    }

    /// Closes the call of which so much reaches the caller. `failure` is what stopped it on the
    /// way, if anything did; `copy` is what the caller gets, to be given again to a repeat.
    pub(crate) async fn close(
        self,
        delivered: Delivered,
        failure: Option<&Failure>,
        copy: Option<StoredAnswer>,
    ) -> Report {
        if let Books::Held { hold, .. } = &self.books {
            return self.settle(hold, delivered, failure, copy).await;
        }
        let outcome = if delivered == Delivered::NOTHING { "not_delivered" } else { "delivered" };
        let (charged, beyond) = (Credits::ZERO, Credits::ZERO);
        self.log(&Closing { outcome, charged, beyond, delivered, failure });
        Report { charged, remaining: self.remaining(), hold: None }
    }

    /// Closes the call of which nothing reaches the caller, and says why.
    pub(crate) async fn fail(self, failure: &Failure) -> ApiError {
        let Report { charged, hold, .. } =
            self.close(Delivered::NOTHING, Some(failure), None).await;
        let error = failure.to_api_error().header(report::CHARGED, charged.get().into());
        match hold.and_then(|hold| HeaderValue::try_from(hold.to_string()).ok()) {
            Some(hold) => error.header(report::HOLD, hold),
            None => error,
        }
    }

    /// The one place that knows what a call costs, and settles it.
    async fn settle(
        &self,
        hold: &Hold,
        delivered: Delivered,
        failure: Option<&Failure>,
        copy: Option<StoredAnswer>,
    ) -> Report {
        let guard = self.guard();
        let bill = delivered.bill(hold.terms.tariff, hold.terms.quantity, hold.amount);
        let Bill { ending, charge: Charge { beyond, .. } } = bill;
        if let (Ending::Settled { .. }, Some(copy)) = (ending, copy) {
            Box::pin(self.keep(hold, copy)).await;
        }
        let deadline = self.admitted.deadline;
        let settled =
            settle::end(&guard.store, &guard.queue, &guard.clock, hold, ending, deadline).await;
        let Settled { charged, how: outcome } = settled;
        self.log(&Closing { outcome, charged, beyond, delivered, failure });
        let remaining = match self.remaining() {
            Remaining::Known(left) => given_back(left, hold.amount, charged),
            unknown => unknown,
        };
        Report { charged, remaining, hold: Some(hold.id) }
    }

    /// Keeps the answer for a repeat, before the call is settled: whoever finds it settled finds
    /// the answer too. That it cannot be kept stops nothing.
    async fn keep(&self, hold: &Hold, copy: StoredAnswer) {
        let Some(key) = &self.admitted.key else { return };
        let latest = Instant::now() + KEEP_LIMIT;
        let deadline = self.admitted.deadline.and_then(|at| at.checked_sub(settle::RESERVE));
        let by = deadline.map_or(latest, |at| at.min(latest));
        let error = match timeout_at(by, key.keep(&self.guard().store, hold.id, &copy)).await {
            Ok(Ok(true)) => return,
            // Its hold has expired meanwhile, and the other call is charged in the place of this.
            Ok(Ok(false)) => "another call has taken the key over".to_owned(),
            Ok(Err(error)) => error_chain(&error),
            Err(_) => "not in time".to_owned(),
        };
        tracing::warn!(hold = %hold.id, error, "the answer could not be kept");
        metric::count(self.guard().clock.now(), "AnswersNotKept", &[], 1);
    }

    fn guard(&self) -> &Arc<Guard> {
        &self.admitted.guard
    }

    fn log(&self, closing: &Closing<'_>) {
        let Admitted { settings, caller, call, began, .. } = &self.admitted;
        let feature = call.endpoint.feature();
        let failure = closing.failure;
        let status = failure.and_then(Failure::provider_status).or(self.provider_status);
        let (message, would_hold, refusal) = self.message();
        let counted = closing.delivered.counted;
        let held = self.held();
        tracing::info!(
            account = caller.account.as_str(),
            feature = feature.as_str(),
            model = call.model,
            quantity = call.quantity,
            stream = call.stream,
            mode = settings.mode.as_str(),
            hold = held.map(|(hold, _)| hold.to_string()),
            held = held.map(|(_, amount)| amount.get()),
            charged = closing.charged.get(),
            outcome = closing.outcome,
            input_tokens = counted.map(|counted| counted.tokens.input),
            output_tokens = counted.map(|counted| counted.tokens.output),
            counted_by = counted.map(|counted| counted.by),
            beyond_hold = closing.beyond.is_positive().then(|| closing.beyond.get()),
            would_hold = would_hold.map(Credits::get),
            would_charge = self.would_charge(would_hold, closing).map(Credits::get),
            would_refuse = refusal,
            code = failure.map(Failure::code),
            error = failure.map(|failure| error_chain(failure)),
            provider_status = status.map(|status| status.as_u16()),
            duration_ms = u64::try_from(began.elapsed().as_millis()).ok(),
            "{message}"
        );
        self.count(closing);
    }

    /// The line's own words, and in shadow what would have been held or why it would have been
    /// refused.
    fn message(&self) -> (String, Option<Credits>, Option<&'static str>) {
        let feature = self.call().endpoint.feature();
        match (&self.books, self.seen.verdict) {
            (Books::Off, _) => {
                (format!("credits disabled: skipping debit for {feature}"), None, None)
            }
            (Books::Shadow(_), Some(Verdict::Charged(amount))) => {
                ("shadow: would have charged".to_owned(), Some(amount), None)
            }
            (Books::Shadow(_), Some(Verdict::Refused(code))) => {
                ("shadow: would have refused".to_owned(), None, Some(code))
            }
            (Books::Shadow(_), _) => ("shadow: could not be measured".to_owned(), None, None),
            (Books::Held { .. }, _) => ("guarded call".to_owned(), None, None),
        }
    }

    /// What a measured call would have cost by a hold of `would_hold`.
    fn would_charge(&self, would_hold: Option<Credits>, closing: &Closing<'_>) -> Option<Credits> {
        let (held, offer) = would_hold.zip(self.books.offer())?;
        Some(closing.delivered.bill(offer.tariff, offer.quantity, held).charge.charged)
    }

    fn count(&self, closing: &Closing<'_>) {
        let now = self.guard().clock.now();
        let feature = self.call().endpoint.feature();
        let feature = [("Feature", feature.as_str())];
        match (&self.books, self.seen.verdict) {
            // One metric, so that a hibernated product costs what it must and no more.
            (Books::Off, _) => return metric::count(now, "DebitsSkipped", &feature, 1),
            (Books::Shadow(_), verdict) => {
                let verdict = match verdict {
                    Some(Verdict::Charged(_)) => "charged",
                    Some(Verdict::Refused(_)) => "refused",
                    Some(Verdict::Unknown) | None => "unknown",
                };
                let dimensions = [feature[0], ("Verdict", verdict)];
                metric::count(now, "ShadowCalls", &dimensions, 1);
            }
            (Books::Held { .. }, _) => {
                metric::count(now, "GuardedCalls", &feature, 1);
                for (name, amount) in meter::counters(closing.charged, closing.beyond) {
                    metric::count(now, name, &feature, amount);
                }
                if closing.outcome == Ending::Released.as_str() {
                    metric::count(now, "HoldsReleased", &feature, 1);
                }
            }
        }
        if let Some(failure) = closing.failure {
            metric::count(now, "ProviderErrors", &[("Code", failure.code())], 1);
        }
    }
}

/// The balance was read with the whole hold taken out; what was not charged is back.
fn given_back(left: Credits, held: Credits, charged: Credits) -> Remaining {
    let back = held.checked_sub(charged).and_then(|back| left.checked_add(back));
    back.map_or(Remaining::Unknown, Remaining::Known)
}
