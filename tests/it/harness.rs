//! A database of its own for every test: an emulator in process with the tables of
//! `template.yaml`, behind a front that injects faults and counts calls.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountId, Credits, HoldId,
    bucket::Source,
    command::{Action, Command, Grant},
    entry::Actor,
    feature::Feature,
    hold::{Ending, Hold, HoldTerms},
    price::{Price, Tariff},
};
use ledger_dynamodb::{End, LedgerStore, StoreError, TableNames};
use local::{Deployment, Template, fault::Front};
use startup::Startup;
use ulid::Ulid;

/// When every test that does not say otherwise takes place.
pub(crate) const NOW: &str = "2026-11-20T12:00:00Z";

/// The books of one test.
pub(crate) struct Harness {
    pub(crate) store: LedgerStore,
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) names: TableNames,
    pub(crate) front: Front,
    pub(crate) startup: Arc<Startup>,
}

pub(crate) fn template() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let deployment = Deployment {
        stack_name: "saldo".to_owned(),
        aws_url: "http://127.0.0.1:1".to_owned(),
        parameters: BTreeMap::new(),
    };
    Template::load(&path, &deployment).unwrap()
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::seeded(1).await
    }

    /// A harness with the account of `user_1`, opened with so many credits that never expire.
    pub(crate) async fn opened(credits: u32) -> (Self, AccountId) {
        let (books, user) = (Self::start().await, account("user_1"));
        books.open(&user, credits).await;
        (books, user)
    }

    /// A harness whose front draws its faults from `seed`.
    pub(crate) async fn seeded(seed: u64) -> Self {
        let template = template();
        let database = Database::memory().unwrap();
        for table in &template.tables {
            database.create_table(serde_json::from_value(table.creation()).unwrap()).unwrap();
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve =
            dynoxide::server::serve_with_shutdown(listener, database, std::future::pending());
        tokio::spawn(async move { serve.await.unwrap() });
        let front = Front::start(address, seed).await.unwrap();
        let startup = Arc::new(startup(&[("AWS_ENDPOINT_URL_DYNAMODB", &front.url)]));
        let name = |logical_id| template.table_name(logical_id).unwrap().to_owned();
        let names = TableNames { ledger: name("LedgerTable"), state: name("StateTable") };
        let client = startup.dynamodb();
        let store = LedgerStore::new(client.clone(), names.clone());
        Self { store, client, names, front, startup }
    }

    /// Opens the account with so many credits that never expire.
    pub(crate) async fn open(&self, account: &AccountId, credits: u32) {
        let action = Action::Open { signup: Credits::from(credits) };
        self.submit_at(account, action, later(-60)).await.unwrap();
    }

    pub(crate) async fn submit(
        &self,
        account: &AccountId,
        action: Action,
    ) -> Result<ledger_dynamodb::Receipt, StoreError> {
        self.submit_at(account, action, now()).await
    }

    pub(crate) async fn submit_at(
        &self,
        account: &AccountId,
        action: Action,
        at: Timestamp,
    ) -> Result<ledger_dynamodb::Receipt, StoreError> {
        let command = Command { id: startup::new_ulid(at), actor: admin(), action };
        self.store.submit(account, &command, at).await
    }

    /// What the account has by its balance, which must be what its entries sum to.
    pub(crate) async fn available(&self, account: &AccountId) -> i64 {
        self.available_at(account, now()).await
    }

    pub(crate) async fn available_at(&self, account: &AccountId, at: Timestamp) -> i64 {
        let report = self.store.verify(account, at).await.unwrap();
        assert!(report.settled);
        assert_eq!(report.violations, []);
        report.available.unwrap().get()
    }

    pub(crate) async fn kinds(&self, account: &AccountId) -> Vec<&'static str> {
        let page = self.store.history(account, 1000, None).await.unwrap();
        page.entries.iter().rev().map(|entry| entry.cause.kind().as_str()).collect()
    }

    /// The operations that reached the front since the last reset, in order.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.front.calls().into_iter().map(|call| call.operation).collect()
    }
}

/// What a function process starts with, with these variables beside the usual ones.
pub(crate) fn startup(variables: &[(&str, &str)]) -> Startup {
    let usual = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ];
    let variables: BTreeMap<String, String> = usual
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Startup::from_vars(move |name| variables.get(name).cloned()).unwrap()
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(crate) fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::parse(name).unwrap()
}

pub(crate) fn credits(value: i64) -> Credits {
    Credits::new(value).unwrap()
}

pub(crate) fn admin() -> Actor {
    Actor::Admin("user_admin".to_owned())
}

/// A hold placed now that expires in 20 minutes.
pub(crate) fn hold(account: &AccountId, amount: u32) -> Hold {
    hold_at(account, amount, now())
}

pub(crate) fn hold_at(account: &AccountId, amount: u32, at: Timestamp) -> Hold {
    Hold {
        id: HoldId(startup::new_ulid(at)),
        account: account.clone(),
        amount: Credits::from(amount),
        at,
        actor: Actor::User(account.to_string()),
        terms: HoldTerms {
            feature: Feature::AI_TEXT_CHAT,
            model: "gpt-4o-mini".to_owned(),
            quantity: 1,
            price_version: 1,
            tariff: Tariff::Fixed(Price::new(amount.into()).unwrap()),
            expires_at: at + SignedDuration::from_mins(20),
        },
    }
}

pub(crate) fn settled(charged: i64) -> End {
    end(Ending::Settled { charged: credits(charged) }, now())
}

pub(crate) fn released() -> End {
    end(Ending::Released, now())
}

pub(crate) fn expired() -> End {
    end(Ending::Expired, later(1200))
}

pub(crate) fn end(ending: Ending, at: Timestamp) -> End {
    let actor = Actor::System("test".to_owned());
    End { ending, at, actor, id: startup::new_ulid(at) }
}

pub(crate) fn grant(amount: i64, expires_at: Option<Timestamp>) -> Action {
    let source = if expires_at.is_some() { Source::Plan } else { Source::Pack };
    Action::Grant(Grant { key: None, source, amount: credits(amount), expires_at, note: None })
}

pub(crate) fn ulid() -> Ulid {
    startup::new_ulid(now())
}
