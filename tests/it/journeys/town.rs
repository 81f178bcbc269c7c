//! A whole local stack for one journey: the real function processes, a provider and a token mint
//! that stand in for the vendors, and a front before the database.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use jiff::Timestamp;
use ledger::{AccountId, entry::Entry};
use ledger_dynamodb::{LedgerStore, TableNames};
use local::{
    Storage,
    clerk::{self, ClerkStandIn},
    fault::Front,
    mint::{AUTHORIZED_PARTY, Mint},
    provider::{self, Provider},
    stack::{Options, Stack},
};
use serde_json::{Value, json};
use startup::{Clock, HttpClient, Startup};

use crate::harness::{account, startup};

/// A running stack and everything a journey looks at.
pub(crate) struct Town {
    pub(crate) stack: Stack,
    pub(crate) provider: Provider,
    pub(crate) clerk: ClerkStandIn,
    /// Serves the keys for as long as it is there.
    mint: Mint,
    pub(crate) front: Arc<OnceLock<Front>>,
    /// The books as they are, past the front.
    pub(crate) store: LedgerStore,
    pub(crate) startup: Startup,
    pub(crate) client: Client,
    folder: PathBuf,
}

/// What came back of a request.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One signed-in user and where they call.
#[derive(Clone)]
pub(crate) struct Client {
    http: HttpClient,
    pub(crate) api: String,
    pub(crate) streaming: String,
    token: String,
}

impl Town {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A stack with one process a function: once it has started, nothing reads a table any more
    /// but what a journey asks for, so that requests can be counted.
    pub(crate) async fn counted() -> Self {
        Self::with(|options| options.processes = 1).await
    }

    /// A stack in a folder of its own, changed by `change` before it starts.
    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::in_folder(fresh_folder(), change).await
    }

    /// A stack in `folder`, which keeps its database if `change` asks for a file.
    pub(crate) async fn in_folder(folder: PathBuf, change: impl FnOnce(&mut Options)) -> Self {
        let mint = Mint::open(&folder).unwrap();
        let issuer = mint.serve(local::bind(0).await.unwrap()).unwrap();
        let pause =
            provider::Options { word_pause: Duration::from_millis(2), ..Default::default() };
        let listener = local::bind(0).await.unwrap();
        let provider = provider::start_with(listener, pause).unwrap();
        let clerk = clerk::start(local::bind(0).await.unwrap()).unwrap();
        let front = Arc::new(OnceLock::new());
        let mut options = options(&folder, &provider, &issuer, &clerk.url);
        let filled = Arc::clone(&front);
        options.front = Some(Box::new(move |database| {
            Box::pin(async move {
                let front = Front::start(database, 7).await?;
                let url = front.url.clone();
                assert!(filled.set(front).is_ok());
                Ok(url)
            })
        }));
        change(&mut options);
        let stack = Stack::start(options).await.unwrap();
        let startup = startup(&[
            ("AWS_ENDPOINT_URL_DYNAMODB", &stack.dynamodb_url),
            ("AWS_ENDPOINT_URL", &stack.aws_url),
        ]);
        let name = |logical_id| stack.table(logical_id).unwrap().to_owned();
        let names = TableNames { ledger: name("LedgerTable"), state: name("StateTable") };
        let store = LedgerStore::new(startup.dynamodb(), names);
        let client = Client {
            http: startup.http.clone(),
            api: stack.http_api_url.clone(),
            streaming: stack.function_urls["ai-guard"].clone(),
            token: mint.user_token("user_1", wall_clock()).unwrap(),
        };
        Self { stack, provider, clerk, mint, front, store, startup, client, folder }
    }

    /// The client of an administrator.
    pub(crate) fn admin(&self) -> Client {
        let token = self.mint.admin_token("user_admin", wall_clock()).unwrap();
        Client { token, ..self.client.clone() }
    }

    /// A token of any user.
    pub(crate) fn token(&self, user: &str) -> String {
        self.mint.user_token(user, wall_clock()).unwrap()
    }

    /// The client of any user.
    pub(crate) fn client_of(&self, user: &str) -> Client {
        Client { token: self.token(user), ..self.client.clone() }
    }

    pub(crate) fn front(&self) -> &Front {
        self.front.get().unwrap()
    }

    /// Ends every hold that is open, as the schedule would once its time has come.
    pub(crate) async fn expire_holds(&self) {
        let later = wall_clock() + jiff::SignedDuration::from_mins(22);
        self.stack.fire_schedule("expire-holds", later).await.unwrap();
    }

    /// The balance of the account, once every rule of the books is found to hold and every hold
    /// to have ended.
    pub(crate) async fn books_of(&self, user: &str) -> i64 {
        let user = account(user);
        let report = self.store.verify(&user, wall_clock()).await.unwrap();
        assert!(report.settled);
        assert_eq!(report.violations, []);
        assert_eq!(self.store.open_holds(&user, wall_clock()).await.unwrap(), []);
        report.available.unwrap().get()
    }

    pub(crate) async fn count(&self, user: &AccountId, kind: &str) -> usize {
        let mut found = 0;
        let mut after = None;
        loop {
            let page = self.store.history(user, 1000, after).await.unwrap();
            let of_kind = |entry: &&Entry| entry.cause.kind().as_str() == kind;
            found += page.entries.iter().filter(of_kind).count();
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    }

    /// The folder, so that another stack can be started where this one was.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }
}

