//! The record of what admins did: newest first, over days, with filters and a cursor.

use std::collections::BTreeMap;

use directory::{Directory, Operation, OperationFilter, OperationResult};
use jiff::{SignedDuration, Timestamp};

use super::{at, directory};
use crate::harness::{Harness, now};

/// An operation of one of two admins on one of three users.
fn operation(number: usize, at: Timestamp) -> Operation {
    let refused = number.is_multiple_of(5);
    Operation {
        id: startup::new_ulid(at),
        at,
        actor: format!("admin:user_admin{}", number % 2),
        function: "admin-adjust".to_owned(),
        action: ["adjust", "grant"][number % 2].to_owned(),
        target: (number % 4 != 3).then(|| format!("user_{}", number % 3)),
        result: if refused { OperationResult::Refused } else { OperationResult::Done },
        error: refused.then(|| "insufficient_credits".to_owned()),
        details: BTreeMap::from([("moved".to_owned(), "-5".to_owned())]),
    }
}

/// Walks every page; also says how many there were.
async fn walk(
    directory: &Directory,
    filter: &OperationFilter,
    limit: u32,
) -> (Vec<Operation>, usize) {
    let (mut operations, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = directory.operations(filter, now(), limit, after).await.unwrap();
        assert!(page.operations.len() <= usize::try_from(limit).unwrap());
        assert!(page.next.is_none_or(|next| after.is_none_or(|after| next < after)));
        pages += 1;
        operations.extend(page.operations);
        match page.next {
            Some(next) => after = Some(next),
            None => return (operations, pages),
        }
    }
}

#[tokio::test]
async fn operations_come_newest_first_over_days_without_gaps_and_doubles() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let mut recorded = Vec::new();
    for (number, hours) in (0..60).map(|hours| hours * 5).enumerate() {
        let operation = operation(number, now() - SignedDuration::from_hours(hours));
        directory.record(&operation).await.unwrap();
        recorded.push(operation);
    }
    for limit in [1, 7, 59, 60, 100] {
        let (found, _) = walk(&directory, &OperationFilter::default(), limit).await;
        assert_eq!(found, recorded, "{limit}");
    }
}

#[tokio::test]
async fn every_filter_shows_what_it_says_and_nothing_else() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let mut recorded = Vec::new();
    for number in 0..40 {
        let at = now() - SignedDuration::from_hours(i64::try_from(number).unwrap() * 3);
        let operation = operation(number, at);
        directory.record(&operation).await.unwrap();
        recorded.push(operation);
    }
    let text = |text: &str| Some(text.to_owned());
    let none = OperationFilter::default;
    let filters = [
        OperationFilter { actor: text("admin:user_admin1"), ..none() },
        OperationFilter { action: text("grant"), ..none() },
        OperationFilter { target: text("user_2"), ..none() },
        OperationFilter { result: Some(OperationResult::Refused), ..none() },
        OperationFilter { since: Some(at("2026-11-18T06:00:00Z")), ..none() },
        OperationFilter { until: Some(at("2026-11-18T06:00:00Z")), ..none() },
        OperationFilter {
            since: Some(at("2026-11-17T12:00:00Z")),
            until: Some(at("2026-11-19T12:00:00Z")),
            action: text("adjust"),
            ..none()
        },
        OperationFilter { target: text("user_9"), ..none() },
    ];
    for filter in filters {
        let is = |wanted: &Option<String>, is: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| Some(wanted) == is)
        };
        let expected: Vec<_> = recorded
            .iter()
            .filter(|operation| {
                is(&filter.actor, Some(&operation.actor))
                    && is(&filter.action, Some(&operation.action))
                    && is(&filter.target, operation.target.as_ref())
                    && filter.result.is_none_or(|result| result == operation.result)
                    && filter.since.is_none_or(|since| operation.at >= since)
                    && filter.until.is_none_or(|until| operation.at < until)
            })
            .cloned()
            .collect();
        for limit in [1, 3, 100] {
            let (found, _) = walk(&directory, &filter, limit).await;
            assert_eq!(found, expected, "{filter:?} {limit}");
        }
    }
}

#[tokio::test]
async fn a_filter_that_finds_little_among_much_comes_back_short_with_where_to_go_on() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let first = now() - SignedDuration::from_hours(2);
    let wanted = operation(1, first);
    directory.record(&wanted).await.unwrap();
    for second in 1..=700 {
        let at = first + SignedDuration::from_secs(second);
        directory.record(&operation(0, at)).await.unwrap();
    }
    let filter = OperationFilter { action: Some("grant".to_owned()), ..Default::default() };
    let page = directory.operations(&filter, now(), 10, None).await.unwrap();
    assert_eq!(page.operations, []);
    assert!(page.next.is_some());
    let (found, pages) = walk(&directory, &filter, 10).await;
    assert_eq!((found, pages), (vec![wanted], 2));
}

#[tokio::test]
async fn a_walk_through_empty_months_is_bounded_and_has_an_end() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let old = operation(1, at("2026-11-02T00:00:00Z"));
    directory.record(&old).await.unwrap();
    let much_later = at("2027-06-01T12:00:00Z");
    let (mut after, mut pages, mut found) = (None, 0, Vec::new());
    loop {
        books.front.reset();
        let none = OperationFilter::default();
        let page = directory.operations(&none, much_later, 10, after).await.unwrap();
        assert!(books.operations().len() <= 40);
        pages += 1;
        found.extend(page.operations);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!((found, pages), (vec![old], 6));
}

#[tokio::test]
async fn an_operation_kept_by_a_transaction_of_others_is_read_back_whole() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let operation = operation(5, now());
    let item = operation.item();
    let put = books.client.put_item().table_name(&books.names.state);
    put.set_item(Some(item)).send().await.unwrap();
    directory.record(&operation).await.unwrap();
    let none = OperationFilter::default();
    let page = directory.operations(&none, now(), 10, None).await.unwrap();
    assert_eq!((page.operations, page.next), (vec![operation], None));
}
