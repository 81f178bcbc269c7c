//! Local stacks with the functions as they are deployed, and who calls them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use ledger_dynamodb::{LedgerStore, TableNames};
use local::clerk;
use local::fault::Front;
use local::mint::{AUTHORIZED_PARTY, Mint};
use local::provider::{self, Provider};
use local::service_key::{SCOPES, ServiceKey};
use local::stack::{Options, Stack};
use serde_json::{Value, json};
use startup::{Clock, HttpClient, Startup};

use crate::{Checkout, Failure};

/// The model with a price by the token; every other has the fixed price of its feature.
pub(crate) const TOKEN_MODEL: &str = "priced-by-the-token";

/// Credits a new account opens with: more than any measurement spends.
pub(crate) const SIGNUP_CREDITS: u32 = 1_000_000_000;

/// What all stacks have in common.
pub(crate) struct World {
    root: PathBuf,
    programs: PathBuf,
    folder: PathBuf,
    pub(crate) provider: Provider,
    mint: Mint,
    issuer: String,
    pub(crate) client: Client,
}

/// A running stack.
pub(crate) struct Town {
    pub(crate) stack: Stack,
    /// There where one was asked for.
    pub(crate) front: Option<Front>,
    /// The books as they are, past the front.
    pub(crate) store: LedgerStore,
    pub(crate) service_key: String,
}

/// What a stack is to be like.
pub(crate) struct Wish {
    /// `on`, `shadow` or `off`.
    pub(crate) mode: &'static str,
    /// Processes of each function.
    pub(crate) processes: usize,
    /// With a front that counts.
    pub(crate) counted: bool,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Whoever calls.
#[derive(Clone)]
pub(crate) struct Client(HttpClient);

impl World {
    pub(crate) async fn start(checkout: &Checkout, folder: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| format!("no temporary folder: {error}"))?;
        let listener = local::bind(0).await.map_err(said)?;
        let options = provider::Options { word_pause: Duration::ZERO, ..Default::default() };
        let provider = provider::start_with(listener, options).map_err(said)?;
        let mint = Mint::open(folder).map_err(said)?;
        let issuer = mint.serve(local::bind(0).await.map_err(said)?).map_err(said)?;
        let client = Client::new()?;
        let (root, programs) = (checkout.root.clone(), checkout.functions.clone());
        Ok(Self { root, programs, folder: folder.to_owned(), provider, mint, issuer, client })
    }

    pub(crate) async fn town(&self, wish: &Wish) -> Result<Town, Failure> {
        let key = ServiceKey::new("bench", &SCOPES).map_err(said)?;
        let logs = self.folder.join("logs");
        let mut options = Options::new(self.root.join("template.yaml"), &self.programs, logs);
        options.processes = wish.processes;
        // Nobody calls these here.
        for name in ["admin-adjust", "admin-settings", "admin-sync", "audit-ledger"] {
            options.processes_max.insert(name.to_owned(), 1);
        }
        options.secrets.extend(clerk_secrets());
        let signup = SIGNUP_CREDITS.to_string();
        let settings = [
            ("CREDITS_ENABLED", wish.mode),
            ("SIGNUP_CREDITS", signup.as_str()),
            ("PROVIDER_BASE_URL", &self.provider.base_url),
            ("CLERK_ISSUER", &self.issuer),
            ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY),
        ];
        options.settings.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let secrets = [("PROVIDER_KEY", provider::KEY), ("SERVICE_KEYS", &key.list())];
        let secrets = secrets.map(|(name, value)| (format!("ai-guard/{name}"), value.to_owned()));
        options.secrets.extend(secrets);
        let front = Arc::new(OnceLock::new());
        let (filled, counted) = (Arc::clone(&front), wish.counted);
        // The one moment when the tables are there and no function has read them.
        options.front = Some(Box::new(move |tables| {
            Box::pin(async move {
                let url = format!("http://{tables}");
                put_prices(&url).await.map_err(std::io::Error::other)?;
                if !counted {
                    return Ok(url);
                }
                let front = Front::start(tables, 1).await?;
                let url = front.url.clone();
                let _ = filled.set(front);
                Ok(url)
            })
        }));
        let stack = Stack::start(options).await.map_err(said)?;
        let store = store(&stack, &stack.dynamodb_url)?;
        let front = Arc::into_inner(front).and_then(OnceLock::into_inner);
        Ok(Town { stack, front, store, service_key: key.key })
    }

    pub(crate) fn token(&self, user: &str) -> Result<String, Failure> {
        self.mint.user_token(user, now()).map_err(said)
    }
}

