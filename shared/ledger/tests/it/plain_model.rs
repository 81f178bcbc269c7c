//! Random sequences of everything that can happen to an account, held against a plain model.

mod model;
mod run;
mod steps;

use ledger::Credits;
use proptest::{collection::vec, prelude::*};

use crate::{
    bank::credits,
    plain_model::{
        run::Run,
        steps::{Step, any_step, pack_step},
    },
    table::audit,
};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

fn run(steps: &[Step]) -> Run {
    let mut run = Run::begin();
    for step in steps {
        run.step(step);
    }
    run
}

proptest! {
    #![proptest_config(config(3_000))]

    /// Every check of [`Run`] after every step; at the end all calls are ended and the books
    /// must still be whole.
    #[test]
    fn whatever_happens_the_books_agree_with_the_plain_model(steps in vec(any_step(), 1..40)) {
        run(&steps).close();
    }

    /// Buckets that never expire lose nothing to time, however often they are filled and emptied.
    #[test]
    fn an_account_with_packs_only_never_forfeits_a_credit(steps in vec(pack_step(), 1..40)) {
        let mut run = run(&steps);
        run.close();
        prop_assert_eq!(run.forfeited, 0);
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn the_audit_finds_every_entry_that_is_dropped_doubled_or_changed(
        steps in vec(any_step(), 1..30),
    ) {
        let mut run = run(&steps);
        run.close();
        let table = &run.bank.table;
        let found = |entries: &[_]| !audit(entries, &table.account, run.bank.now).is_empty();
        for index in 0..table.journal.len() {
            let mut entries = table.journal.clone();
            let entry = entries.remove(index);
            // A late charge of nothing says nothing that the rest of the books could miss.
            let says_nothing = entry.amount == Credits::ZERO
                && entry.cause.kind() == ledger::entry::Kind::Charge;
            prop_assert!(says_nothing || found(&entries), "dropped: {entry:?}");
            for one in [1, -1] {
                let mut changed = entry.clone();
                changed.amount = changed.amount.checked_add(credits(one)).unwrap();
                entries.insert(index, changed);
                prop_assert!(found(&entries), "changed by {one}: {entry:?}");
                entries.remove(index);
            }
            entries.insert(index, entry.clone());
            entries.insert(index, entry.clone());
            prop_assert!(found(&entries), "doubled: {entry:?}");
        }
    }
}