impl Client {
    /// What stands after `Bearer`.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) async fn chat(&self, model: &str) -> Reply {
        self.post("/api/ai/chat", &chat(model)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        let request = Request::get(format!("{}{path}", self.api));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        read(self.http.send(request.body(Full::default()).unwrap()).await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        read(self.open(&format!("{}{path}", self.api), body).await).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.put_if(path, body, "").await
    }

    /// One call that changes what has this version, or whatever there is where it is empty.
    pub(crate) async fn put_if(&self, path: &str, body: &Value, version: &str) -> Reply {
        let mut request = self.request(&format!("{}{path}", self.api), body);
        *request.method_mut() = Method::PUT;
        if !version.is_empty() {
            request.headers_mut().insert("if-match", version.parse().unwrap());
        }
        read(self.http.send(request).await.unwrap()).await
    }

    /// A streamed chat, as soon as its headers are there.
    pub(crate) async fn stream(&self, model: &str) -> http::Response<Incoming> {
        let mut body = chat(model);
        body["stream"] = json!(true);
        self.open(&format!("{}/v1/chat/completions", self.streaming), &body).await
    }

    pub(crate) async fn open(&self, url: &str, body: &Value) -> http::Response<Incoming> {
        self.http.send(self.request(url, body)).await.unwrap()
    }

    /// One call with an idempotency key. A client who stops waiting has hung up.
    pub(crate) async fn keyed(&self, url: &str, body: &Value, key: &str) -> Reply {
        let mut request = self.request(url, body);
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        read(self.http.send(request).await.unwrap()).await
    }

    fn request(&self, url: &str, body: &Value) -> Request<Full<Bytes>> {
        Request::post(url)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap()
    }
}

/// Everything that is left of a response.
pub(crate) async fn read(response: http::Response<Incoming>) -> Reply {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.into()).unwrap();
    Reply { status: parts.status, headers: parts.headers, text }
}

pub(crate) fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "one two three four" }] })
}

fn options(folder: &Path, provider: &Provider, issuer: &str, clerk_url: &str) -> Options {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut options = Options::new(root.join("template.yaml"), programs(), folder.join("logs"));
    options.storage = Storage::Memory;
    let settings = [
        ("SIGNUP_CREDITS", "100"),
        ("PROVIDER_BASE_URL", &provider.base_url),
        ("PROVIDER_MODELS", "*"),
        ("CLERK_ISSUER", issuer),
        ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY),
        ("CLERK_API_URL", clerk_url),
    ];
    for (name, value) in settings {
        options.settings.insert(name.to_owned(), value.to_owned());
    }
    for function in ["admin-adjust", "admin-sync", "retry-worker"] {
        let key = clerk::SECRET_KEY.to_owned();
        options.secrets.insert(format!("{function}/CLERK_SECRET_KEY"), key);
    }
    options.secrets.insert("ai-guard/PROVIDER_KEY".to_owned(), provider::KEY.to_owned());
    options
}

/// Where cargo puts the functions' programs: beside the folder of this test's own.
fn programs() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().to_owned()
}

pub(crate) fn fresh_folder() -> PathBuf {
    let name = format!("journey-{}", startup::new_ulid(wall_clock()));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The functions of a journey are real processes with a real clock, and so are their tokens.
pub(crate) fn wall_clock() -> Timestamp {
    Clock::system().now()
}
