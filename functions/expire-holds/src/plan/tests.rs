use super::*;

fn minute(number: i64) -> Minute {
    Minute::containing(jiff::Timestamp::UNIX_EPOCH).later(number)
}

/// The plan's minutes as distances from the minute under way, given the last that is over.
fn distances(completed: Option<i64>, last: i64) -> Vec<u64> {
    let plan = Plan::new(completed.map(minute), minute(last));
    plan.minutes().iter().map(|looked| minute(last + 1).since(*looked)).collect()
}

fn reached(completed: Option<i64>, last: i64, unclean: &[i64]) -> Option<Minute> {
    let plan = Plan::new(completed.map(minute), minute(last));
    let mut clean: BTreeSet<Minute> = plan.minutes().iter().copied().collect();
    clean.retain(|looked| unclean.iter().all(|bad| minute(*bad) != *looked));
    plan.reached(&clean)
}

#[test]
fn a_run_looks_at_the_minute_under_way_the_one_before_and_again_at_four_of_the_last_hour() {
    assert_eq!(distances(Some(9_999), 10_000), [61, 16, 6, 2, 1, 0]);
}

#[test]
fn every_minute_is_looked_at_while_it_is_under_way_and_five_times_over_the_hour_after() {
    let looks = (9_990..=10_070).filter(|last| {
        let looked = Plan::new(Some(minute(last - 1)), minute(*last));
        looked.minutes().contains(&minute(10_000))
    });
    assert_eq!(looks.map(|last| last - 10_000).collect::<Vec<_>>(), [-1, 0, 1, 5, 15, 60]);
}

#[test]
fn a_run_after_an_outage_does_the_last_hour_first_and_then_the_oldest_hour() {
    let looked = distances(Some(9_499), 10_000);
    let (recent, backlog) = looked.split_at(looked.len() - 60);
    assert!((0..=61).all(|distance| recent.contains(&distance)));
    assert_eq!(backlog, (442..=501).rev().collect::<Vec<_>>());
}

#[test]
fn the_first_run_starts_a_day_and_a_holds_life_ago() {
    let looked = distances(None, 10_000);
    assert_eq!(looked.iter().max(), Some(&1_461));
}

#[test]
fn an_event_that_is_not_newer_looks_through_the_last_hour() {
    for completed in [10_000, 10_007, 600_000] {
        let looked = distances(Some(completed), 10_000);
        assert!((0..=61).all(|distance| looked.contains(&distance)), "{completed}");
    }
}

#[test]
fn progress_stops_before_the_first_minute_that_is_not_clean() {
    assert_eq!(reached(Some(9_999), 10_000, &[]), Some(minute(10_000)));
    assert_eq!(reached(Some(9_990), 10_000, &[9_995]), Some(minute(9_994)));
    assert_eq!(reached(Some(9_999), 10_000, &[10_000]), None);
}

#[test]
fn the_minute_under_way_is_no_progress_and_holds_none_back() {
    assert_eq!(reached(Some(9_999), 10_000, &[10_001]), Some(minute(10_000)));
}

#[test]
fn a_minute_looked_at_again_holds_progress_back_too() {
    assert_eq!(reached(Some(9_999), 10_000, &[9_940]), None);
}

#[test]
fn progress_ends_where_the_backlog_of_one_run_ends() {
    assert_eq!(reached(Some(9_499), 10_000, &[]), Some(minute(9_559)));
    assert_eq!(reached(None, 10_000, &[]), Some(minute(10_000 - 1_460 + 59)));
}

#[test]
fn progress_never_goes_back() {
    assert_eq!(reached(Some(10_000), 10_000, &[]), None);
    assert_eq!(reached(Some(10_020), 10_000, &[]), None);
}

#[test]
fn an_outage_is_caught_up_with_run_by_run_without_a_gap() {
    let mut completed = Some(minute(8_000));
    let last = minute(10_000);
    let mut runs = 0;
    let mut looked = BTreeSet::new();
    while completed != Some(last) {
        let plan = Plan::new(completed, last);
        let clean: BTreeSet<Minute> = plan.minutes().iter().copied().collect();
        looked.extend(clean.iter().copied());
        completed = Some(plan.reached(&clean).unwrap());
        runs += 1;
    }
    assert!(minute(8_001).to(last).all(|minute| looked.contains(&minute)));
    assert_eq!(runs, 33);
}

#[test]
fn what_is_behind_is_counted_from_the_last_complete_minute() {
    let plan = Plan::new(Some(minute(9_990)), minute(10_000));
    assert_eq!(plan.minutes_behind(Some(minute(10_000))), 0);
    assert_eq!(plan.minutes_behind(Some(minute(9_994))), 6);
    assert_eq!(plan.minutes_behind(None), 10);
    assert_eq!(Plan::new(None, minute(10_000)).minutes_behind(None), 1_461);
}
