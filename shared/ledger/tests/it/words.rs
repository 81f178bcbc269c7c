//! The words of the tables: what can happen in a story, and how an account is written down.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use ledger::{
    Credits, Rejection,
    bucket::{self, Bucket, Source},
    command::{Action, Adjustment, Command, Grant, PlanGrant, Reversal, RollOver},
    entry::{Entry, GrantKey},
    hold::{Ending, Hold},
};
use ulid::Ulid;

use crate::bank::{Bank, DAY_ZERO, credits};

/// One account's story, told step by step.
pub(crate) struct Story {
    pub(crate) bank: Bank,
    calls: BTreeMap<String, Hold>,
    payments: BTreeMap<String, Payment>,
    last: Option<Request>,
    /// Whether holds may stay open past their time.
    pub(crate) job_is_down: bool,
}

/// What `as name` remembers of a grant.
struct Payment {
    bucket: Option<Ulid>,
    granted: Credits,
    reversals: u32,
}

/// What was asked, so that `again` can ask exactly the same.
#[derive(Clone)]
enum Request {
    Hold(Hold),
    End(Hold, Ending),
    Command(Command),
}

impl Story {
    pub(crate) fn begin() -> Self {
        let (calls, payments) = (BTreeMap::new(), BTreeMap::new());
        Self { bank: Bank::opened(), calls, payments, last: None, job_is_down: false }
    }

    /// Does one step. Steps that are not sentences of this language stop the test.
    pub(crate) fn tell(&mut self, step: &str) -> Result<(), Rejection> {
        let words: Vec<_> = step.split_whitespace().collect();
        let request = match words[..] {
            ["nobody", "has", "opened", "it"] => {
                self.bank = Bank::unopened();
                return Ok(());
            }
            ["the", "expiry", "job", "is", "down"] => {
                self.job_is_down = true;
                return Ok(());
            }
            ["lose", "a", "hold", "of", amount, "as", call] => {
                let hold = self.bank.new_hold(amount_of(amount));
                self.calls.insert(call.to_owned(), hold);
                return Ok(());
            }
            [number, "packs", "of", amount] => {
                for _ in 0..number.parse().unwrap() {
                    self.tell(&format!("pack {amount}"))?;
                }
                return Ok(());
            }
            ["wait", time] => {
                self.bank.now = self.bank.now.checked_add(duration(time)).unwrap();
                return Ok(());
            }
            ["again"] => self.last.clone().unwrap(),
            ["hold", amount, "as", call] => {
                let hold = self.bank.new_hold(amount_of(amount));
                self.calls.insert(call.to_owned(), hold.clone());
                Request::Hold(hold)
            }
            ["settle", call, "at", amount] => {
                let charged = amount_of(amount);
                Request::End(self.calls[call].clone(), Ending::Settled { charged })
            }
            ["release", call] => Request::End(self.calls[call].clone(), Ending::Released),
            ["expire", call] => Request::End(self.calls[call].clone(), Ending::Expired),
            _ => {
                let action = self.action(&words);
                Request::Command(self.bank.command(action))
            }
        };
        self.last = Some(request.clone());
        match request {
            Request::Hold(hold) => self.bank.hold(&hold),
            Request::End(hold, ending) => self.bank.end(&hold, ending),
            Request::Command(command) => {
                for payment in self.payments.values_mut() {
                    payment.bucket.get_or_insert(command.id);
                }
                self.bank.submit(&command)
            }
        }
    }

    fn action(&mut self, words: &[&str]) -> Action {
        match *words {
            ["open", "with", amount] => Action::Open { signup: amount_of(amount) },
            ["run", "expiry"] => Action::Expire,
            ["freeze", reason] => Action::Freeze(reason.parse().unwrap()),
            ["unfreeze", reason] => Action::Unfreeze(reason.parse().unwrap()),
            [ref adjust @ .., "under", name] if matches!(adjust, ["adjust" | "refund", ..]) => {
                self.under(name, adjust)
            }
            ["adjust", "to", amount] => adjust(Adjustment::To(amount_of(amount))),
            ["adjust", "by", amount] => adjust(Adjustment::By(amount_of(amount))),
            ["adjust", "by", "at", "most", amount] => {
                adjust(Adjustment::ByAtMost(amount_of(amount)))
            }
            ["refund", amount, "of", call] => {
                let hold = self.calls[call].id;
                let cost = self.bank.table.cost(hold).unwrap_or_default();
                let amount = (amount != "all").then(|| amount_of(amount));
                Action::Refund { hold, amount, cost, note: None, key: None }
            }
            ["period", start, "of", plan, amount, ref rest @ ..] => {
                Action::GrantPlan(plan_grant(start, plan, amount, rest))
            }
            ["claw", "back", amount, "of", payment] => {
                Action::Clawback(self.reversal(amount, payment))
            }
            ["reinstate", amount, "of", payment] => {
                Action::Reinstate(self.reversal(amount, payment))
            }
            [source, amount, ref rest @ ..] => self.grant(source, amount, rest),
            _ => unreachable!("`{words:?}` is not a step"),
        }
    }

    /// The same action with a key of that name, which makes it happen once.
    fn under(&mut self, name: &str, words: &[&str]) -> Action {
        let mut action = self.action(words);
        if let Action::Adjust { key, .. } | Action::Refund { key, .. } = &mut action {
            *key = GrantKey::adjustment(&self.bank.table.account.id, name).ok();
        }
        action
    }

