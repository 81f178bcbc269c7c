//! The example events of the functions behind the admin's routes, in the order in which they make
//! sense, each handed to its function as `cargo lambda invoke --data-file` does.

use serde_json::{Value, json};

use super::town::Town;

/// An example event: its function, what it is, and the status it is answered with.
type Example = (&'static str, &'static str, u16);

const REQUESTS: [Example; 16] = [
    ("admin-sync", include_str!("../../../events/admin-sync-start.json"), 200),
    ("admin-sync", include_str!("../../../events/admin-sync-runs.json"), 200),
    ("admin-adjust", include_str!("../../../events/admin-adjust-credits.json"), 200),
    ("admin-adjust", include_str!("../../../events/admin-adjust-set.json"), 200),
    ("admin-adjust", include_str!("../../../events/admin-adjust-grant.json"), 200),
    ("admin-adjust", include_str!("../../../events/admin-adjust-user.json"), 200),
    ("admin-adjust", include_str!("../../../events/admin-adjust-users.json"), 200),
    ("admin-adjust", include_str!("../../../events/admin-adjust-entries.json"), 200),
    ("admin-adjust", include_str!("../../../events/admin-adjust-freeze.json"), 200),
    ("admin-adjust", include_str!("../../../events/admin-adjust-unfreeze.json"), 200),
    // The call it is to give back was never made.
    ("admin-adjust", include_str!("../../../events/admin-adjust-refund.json"), 404),
    ("admin-adjust", include_str!("../../../events/admin-adjust-operations.json"), 200),
    ("admin-settings", include_str!("../../../events/admin-settings-plans.json"), 200),
    ("admin-settings", include_str!("../../../events/admin-settings-price-book.json"), 200),
    ("admin-settings", include_str!("../../../events/admin-settings-reports.json"), 200),
    ("admin-settings", include_str!("../../../events/admin-settings-settings.json"), 200),
];

/// Messages of the queue: the balance of a user who is there, and a run that nobody knows.
const MESSAGES: [&str; 2] = [
    include_str!("../../../events/retry-worker-project.json"),
    include_str!("../../../events/retry-worker-sync.json"),
];

#[tokio::test]
async fn every_example_event_of_the_admins_functions_is_answered() {
    let town = Town::start().await;
    town.clerk.add_user("user_local", &json!({}));
    let token = town.admin().token().to_owned();
    for (function, text, status) in REQUESTS {
        let mut event: Value = serde_json::from_str(text).unwrap();
        event["headers"]["authorization"] = json!(format!("Bearer {token}"));
        let answer = town.stack.invoke(function, &event).await.unwrap();
        assert_eq!(answer["statusCode"], status, "{}: {answer}", event["routeKey"]);
    }
    for text in MESSAGES {
        let event = serde_json::from_str(text).unwrap();
        let answer = town.stack.invoke("retry-worker", &event).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}), "{text}");
    }
    // 100 to begin with, 25 more, set to 120, and 500 that were paid for.
    assert_eq!(town.books_of("user_local").await, 620);
    super::admin::until("the balance in Clerk", async || {
        town.clerk.user("user_local")["public_metadata"]["creditsRemaining"] == 620
    })
    .await;
    let schedule = include_str!("../../../events/audit-ledger.json");
    let schedule = serde_json::from_str(schedule).unwrap();
    let answer = town.stack.invoke("audit-ledger", &schedule).await.unwrap();
    assert!(answer.is_object(), "{answer}");
}
