use std::collections::BTreeSet;

use jiff::Timestamp;
use ledger::balance::FreezeReason;
use ulid::Ulid;

use super::*;

fn credits(value: i64) -> Credits {
    Credits::new(value).unwrap()
}

fn balance(available: i64, frozen: &[FreezeReason]) -> Balance {
    Balance {
        available: credits(available),
        next_expiry: None,
        frozen: frozen.iter().copied().collect::<BTreeSet<_>>(),
        revision: 1,
    }
}

fn page(balances: &[(i64, &[FreezeReason])], unreadable: usize) -> ScanPage {
    let balances = balances.iter().enumerate().map(|(number, (available, frozen))| {
        let account = AccountId::parse(&format!("user_{number}")).unwrap();
        (account, balance(*available, frozen))
    });
    let unreadable = (0..unreadable).map(|number| format!("ACCOUNT#user_bad_{number}"));
    let next = Some("next".to_owned());
    ScanPage { balances: balances.collect(), unreadable: unreadable.collect(), next }
}

fn pass() -> Pass {
    Pass {
        id: Ulid::from_parts(1, 1),
        day: "2026-11-20".parse().unwrap(),
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: None,
        low: credits(10),
        high: credits(10_000),
        step: 0,
        position: None,
        totals: directory::Totals::default(),
        distribution: Vec::new(),
        bands: BTreeMap::new(),
        unreadable: Vec::new(),
    }
}

#[test]
fn every_balance_is_in_the_step_of_its_digits_and_its_sign() {
    let max = 1_000_000_000_000;
    for (available, from, to) in [
        (0, 0, 0),
        (1, 1, 9),
        (9, 1, 9),
        (10, 10, 99),
        (99, 10, 99),
        (100, 100, 999),
        (999_999_999_999, 100_000_000_000, 999_999_999_999),
        (max, max, max),
        (-1, -9, -1),
        (-10, -99, -10),
        (-max, -max, -max),
    ] {
        assert_eq!(step(credits(available)), (credits(from), credits(to)), "{available}");
    }
}

#[test]
fn every_balance_is_in_the_band_of_its_number_and_a_frozen_one_in_that_too() {
    let frozen = &[FreezeReason::Dispute, FreezeReason::Admin][..];
    for (available, reasons, expected) in [
        (-1, &[][..], vec![Band::Negative]),
        (0, &[], vec![Band::Zero]),
        (1, &[], vec![Band::Low]),
        (10, &[], vec![Band::Low]),
        (11, &[], vec![]),
        (9_999, &[], vec![]),
        (10_000, &[], vec![Band::High]),
        (0, frozen, vec![Band::Zero, Band::Frozen]),
        (500, frozen, vec![Band::Frozen]),
    ] {
        let found: Vec<_> =
            bands(&balance(available, reasons), credits(10), credits(10_000)).collect();
        assert_eq!(found, expected, "{available}");
    }
}

#[test]
fn a_page_adds_to_the_pass_and_an_unreadable_balance_is_named_and_no_zero() {
    let frozen = &[FreezeReason::Quarantine][..];
    let first = page(&[(5, &[]), (-20, frozen), (0, &[]), (7, &[])], 1);
    let (after, lists) = counted(&pass(), &first);
    let (after, _) = counted(&after, &page(&[(12_345, &[])], 150));
    let totals =
        directory::Totals { accounts: 5, credits: 12_357, debt: 20, frozen: 1, unreadable: 151 };
    assert_eq!(after.totals, totals);
    let steps: Vec<_> = after
        .distribution
        .iter()
        .map(|step| (step.from.get(), step.to.get(), step.accounts))
        .collect();
    assert_eq!(steps, [(-99, -10, 1), (0, 0, 1), (1, 9, 2), (10_000, 99_999, 1)]);
    let bands: Vec<_> = after.bands.iter().map(|(band, count)| (band.as_str(), *count)).collect();
    assert_eq!(bands, [("zero", 1), ("low", 2), ("high", 1), ("negative", 1), ("frozen", 1)]);
    assert_eq!(lists[&Band::Low].len(), 2);
    assert_eq!((after.unreadable.len(), after.step), (100, 2));
    assert_eq!(after.position.as_deref(), Some("next"));
}
