//! The function with everything around it: tables, parameter store, queues, and a clock that the
//! test sets.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use admin_settings::{AdminSettings, router};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use directory::{Directory, Operation, OperationFilter};
use http::{
    HeaderName, HeaderValue, Method, Request,
    header::{AUTHORIZATION, IF_MATCH},
};
use http_body_util::BodyExt;
use jiff::Timestamp;
use local::{
    Aws,
    mint::{AUTHORIZED_PARTY, Mint},
};
use serde_json::{Value, json};
use startup::Clock;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::harness::{Harness, later, now, startup};

/// Who administers.
pub(super) const ADMIN: &str = "user_admin";

pub(super) const PATH: &str = "/saldo/test/settings";

/// The queues of the stack, by the variable that names them.
pub(super) const QUEUES: [(&str, &str); 4] = [
    ("RETRY_QUEUE_URL", "retries"),
    ("RETRY_DEAD_LETTERS_URL", "retry-dead"),
    ("SETTLE_QUEUE_URL", "settles"),
    ("SETTLE_DEAD_LETTERS_URL", "settle-dead"),
];

/// What goes wrong with writes of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Writes {
    #[default]
    Fine,
    /// They are made, and nobody hears of it.
    Lost,
    /// They are not made.
    Down,
}

/// What CloudWatch answers where it keeps a metric, and what it was asked with.
#[derive(Default)]
pub(super) struct Metrics {
    /// The newest values by the name of a queue; `None`: CloudWatch is out of reach.
    pub(super) ages: Option<BTreeMap<&'static str, &'static str>>,
    pub(super) asked: Vec<(HeaderMap, Value)>,
}

pub(super) struct World {
    pub(super) books: Harness,
    pub(super) directory: Directory,
    pub(super) router: Router,
    pub(super) aws: Aws,
    pub(super) writes: Arc<Mutex<Writes>>,
    pub(super) metrics: Arc<Mutex<Metrics>>,
    pub(super) time: Arc<Mutex<Timestamp>>,
}

/// What a request answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    /// `null` where the answer is not JSON.
    pub(super) body: Value,
}

/// A request that is being made, by an admin unless it says otherwise.
pub(super) struct Asking<'a> {
    world: &'a World,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

pub(super) fn mint() -> Mint {
    Mint::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("mint")).unwrap()
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A world in which these settings are set.
    pub(super) async fn with(settings: &[(&str, &str)]) -> Self {
        let books = Harness::start().await;
        let (aws, writes) = (Aws::new(), Arc::new(Mutex::new(Writes::Fine)));
        let mint = mint();
        let pem = mint.public_pem().unwrap();
        let usual = [
            ("CLERK_ISSUER", mint.issuer()),
            ("CLERK_AUTHORIZED_PARTIES", AUTHORIZED_PARTY),
            ("CLERK_JWT_KEY", &pem),
        ];
        for (name, value) in usual.iter().chain(settings) {
            put(&aws, name, value).await;
        }
        for (_, name) in QUEUES {
            aws.call("AmazonSQS.CreateQueue", &json!({"QueueName": name})).await.unwrap();
        }
        let serving = Router::new().route("/", post(answer));
        let metrics = Metrics { ages: Some(BTreeMap::new()), asked: Vec::new() };
        let metrics = Arc::new(Mutex::new(metrics));
        let serving = serving.with_state((aws.clone(), Arc::clone(&writes), Arc::clone(&metrics)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, serving).await });
        let queues = QUEUES.map(|(variable, name)| (variable, queue_url(name)));
        let mut variables = vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", books.front.url.as_str()),
            ("AWS_ENDPOINT_URL", &url),
            ("LEDGER_TABLE", &books.names.ledger),
            ("STATE_TABLE", &books.names.state),
            ("SETTINGS_PATH", PATH),
        ];
        variables.extend(queues.iter().map(|(variable, url)| (*variable, url.as_str())));
        let mut startup = startup(&variables);
        let time = Arc::new(Mutex::new(now()));
        let read = Arc::clone(&time);
        startup.clock = Clock::from_fn(move || *read.lock().unwrap());
        let router = router(AdminSettings::start(&startup).await.unwrap());
        let directory = Directory::new(books.client.clone(), books.names.state.clone());
        Self { books, directory, router, aws, writes, metrics, time }
    }

    pub(super) fn ask(&self, method: Method, path: &str) -> Asking<'_> {
        let asking = Asking {
            world: self,
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: String::new(),
        };
        asking.by(ADMIN)
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).send().await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path).text(&body.to_string()).send().await
    }

    /// Replaces what had the version `seen`.
    pub(super) async fn put(&self, path: &str, seen: u64, body: &Value) -> Answer {
        self.ask(Method::PUT, path).text(&body.to_string()).seen(seen).send().await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, body }
    }

    pub(super) fn set_time(&self, seconds: i64) {
        *self.time.lock().unwrap() = later(seconds);
    }

    pub(super) fn set_writes(&self, writes: Writes) {
        *self.writes.lock().unwrap() = writes;
    }

    /// Writes a parameter past the function, as an operator with a shell does.
    pub(super) async fn put_by_hand(&self, name: &str, value: &str) {
        put(&self.aws, name, value).await;
    }

    /// Value and version of a parameter.
    pub(super) async fn parameter(&self, name: &str) -> Option<(String, u64)> {
        let request = json!({"Names": [format!("{PATH}/{name}")]});
        let answer = self.aws.call("AmazonSSM.GetParameters", &request).await.unwrap();
        let found = answer["Parameters"].get(0)?;
        Some((found["Value"].as_str()?.to_owned(), found["Version"].as_u64()?))
    }

    /// What is recorded, oldest first.
    pub(super) async fn operations(&self) -> Vec<Operation> {
        let filter = OperationFilter::default();
        let page = self.directory.operations(&filter, later(3_600), 100, None).await.unwrap();
        page.operations.into_iter().rev().collect()
    }
}