    fn grant(&mut self, source: &str, amount: &str, rest: &[&str]) -> Action {
        let source: Source = source.parse().unwrap();
        let amount = amount_of(amount);
        let (expires_at, name) = match *rest {
            [] => (None, None),
            ["until", time] => (Some(moment(time)), None),
            ["as", name] => (None, Some(name)),
            ["until", time, "as", name] => (Some(moment(time)), Some(name)),
            _ => unreachable!("`{rest:?}` does not end a grant"),
        };
        let key = name.map(|name| format!("manual:{name}").parse::<GrantKey>().unwrap());
        if let Some(name) = name {
            let payment = Payment { bucket: None, granted: amount, reversals: 0 };
            self.payments.insert(name.to_owned(), payment);
        }
        Action::Grant(Grant { key, source, amount, expires_at, note: None })
    }

    fn reversal(&mut self, amount: &str, name: &str) -> Reversal {
        let payment = self.payments.get_mut(name).unwrap();
        payment.reversals += 1;
        Reversal {
            key: format!("stripe:dp:{name}:{}", payment.reversals).parse().unwrap(),
            payment: name.to_owned(),
            bucket: payment.bucket,
            amount: amount_of(amount),
            granted: payment.granted,
        }
    }

    /// The account as stored: what is available, and what is left in each bucket, due or not.
    pub(crate) fn state(&self) -> String {
        let account = &self.bank.table.account;
        let available = account.balance.available;
        let (buckets, unplaced) =
            bucket::derive(&account.buckets, account.marked_balance, available).unwrap();
        written(available, &buckets, unplaced)
    }

    /// What the owner is shown now.
    pub(crate) fn shown(&self) -> String {
        let view = self.bank.table.account.view(self.bank.now).unwrap();
        written(view.available, &view.buckets, Credits::ZERO)
    }

    /// One further fact of the account, by the word that asks for it.
    pub(crate) fn fact(&self, word: &str) -> String {
        let balance = &self.bank.table.account.balance;
        match word {
            "owner sees" => self.shown(),
            "owner was granted" => {
                let view = self.bank.table.account.view(self.bank.now).unwrap();
                view.granted().unwrap().to_string()
            }
            "frozen" if balance.frozen.is_empty() => "no".to_owned(),
            "frozen" => {
                let reasons: Vec<_> = balance.frozen.iter().map(ToString::to_string).collect();
                reasons.join(" and ")
            }
            "next expiry" => balance.next_expiry.map_or_else(|| "never".to_owned(), since_day_zero),
            _ => match word.strip_prefix("cost of ") {
                Some(call) => match self.bank.table.cost(self.calls[call].id) {
                    Some(cost) => cost.to_string(),
                    None => "not known yet".to_owned(),
                },
                None => unreachable!("`{word}` is no fact of an account"),
            },
        }
    }
}

/// Entries as `kind amount`, with the source of what was forfeited.
pub(crate) fn entries(entries: &[Entry]) -> String {
    let words: Vec<_> = entries
        .iter()
        .map(|entry| match &entry.cause {
            ledger::entry::Cause::Expiry { source } => {
                format!("expiry of {source} {}", entry.amount)
            }
            cause => format!("{} {}", cause.kind(), entry.amount),
        })
        .collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn adjust(adjustment: Adjustment) -> Action {
    Action::Adjust { adjustment, reason: None, key: None }
}

/// `period {start} of {plan} {credits} [until {time}] [keeping {cap or all}] [on {subscription}]`.
pub(crate) fn plan_grant(start: &str, plan: &str, amount: &str, rest: &[&str]) -> PlanGrant {
    let (mut expires_at, mut roll_over, mut item) = (None, RollOver::None, "item");
    for pair in rest.chunks(2) {
        match *pair {
            ["until", time] => expires_at = Some(moment(time)),
            ["keeping", "all"] => roll_over = RollOver::All,
            ["keeping", cap] => roll_over = RollOver::Capped(amount_of(cap)),
            ["on", other] => item = other,
            _ => unreachable!("`{pair:?}` does not end a period"),
        }
    }
    let (subscription, period_start) = (format!("clerk:{item}"), moment(start));
    let key = GrantKey::plan(&subscription, period_start, plan).unwrap();
    PlanGrant { key, subscription, period_start, credits: amount_of(amount), expires_at, roll_over }
}

fn written(available: Credits, buckets: &[Bucket], unplaced: Credits) -> String {
    let mut parts: Vec<_> = buckets.iter().map(bucket_in_words).collect();
    if unplaced.is_positive() {
        parts.push(format!("{unplaced} in no bucket"));
    }
    if parts.is_empty() {
        parts.push("nothing".to_owned());
    }
    format!("{available} = {}", parts.join(" + "))
}

fn bucket_in_words(bucket: &Bucket) -> String {
    let until = bucket.expires_at.map(|time| format!(" until {}", since_day_zero(time)));
    format!("{} {}/{}{}", bucket.source, bucket.left, bucket.granted, until.unwrap_or_default())
}

fn amount_of(text: &str) -> Credits {
    credits(text.replace('_', "").parse().unwrap())
}

fn duration(text: &str) -> SignedDuration {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: i64 = digits.parse().unwrap();
    match &text[digits.len()..] {
        "d" => SignedDuration::from_hours(24 * number),
        "h" => SignedDuration::from_hours(number),
        "m" => SignedDuration::from_mins(number),
        "s" => SignedDuration::from_secs(number),
        unit => unreachable!("`{unit}` is not a unit of time"),
    }
}

fn moment(text: &str) -> Timestamp {
    DAY_ZERO.checked_add(duration(text)).unwrap()
}

fn since_day_zero(time: Timestamp) -> String {
    let mut seconds = time.duration_since(DAY_ZERO).as_secs();
    let mut words = String::new();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= length {
            words = format!("{words}{}{unit}", seconds / length);
            seconds %= length;
        }
    }
    words
}
