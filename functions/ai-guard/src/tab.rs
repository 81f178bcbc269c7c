//! A call from the moment its books are open to the moment they are closed. Closing settles it,
//! writes its one line into the log, and counts it; a tab is closed exactly once, by value.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use http_api::ApiError;
use ledger::{
    Credits, HoldId,
    hold::{Ending, Hold},
    price::Price,
};
use startup::{error_chain, metric};

use crate::{
    books::{Books, Seen, Verdict},
    call::Call,
    guard::{Admitted, Guard},
    provider::Failure,
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

    /// The hold, where there is one, and what it took.
    pub(crate) fn held(&self) -> Option<(HoldId, Credits)> {
        self.books.held()
    }

    /// What is left to spend while the call's cost is not known yet.
    pub(crate) fn remaining(&self) -> Remaining {
        self.books.remaining(&self.seen)
    }

    /// Closes the call of which `delivered` units reach the caller. `failure` is what stopped it
    /// on the way, if anything did.
    pub(crate) async fn close(self, delivered: u32, failure: Option<&Failure>) -> Report {
        match &self.books {
            Books::Held { hold, price } => self.settle(hold, *price, delivered, failure).await,
            Books::Shadow | Books::Off => {
                let outcome = if delivered > 0 { "delivered" } else { "not_delivered" };
                self.log(&Closing { outcome, charged: Credits::ZERO, failure });
                let remaining = self.remaining();
                Report { charged: Credits::ZERO, remaining, hold: None }
            }
        }
    }

    /// Closes the call of which nothing reaches the caller, and says why.
    pub(crate) async fn fail(self, failure: &Failure) -> ApiError {
        let Report { charged, hold, .. } = self.close(0, Some(failure)).await;
        let error = failure.to_api_error().header(report::CHARGED, charged.get().into());
        match hold.and_then(|hold| HeaderValue::try_from(hold.to_string()).ok()) {
            Some(hold) => error.header(report::HOLD, hold),
            None => error,
        }
    }

    async fn settle(
        &self,
        hold: &Hold,
        price: Price,
        delivered: u32,
        failure: Option<&Failure>,
    ) -> Report {
        let guard = self.guard();
        let ending = ending(hold, price, delivered);
        let deadline = self.admitted.deadline;
        let settled =
            settle::end(&guard.store, &guard.queue, &guard.clock, hold, ending, deadline).await;
        let Settled { charged, how } = settled;
        self.log(&Closing { outcome: how, charged, failure });
        let remaining = match self.remaining() {
            Remaining::Known(left) => given_back(left, hold.amount, charged),
            unknown => unknown,
        };
        Report { charged, remaining, hold: Some(hold.id) }
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
            would_hold = would_hold.map(Credits::get),
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
            (Books::Shadow, Some(Verdict::Charged(amount))) => {
                ("shadow: would have charged".to_owned(), Some(amount), None)
            }
            (Books::Shadow, Some(Verdict::Refused(code))) => {
                ("shadow: would have refused".to_owned(), None, Some(code))
            }
            (Books::Shadow, _) => ("shadow: could not be measured".to_owned(), None, None),
            (Books::Held { .. }, _) => ("guarded call".to_owned(), None, None),
        }
    }

    fn count(&self, closing: &Closing<'_>) {
        let now = self.guard().clock.now();
        let feature = self.call().endpoint.feature();
        let feature = [("Feature", feature.as_str())];
        match (&self.books, self.seen.verdict) {
            // One metric, so that a hibernated product costs what it must and no more.
            (Books::Off, _) => return metric::count(now, "DebitsSkipped", &feature, 1),
            (Books::Shadow, verdict) => {
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
                let charged = u64::try_from(closing.charged.get()).unwrap_or(0);
                if charged > 0 {
                    metric::count(now, "CreditsCharged", &feature, charged);
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

/// Everything delivered costs what was held; part of it costs its share; nothing costs nothing.
fn ending(hold: &Hold, price: Price, delivered: u32) -> Ending {
    if delivered == 0 {
        return Ending::Released;
    }
    let charged = price.times(delivered.min(hold.terms.quantity)).unwrap_or(hold.amount);
    Ending::Settled { charged }
}

/// The balance was read with the whole hold taken out; what was not charged is back.
fn given_back(left: Credits, held: Credits, charged: Credits) -> Remaining {
    let back = held.checked_sub(charged).and_then(|back| left.checked_add(back));
    back.map_or(Remaining::Unknown, Remaining::Known)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use ledger::{AccountId, entry::Actor, feature::Feature, hold::HoldTerms};

    use super::*;

    #[test]
    fn a_call_costs_its_price_for_each_unit_delivered_and_never_more_than_was_held() {
        let at = Timestamp::UNIX_EPOCH;
        let hold = Hold {
            id: HoldId(startup::new_ulid(at)),
            account: AccountId::parse("user_1").unwrap(),
            amount: Credits::from(20),
            at,
            actor: Actor::User("user_1".to_owned()),
            terms: HoldTerms {
                feature: Feature::AI_IMAGE_GENERATION,
                model: "m".to_owned(),
                quantity: 4,
                price_version: 1,
                expires_at: at,
            },
        };
        let price = Price::new(5).unwrap();
        assert_eq!(ending(&hold, price, 0), Ending::Released);
        for (delivered, charged) in [(1, 5), (3, 15), (4, 20), (5, 20), (u32::MAX, 20)] {
            let charged = Credits::from(charged);
            assert_eq!(ending(&hold, price, delivered), Ending::Settled { charged });
        }
    }
}
