//! What one page of balances adds to a pass.

use std::collections::BTreeMap;

use directory::{Band, Pass, Step};
use ledger::{AccountId, Credits, balance::Balance};
use ledger_dynamodb::ScanPage;

/// Partitions whose balance cannot be read that a pass names; all are logged and counted.
const NAMED_MAX: usize = 100;

/// The pass after this page, and the accounts of the page by band.
pub(crate) fn counted(pass: &Pass, page: &ScanPage) -> (Pass, BTreeMap<Band, Vec<AccountId>>) {
    let mut pass = pass.clone();
    let mut lists: BTreeMap<Band, Vec<AccountId>> = BTreeMap::new();
    for (account, balance) in &page.balances {
        count(&mut pass, balance);
        for band in bands(balance, pass.low, pass.high) {
            *pass.bands.entry(band).or_default() += 1;
            lists.entry(band).or_default().push(account.clone());
        }
    }
    pass.totals.unreadable += count_of(page.unreadable.len());
    let room = NAMED_MAX.saturating_sub(pass.unreadable.len());
    pass.unreadable.extend(page.unreadable.iter().take(room).cloned());
    pass.step += 1;
    pass.position.clone_from(&page.next);
    (pass, lists)
}

fn count(pass: &mut Pass, balance: &Balance) {
    let available = balance.available;
    let totals = &mut pass.totals;
    totals.accounts += 1;
    totals.frozen += u64::from(!balance.frozen.is_empty());
    // Sums of a million accounts with a million each fit 64 bits a million times.
    totals.credits = totals.credits.saturating_add(size(available.or_zero()));
    totals.debt = totals.debt.saturating_add(size(available.negated().or_zero()));
    let (from, to) = step(available);
    match pass.distribution.binary_search_by_key(&from, |step| step.from) {
        Ok(place) => {
            if let Some(step) = pass.distribution.get_mut(place) {
                step.accounts += 1;
            }
        }
        Err(place) => pass.distribution.insert(place, Step { from, to, accounts: 1 }),
    }
}

/// The bands a balance is in: none, one, or two for a frozen one.
fn bands(balance: &Balance, low: Credits, high: Credits) -> impl Iterator<Item = Band> {
    let available = balance.available;
    let by_number = if available.is_negative() {
        Some(Band::Negative)
    } else if available == Credits::ZERO {
        Some(Band::Zero)
    } else if available <= low {
        Some(Band::Low)
    } else if available >= high {
        Some(Band::High)
    } else {
        None
    };
    let frozen = (!balance.frozen.is_empty()).then_some(Band::Frozen);
    by_number.into_iter().chain(frozen)
}

/// The bounds of the step a balance is in: nothing, or all numbers of as many digits.
fn step(available: Credits) -> (Credits, Credits) {
    let size = size(available.max(available.negated()));
    if size == 0 {
        return (Credits::ZERO, Credits::ZERO);
    }
    let least = 10_u64.pow(size.ilog10());
    let (near, far) = (amount(least), amount(least.saturating_mul(10) - 1));
    if available.is_negative() { (far.negated(), near.negated()) } else { (near, far) }
}

/// A number of credits, or the most there can be.
fn amount(size: u64) -> Credits {
    i64::try_from(size).ok().and_then(|size| Credits::new(size).ok()).unwrap_or(Credits::MAX)
}

/// What is not negative, as a size.
fn size(credits: Credits) -> u64 {
    u64::try_from(credits.get()).unwrap_or_default()
}

fn count_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
