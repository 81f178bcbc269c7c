//! The client of Clerk's interface: against recorded answers, and against the stand-in.

mod recorded;

use std::time::{Duration, Instant};

use clerk::{Clerk, ClerkError, CreditsMetadata, Secret, User};
use jiff::Timestamp;
use local::clerk::{ClerkStandIn, Outage, SECRET_KEY, Subscription};
use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::{account, credits, now, startup};

const SOON: Duration = Duration::from_secs(5);

async fn stand_in() -> (ClerkStandIn, Clerk) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stand_in = local::clerk::start(listener).unwrap();
    let clerk = client(&stand_in.url, SECRET_KEY);
    (stand_in, clerk)
}

fn client(url: &str, key: &str) -> Clerk {
    Clerk::new(startup(&[]).http, url, Secret::parse(key).unwrap())
}

fn shown(remaining: i64) -> CreditsMetadata {
    CreditsMetadata {
        credits_remaining: credits(remaining),
        credits_total: credits(100),
        last_credits_sync_at: now(),
        credits_version: 3,
    }
}

#[tokio::test]
async fn a_walk_over_all_users_meets_each_once_although_others_sign_up_meanwhile() {
    let (stand_in, clerk) = stand_in().await;
    stand_in.add_users(25);
    let mut met: Vec<User> = Vec::new();
    loop {
        let last = met.last().map(|user| user.id.to_string());
        let page = clerk.users(10, last.as_deref()).await.unwrap();
        let full = page.len() == 10;
        met.extend(page);
        stand_in.add_users(usize::from(met.len() < 20));
        if !full {
            break;
        }
    }
    let strange = clerk.users(10, Some("user_1&limit=1 é")).await.unwrap_err();
    assert!(matches!(strange, ClerkError::Refused { status: 422, .. }), "{strange:?}");
    let expected: Vec<String> = (1..=26).map(|number| format!("user_{number}")).collect();
    assert_eq!(met.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(clerk.count_users().await.unwrap(), 26);
}

#[tokio::test]
async fn a_user_is_read_and_one_that_is_not_there_is_none() {
    let (stand_in, clerk) = stand_in().await;
    stand_in.add_user("user_1", &json!({"creditsVersion": 7}));
    stand_in.set_email("user_1", "ada@example.com");
    let user = clerk.user(&account("user_1")).await.unwrap().unwrap();
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
    assert_eq!(user.name.as_deref(), Some("Test User1"));
    assert_eq!(user.credits_version, Some(7));
    assert!(user.updated_at > user.created_at);
    assert_eq!(clerk.user(&account("user_2")).await.unwrap(), None);
    stand_in.add_organization("org_1");
    assert!(clerk.organization_exists(&account("org_1")).await.unwrap());
    assert!(!clerk.organization_exists(&account("org_2")).await.unwrap());
}

#[tokio::test]
async fn subscription_items_of_every_state_and_payer_are_listed_by_pages() {
    let (stand_in, clerk) = stand_in().await;
    let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    for (item, owner, plan, status) in [
        ("csub_item_1", "user_1", "cplan_PRO", "canceled"),
        ("csub_item_2", "org_1", "cplan_PRO", "past_due"),
        ("csub_item_3", "user_2", "cplan_FREE", "active"),
    ] {
        let [item, account, plan, status] = [item, owner, plan, status].map(str::to_owned);
        let (period_start, period_end) = (start, None);
        stand_in.add_subscription(&Subscription {
            item,
            account,
            plan,
            status,
            period_start,
            period_end,
        });
    }
    let page = clerk.subscription_items(2, 1).await.unwrap();
    assert_eq!(page.total, 3);
    let told = |place: usize| {
        let item = &page.items[place];
        let payer = item.payer.as_ref().map(ToString::to_string);
        (item.id.as_str(), item.status.as_str(), payer, item.is_free, item.period_start)
    };
    assert_eq!(told(0), ("csub_item_2", "past_due", Some("org_1".into()), false, Some(start)));
    assert_eq!(told(1), ("csub_item_1", "canceled", Some("user_1".into()), false, Some(start)));
    let first = clerk.subscription_items(1, 0).await.unwrap().items.remove(0);
    assert!(first.is_free);
    assert_eq!(first.plan_slug.as_deref(), Some("free"));
}

#[tokio::test]
async fn metadata_is_merged_and_what_others_keep_there_survives() {
    let (stand_in, clerk) = stand_in().await;
    let theirs = json!({"role": "admin", "theme": {"dark": true}, "creditsRemaining": 5});
    stand_in.add_user("user_1", &theirs);
    clerk.patch_metadata(&account("user_1"), &shown(70), SOON).await.unwrap();
    let expected = json!({
        "role": "admin",
        "theme": {"dark": true},
        "creditsRemaining": 70,
        "creditsTotal": 100,
        "lastCreditsSyncAt": "2026-11-20T12:00:00Z",
        "creditsVersion": 3,
    });
    assert_eq!(stand_in.user("user_1")["public_metadata"], expected);
    let sent = stand_in.calls().pop().unwrap();
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("PATCH", "/v1/users/user_1/metadata"));
    assert_eq!(sent.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["public_metadata"]);
}

#[tokio::test]
async fn each_failure_is_told_from_the_others_and_tells_no_secret() {
    let (stand_in, clerk) = stand_in().await;
    stand_in.add_users(1);
    let user = account("user_1");
    let patch = async || clerk.patch_metadata(&user, &shown(1), SOON).await.unwrap_err();
    stand_in.set_limits(1_000, 0);
    let limited = patch().await;
    let waits = matches!(&limited, ClerkError::RateLimited { retry_after: Some(time) }
        if *time > Duration::ZERO && *time <= Duration::from_secs(10));
    assert!(waits && !limited.is_final(), "{limited:?}");
    stand_in.set_limits(1_000, 10);
    for outage in [Outage::Drop, Outage::Unavailable] {
        stand_in.set_outage_mode(outage);
        let failed = patch().await;
        assert!(matches!(failed, ClerkError::Unavailable(_)) && !failed.is_final(), "{failed:?}");
    }
    stand_in.set_outage_mode(Outage::None);
    let unknown = clerk.patch_metadata(&account("user_2"), &shown(1), SOON).await.unwrap_err();
    assert!(matches!(unknown, ClerkError::NotFound) && unknown.is_final(), "{unknown:?}");
    let wrong = client(&stand_in.url, "sk_test_verysecret").count_users().await.unwrap_err();
    let said = startup::error_chain(&wrong);
    assert!(said.contains("401") && said.contains("authentication_invalid"), "{said}");
    assert!(!wrong.is_final() && !format!("{wrong:?}{said}").contains("verysecret"));
    let too_many = clerk.users(501, None).await.unwrap_err();
    assert!(matches!(too_many, ClerkError::Refused { status: 422, .. }) && too_many.is_final());
}

#[tokio::test]
async fn a_write_is_given_up_when_its_time_is_over() {
    let (stand_in, clerk) = stand_in().await;
    stand_in.add_users(1);
    stand_in.set_slow(Some(SOON));
    let began = Instant::now();
    let limit = Duration::from_millis(50);
    let late = clerk.patch_metadata(&account("user_1"), &shown(1), limit).await.unwrap_err();
    assert!(matches!(late, ClerkError::Unavailable(_)), "{late:?}");
    assert!(began.elapsed() < SOON);
}