/// The books of a stack, read and written at `url`.
pub(crate) fn store(stack: &Stack, url: &str) -> Result<LedgerStore, Failure> {
    let name = |logical_id| stack.table(logical_id).map(str::to_owned).map_err(said);
    let names = TableNames { ledger: name("LedgerTable")?, state: name("StateTable")? };
    Ok(LedgerStore::new(startup("AWS_ENDPOINT_URL_DYNAMODB", url)?.dynamodb(), names))
}

/// The time now.
pub(crate) fn now() -> Timestamp {
    Clock::system().now()
}

/// The words of an error with its causes.
pub(crate) fn said(error: impl std::error::Error + 'static) -> Failure {
    startup::error_chain(&error)
}

/// A key of the identity provider for every function that has one.
pub(crate) fn clerk_secrets() -> BTreeMap<String, String> {
    let functions = ["admin-adjust", "admin-sync", "retry-worker"];
    let key = clerk::SECRET_KEY;
    functions.map(|name| (format!("{name}/CLERK_SECRET_KEY"), key.to_owned())).into()
}

/// What a function starts with, with one more variable.
pub(crate) fn startup(variable: &str, value: &str) -> Result<Startup, Failure> {
    let (variable, value) = (variable.to_owned(), value.to_owned());
    let lookup = move |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        name => (name == variable).then(|| value.clone()),
    };
    Startup::from_vars(lookup).map_err(said)
}

/// A price book with one model by the token.
async fn put_prices(url: &str) -> Result<(), Failure> {
    let number = |value: u32| AttributeValue::N(value.to_string());
    let map = |members: &[(&str, AttributeValue)]| {
        let members = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        AttributeValue::M(members.collect())
    };
    let model = map(&[("input", number(1_000)), ("output", number(2_000))]);
    let models = map(&[(TOKEN_MODEL, model)]);
    let fixed = map(&[("ai_text_chat", number(1)), ("ai_image_generation", number(5))]);
    let writing = startup("AWS_ENDPOINT_URL_DYNAMODB", url)?.dynamodb().put_item();
    let writing = writing
        .table_name("saldo-local-StateTable")
        .item("pk", AttributeValue::S("PRICE_BOOK".to_owned()))
        .item("sk", AttributeValue::S("ONLY".to_owned()))
        .item("version", number(2))
        .item("fixed", fixed)
        .item("tokens", map(&[("ai_text_chat", models)]));
    writing.send().await.map(drop).map_err(said)
}

/// A chat of a few words.
pub(crate) fn chat(model: &str) -> Value {
    json!({
        "model": model, "max_tokens": 100,
        "messages": [{ "role": "user", "content": "one two three four" }],
    })
}

impl Client {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self(startup("", "")?.http))
    }

    pub(crate) async fn post(
        &self,
        url: &str,
        bearer: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Reply, Failure> {
        let mut request = Request::post(url)
            .header("authorization", format!("Bearer {bearer}"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, Bytes::from(body.to_string())).await
    }

    pub(crate) async fn get(&self, url: &str, bearer: &str) -> Result<Reply, Failure> {
        let request = Request::get(url).header("authorization", format!("Bearer {bearer}"));
        self.send(request, Bytes::new()).await
    }

    async fn send(&self, request: http::request::Builder, body: Bytes) -> Result<Reply, Failure> {
        let request = request.body(Full::new(body)).map_err(said)?;
        let (head, body) = self.0.send(request).await.map_err(said)?.into_parts();
        let body = body.collect().await.map_err(said)?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), body })
    }
}

impl Reply {
    /// This reply, if it has that status.
    pub(crate) fn expect(self, status: u16) -> Result<Self, Failure> {
        if self.status == status {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(&self.body);
        Err(format!("the status is {} instead of {status}: {text}", self.status))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
