//! The stack a run is measured on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use ledger_dynamodb::{LedgerStore, TableNames};
use local::clerk::{self, ClerkStandIn, Subscription};
use local::fault::Front;
use local::mint::{AUTHORIZED_PARTY, Mint};
use local::stack::{Options, Stack};
use serde_json::{Value, json};

use crate::guard::town::{Client, Reply, now, said, startup};
use crate::{Checkout, Failure};

/// What a plan grants, and what an account opens with.
pub(crate) const PLAN_CREDITS: u32 = 1_000;
pub(crate) const SIGNUP_CREDITS: u32 = 100;

/// Processes of the worker: the most batches of messages that `template.yaml` has worked on at
/// once.
pub(crate) const WORKERS: usize = 5;

/// So many accounts at either end are verified.
const VERIFIED: usize = 600;

/// What takes longer to be shown has got stuck; and how often it is looked.
const SHOWN_WITHIN: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_millis(100);

/// What a stack is to be like.
pub(crate) struct Wish {
    /// Users at the identity provider.
    pub(crate) users: usize,
    /// Requests in 10 s that it allows.
    pub(crate) clerk_rate: u32,
    /// Whether every request to the tables is counted.
    pub(crate) counted: bool,
}

/// A running stack, with nobody in its tables at first.
pub(crate) struct Town {
    pub(crate) stack: Stack,
    pub(crate) clerk: ClerkStandIn,
    pub(crate) users: usize,
    front: Option<Front>,
    client: Client,
    admin: String,
    store: LedgerStore,
}