impl Asking<'_> {
    pub(super) fn text(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// The edit is made from this version.
    pub(super) fn seen(self, version: u64) -> Self {
        self.header(IF_MATCH, &format!("\"{version}\""))
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(super) fn by(self, admin: &str) -> Self {
        let at = *self.world.time.lock().unwrap();
        let token = mint().admin_token(admin, at).unwrap();
        self.token(Some(&token))
    }

    pub(super) fn token(mut self, token: Option<&String>) -> Self {
        self.headers.remove(AUTHORIZATION);
        match token {
            Some(token) => self.header(AUTHORIZATION, &format!("Bearer {token}")),
            None => self,
        }
    }

    pub(super) async fn send(self) -> Answer {
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers;
        self.world.send(request).await
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a refusal.
    pub(super) fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

impl Metrics {
    /// The answer to what was asked last.
    fn answer(&self) -> Option<Value> {
        let ages = self.ages.as_ref()?;
        let queries = self.asked.last()?.1["MetricDataQueries"].as_array()?;
        let result = |query: &Value| {
            let queue = query["MetricStat"]["Metric"]["Dimensions"][0]["Value"].as_str().unwrap();
            let values = ages.get(queue).map(|newest| format!("[{newest}, 7.0]"));
            let values = values.unwrap_or_else(|| "[]".to_owned());
            let values: Value = serde_json::from_str(&values).unwrap();
            json!({"Id": query["Id"], "Values": values, "StatusCode": "Complete"})
        };
        // CloudWatch promises no order.
        let results: Vec<Value> = queries.iter().rev().map(result).collect();
        Some(json!({"MetricDataResults": results}))
    }
}

pub(super) fn queue_url(name: &str) -> String {
    format!("http://127.0.0.1/123456789012/{name}")
}

async fn put(aws: &Aws, name: &str, value: &str) {
    let name = format!("{PATH}/{name}");
    let parameter = json!({"Name": name, "Value": value, "Type": "String", "Overwrite": true});
    aws.call("AmazonSSM.PutParameter", &parameter).await.unwrap();
}

type Served = (Aws, Arc<Mutex<Writes>>, Arc<Mutex<Metrics>>);

/// SQS, SSM and CloudWatch, as the function reaches them.
async fn answer(
    State((aws, writes, metrics)): State<Served>,
    headers: HeaderMap,
    body: String,
) -> Result<axum::Json<Value>, StatusCode> {
    let body: Value = serde_json::from_str(&body).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    if target == "GraniteServiceVersion20100801.GetMetricData" {
        let mut metrics = metrics.lock().unwrap();
        metrics.asked.push((headers.clone(), body));
        return metrics.answer().map(axum::Json).ok_or(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let writes = match target {
        "AmazonSSM.PutParameter" => *writes.lock().unwrap(),
        _ => Writes::Fine,
    };
    if writes == Writes::Down {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let answer = aws.call(target, &body).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    match writes {
        Writes::Lost => Err(StatusCode::INTERNAL_SERVER_ERROR),
        Writes::Fine | Writes::Down => Ok(axum::Json(answer)),
    }
}
