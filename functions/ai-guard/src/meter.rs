//! What a call took and what it costs: counted while its answer passes, computed once, before it
//! is settled. A provider is believed as far as the hold goes and no further.

use bytes::Bytes;
use ledger::{
    Credits,
    hold::Ending,
    price::{Charge, Tariff, Tokens, Used},
};

use crate::{
    estimate::tokens_of_text,
    rewrite::{Members, without},
    sse, usage,
};

#[cfg(test)]
mod tests;

const USAGE: &str = "usage";

/// Counts the tokens of one answer under a token price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    /// The prompt, by our own count.
    prompt: u32,
    /// Whether usage was asked for by us and not by the caller.
    hides_usage: bool,
    /// What the provider reported last, unless it went on answering after that: some report at
    /// the beginning what they know by then.
    report: Option<Tokens>,
    /// The text received, in bytes.
    text: u64,
}

/// The tokens of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) tokens: Tokens,
    /// The word for logs: `provider` or `guard`.
    pub(crate) by: &'static str,
}

/// What of an answer reached the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Units of the feature that hold anything.
    pub(crate) units: u32,
    /// What is to be paid by tokens; none under a fixed price, and none where nothing is to be
    /// paid.
    pub(crate) counted: Option<Counted>,
}

/// What a call costs, and how its hold ends by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) charge: Charge,
    pub(crate) ending: Ending,
}

impl Meter {
    /// A meter of a prompt of so many tokens by our own count.
    pub(crate) fn new(prompt: u32, hides_usage: bool) -> Self {
        Self { prompt, hides_usage, report: None, text: 0 }
    }

    /// The tokens of an answer that came whole. The provider counts; where it does not, we do,
    /// and only an answer `has_content` is to be paid.
    pub(crate) fn whole(mut self, body: &[u8], has_content: bool) -> Option<Counted> {
        let members = std::str::from_utf8(body).ok().and_then(|body| Members::read(body).ok());
        if let Some(members) = members {
            self.report = reported(&members);
            // A megabyte of text is not read again for a number that nobody needs.
            if self.report.is_none_or(|report| report.output == 0) {
                self.text = text_bytes(&members);
            }
        }
        self.counted(has_content, true)
    }

    /// Reads one chunk of a stream and gives back what of it goes on: all of it, or all but the
    /// usage that the caller did not ask for; nothing where there is nothing else in it.
    pub(crate) fn pass(&mut self, frame: Bytes, has_content: bool) -> Bytes {
        let Some(data) = sse::data_of(&frame) else { return frame };
        let Ok(members) = Members::read(&data) else { return frame };
        match reported(&members) {
            Some(report) => self.report = Some(report),
            None if has_content => self.report = None,
            None => {}
        }
        self.text = self.text.saturating_add(text_bytes(&members));
        let Some(usage) = members.first(USAGE).filter(|_| self.hides_usage) else {
            return frame;
        };
        if members.value(usage) != "null" && has_no_choice(&members) {
            return Bytes::new();
        }
        match without(&data, USAGE) {
            Some(data) => sse::with_data(&frame, &data),
            None => frame,
        }
    }

    /// The tokens to be paid: of an answer that is complete by the provider's report, else by our
    /// own count; of one that broke off the same, but nothing before any content.
    pub(crate) fn counted(&self, has_content: bool, is_complete: bool) -> Option<Counted> {
        // Content takes a token at least: who reports none of it has not counted.
        let report = self.report.filter(|report| !has_content || report.output > 0);
        match report {
            Some(tokens) if is_complete || has_content => Some(Counted { tokens, by: "provider" }),
            None if has_content => {
                let tokens = Tokens { input: self.prompt, output: tokens_of_text(self.text) };
                Some(Counted { tokens, by: "guard" })
            }
            _ => None,
        }
    }
}

impl Delivered {
    /// Nothing reached the caller, and nothing is to be paid.
    pub(crate) const NOTHING: Self = Self { units: 0, counted: None };

    /// What it costs by `tariff`, of which `quantity` units were asked for and `held` credits
    /// were held: never more than those.
    pub(crate) fn bill(&self, tariff: Tariff, quantity: u32, held: Credits) -> Bill {
        let used = match self.counted {
            Some(counted) => Used::Tokens(counted.tokens),
            None => Used::Units(self.units),
        };
        let charge = tariff.charge(used, quantity, held);
        let ending = if *self == Self::NOTHING {
            Ending::Released
        } else {
            Ending::Settled { charged: charge.charged }
        };
        Bill { charge, ending }
    }
}

/// The metrics of a call that was charged, in credits: those that count anything.
pub(crate) fn counters(
    charged: Credits,
    beyond: Credits,
) -> impl Iterator<Item = (&'static str, u64)> {
    let amounts = [("CreditsCharged", charged), ("CreditsBeyondHold", beyond)];
    let counted = amounts.map(|(name, amount)| (name, u64::try_from(amount.get()).unwrap_or(0)));
    counted.into_iter().filter(|(_, amount)| *amount > 0)
}

fn reported(members: &Members<'_>) -> Option<Tokens> {
    members.first(USAGE).and_then(|member| usage::reported(members.value(member)))
}

fn text_bytes(members: &Members<'_>) -> u64 {
    members.first("choices").map_or(0, |member| usage::text_bytes(members.value(member)))
}

/// Whether a chunk is about the whole answer and no part of it.
fn has_no_choice(members: &Members<'_>) -> bool {
    let choices = members.first("choices").map(|member| members.value(member));
    let inside = choices.and_then(|list| list.strip_prefix('[')?.strip_suffix(']'));
    choices == Some("null") || inside.is_some_and(|inside| inside.trim_ascii().is_empty())
}
