//! Plans under optimistic locking, and whose a provider's plan name is.

use directory::{Created, Directory, Plan, Replaced};
use ledger::command::RollOver;
use local::fault::Fault;

use super::directory;
use crate::harness::{Harness, credits, now};

fn plan(id: &str, roll_over: RollOver) -> Plan {
    Plan {
        id: id.to_owned(),
        name: "Pro".to_owned(),
        description: None,
        credits: credits(1_000),
        roll_over,
        clerk_plans: vec![format!("cplan_{id}")],
        stripe_prices: vec![],
        public: true,
        active: true,
        revision: 1,
        updated_at: now(),
        updated_by: "admin:user_1".to_owned(),
    }
}

async fn revision(directory: &Directory, id: &str) -> Option<u64> {
    directory.plan(id).await.unwrap().map(|plan| plan.revision)
}

#[tokio::test]
async fn a_plan_is_read_back_as_it_was_made_and_made_once() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let ways = [RollOver::None, RollOver::Capped(credits(0)), RollOver::Capped(credits(250))];
    let plans: Vec<Plan> = (1..)
        .zip(ways.into_iter().chain([RollOver::All]))
        .map(|(number, way)| plan(&format!("plan-{number}"), way))
        .collect();
    for plan in plans.iter().rev() {
        assert_eq!(directory.create_plan(plan).await.unwrap(), Created::Done);
        let other = Plan { name: "Other".to_owned(), ..plan.clone() };
        assert_eq!(directory.create_plan(&other).await.unwrap(), Created::Exists);
        assert_eq!(directory.plan(&plan.id).await.unwrap().as_ref(), Some(plan));
    }
    assert_eq!(directory.plans().await.unwrap(), plans);
    assert_eq!(directory.plan("").await.unwrap(), None);
}

#[tokio::test]
async fn of_two_edits_of_one_revision_one_is_done_and_the_other_told_so() {
    let books = Harness::start().await;
    let directory = directory(&books);
    directory.create_plan(&plan("pro", RollOver::None)).await.unwrap();
    for round in 1..=5 {
        let edits = (0..8).map(|number| {
            let directory = directory.clone();
            let edit = Plan { name: format!("{round} {number}"), ..plan("pro", RollOver::None) };
            tokio::spawn(async move { directory.replace_plan(&edit, round).await.unwrap() })
        });
        let mut done = 0;
        for edit in edits.collect::<Vec<_>>() {
            match edit.await.unwrap() {
                Replaced::Done => done += 1,
                other => assert_eq!(other, Replaced::Changed { revision: round + 1 }),
            }
        }
        assert_eq!((done, revision(&directory, "pro").await), (1, Some(round + 1)));
    }
}

#[tokio::test]
async fn an_edit_whose_reply_is_lost_is_done_and_told_so() {
    let books = Harness::start().await;
    let directory = directory(&books);
    let pro = plan("pro", RollOver::All);
    for fault in [Fault::LostReply, Fault::Conflict, Fault::LostRequest] {
        books.front.next("TransactWriteItems", fault);
        let made = directory.create_plan(&pro).await.unwrap();
        assert_eq!(made, Created::Done, "{fault:?}");
        books.front.next("TransactWriteItems", fault);
        let edit = Plan { credits: credits(2_000), ..pro.clone() };
        let edited = directory.replace_plan(&edit, 1).await.unwrap();
        assert_eq!((edited, revision(&directory, "pro").await), (Replaced::Done, Some(2)));
        assert_eq!(directory.delete_plan("pro", 2).await.unwrap(), Replaced::Done);
    }
}

#[tokio::test]
async fn a_plan_is_deleted_at_the_revision_that_was_seen() {
    let books = Harness::start().await;
    let directory = directory(&books);
    directory.create_plan(&plan("pro", RollOver::None)).await.unwrap();
    let elsewhere = Replaced::Changed { revision: 1 };
    assert_eq!(directory.delete_plan("pro", 2).await.unwrap(), elsewhere);
    assert_eq!(directory.delete_plan("basic", 1).await.unwrap(), Replaced::Missing);
    assert_eq!(directory.delete_plan("pro", 1).await.unwrap(), Replaced::Done);
    assert_eq!(revision(&directory, "pro").await, None);
    let gone = plan("pro", RollOver::None);
    assert_eq!(directory.replace_plan(&gone, 1).await.unwrap(), Replaced::Missing);
}