impl Town {
    pub(crate) async fn start(
        checkout: &Checkout,
        folder: &Path,
        wish: &Wish,
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| format!("no temporary folder: {error}"))?;
        let mint = Mint::open(folder).map_err(said)?;
        let issuer = mint.serve(local::bind(0).await.map_err(said)?).map_err(said)?;
        let clerk = clerk::start(local::bind(0).await.map_err(said)?).map_err(said)?;
        clerk.set_limits(wish.clerk_rate, 10);
        let mut options = options(checkout, folder, wish, &issuer, &clerk.url);
        let front = Arc::new(OnceLock::new());
        if wish.counted {
            let filled = Arc::clone(&front);
            options.front = Some(Box::new(move |tables| {
                Box::pin(async move {
                    let front = Front::start(tables, 1).await?;
                    let url = front.url.clone();
                    let _ = filled.set(front);
                    Ok(url)
                })
            }));
        }
        let stack = Stack::start(options).await.map_err(said)?;
        let startup = startup("AWS_ENDPOINT_URL_DYNAMODB", &stack.dynamodb_url)?;
        let name = |logical_id| stack.table(logical_id).map(str::to_owned).map_err(said);
        let names = TableNames { ledger: name("LedgerTable")?, state: name("StateTable")? };
        let store = LedgerStore::new(startup.dynamodb(), names);
        let admin = mint.admin_token("user_admin", now()).map_err(said)?;
        let client = Client::new()?;
        let front = Arc::into_inner(front).and_then(OnceLock::into_inner);
        let mut town = Self { stack, clerk, users: 0, front, client, admin, store };
        town.grow(wish.users)?;
        let plan = json!({
            "id": "pro", "name": "Pro", "credits": PLAN_CREDITS, "clerkPlans": ["pro"],
        });
        town.post("plans", &plan).await?.expect(201)?;
        if let Some(front) = &town.front {
            front.reset();
        }
        Ok(town)
    }

    /// Lets more users sign up at the identity provider, until there are so many.
    pub(crate) fn grow(&mut self, users: usize) -> Result<(), Failure> {
        self.clerk.add_users(users.saturating_sub(self.users));
        for number in (self.users.saturating_add(1)..=users).filter(|number| has_plan(*number)) {
            self.clerk.add_subscription(&subscription(number)?);
        }
        self.users = users;
        Ok(())
    }

    /// Waits until every user's balance is shown in Clerk as it is.
    pub(crate) async fn all_shown(&self) -> Result<(), Failure> {
        let began = Instant::now();
        for number in 1..=self.users {
            let (user, credits) = (format!("user_{number}"), json!(credits(number)));
            let pointer = "/public_metadata/creditsRemaining";
            while self.clerk.user(&user).pointer(pointer) != Some(&credits) {
                if began.elapsed() > SHOWN_WITHIN {
                    return Err(format!("the balance of {user} is not shown"));
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.client.get(&self.url(path), &self.admin).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Reply, Failure> {
        let prefer = [("prefer", "respond-async")];
        self.client.post(&self.url(path), &self.admin, body, &prefer).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/admin/{path}", self.stack.http_api_url)
    }

    /// The requests since the start, by what was asked of whom, for a thousand users.
    pub(crate) fn requests(&self) -> Vec<(String, u64)> {
        let mut counts = BTreeMap::<String, u64>::new();
        let tables = self.front.iter().flat_map(Front::calls).map(|call| call.operation);
        let clerk = self.clerk.calls().into_iter().map(|call| {
            let shows = call.method == "PATCH";
            if shows { "Clerk: metadata" } else { "Clerk: lists and counts" }.to_owned()
        });
        for name in tables.chain(clerk) {
            let count = counts.entry(name).or_default();
            *count = count.saturating_add(1_000);
        }
        let users = u64::try_from(self.users).unwrap_or(u64::MAX).max(1);
        counts.into_iter().map(|(name, count)| (name, count / users)).collect()
    }

    /// Checks every rule of the ledger for the first and the last accounts, where mistakes at the
    /// edges of pages would show, and that each has what it should.
    pub(crate) async fn verify_some(&self) -> Result<(), Failure> {
        let ends = (1..=self.users).take(VERIFIED).chain((1..=self.users).rev().take(VERIFIED));
        for number in ends {
            let user = format!("user_{number}").parse().map_err(said)?;
            let report = self.store.verify(&user, now()).await.map_err(said)?;
            let right = report.settled && report.violations.is_empty();
            if !right || report.available != Some(credits(number).into()) {
                return Err(format!("the books of {user} are not as they should be: {report:?}"));
            }
        }
        Ok(())
    }
}

/// Every second user pays for the plan.
fn has_plan(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// What the n-th user has in the end.
fn credits(number: usize) -> u32 {
    if has_plan(number) { SIGNUP_CREDITS + PLAN_CREDITS } else { SIGNUP_CREDITS }
}

/// The n-th user's stay on the plan, in the middle of its period.
fn subscription(number: usize) -> Result<Subscription, Failure> {
    let half = SignedDuration::from_hours(15 * 24);
    Ok(Subscription {
        item: format!("csub_item_{number}"),
        account: format!("user_{number}"),
        plan: "cplan_PRO".to_owned(),
        status: "active".to_owned(),
        period_start: now().saturating_sub(half).map_err(said)?,
        period_end: Some(now().saturating_add(half).map_err(said)?),
    })
}

fn options(
    checkout: &Checkout,
    folder: &Path,
    wish: &Wish,
    issuer: &str,
    clerk_url: &str,
) -> Options {
    let template = checkout.root.join("template.yaml");
    let mut options = Options::new(template, &checkout.functions, folder.join("logs"));
    options.streams = false;
    options.processes = WORKERS;
    options.processes_max.insert("retry-worker".to_owned(), WORKERS);
    for seldom in ["admin-adjust", "ai-guard", "credits-me"] {
        options.processes_max.insert(seldom.to_owned(), 1);
    }
    let (signup, rate) = (SIGNUP_CREDITS.to_string(), wish.clerk_rate.to_string());
    let settings = [
        ("SIGNUP_CREDITS", signup.as_str()),
        ("CLERK_RATE", &rate),
        ("CLERK_ISSUER", issuer),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY),
        ("CLERK_API_URL", clerk_url),
    ];
    options.settings.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    options.secrets = crate::guard::town::clerk_secrets();
    options.secrets.insert("ai-guard/PROVIDER_KEY".to_owned(), "unused".to_owned());
    options
}
