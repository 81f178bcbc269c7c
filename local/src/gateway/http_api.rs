//! The HTTP API: routes of the template, buffered answers, 30 seconds.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderValue, Request, Response, StatusCode, request};

use super::event::{Entrance, event};
use super::{Refused, cors, decode, is_preflight, plain, read_body, response, route, serialise};
use crate::invocation::{Answer, Invocations};
use crate::template::{Cors, Route};
use crate::{machine, random};

/// The host in events.
const DOMAIN: &str = "local.execute-api.us-east-1.amazonaws.com";
/// Most bytes of a request body.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// The longest an HTTP API waits for a function; nothing can raise it.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The HTTP API of the template.
pub(crate) struct HttpApi {
    routes: Vec<(Route, Arc<Invocations>)>,
    cors: Option<Cors>,
}

impl HttpApi {
    pub(crate) fn new(
        functions: impl Iterator<Item = Arc<Invocations>>,
        cors: Option<Cors>,
    ) -> Self {
        let routes = functions
            .flat_map(|invocations| {
                let routes = invocations.function.routes.clone();
                routes.into_iter().map(move |route| (route, Arc::clone(&invocations)))
            })
            .collect();
        Self { routes, cors }
    }

    pub(crate) fn router(self) -> Router {
        Router::new().fallback(serve).with_state(Arc::new(self))
    }

    async fn answer(&self, parts: &request::Parts, body: Body) -> Response<Body> {
        let found = self
            .routes
            .iter()
            .filter_map(|(route, invocations)| {
                let found = route::matches(route, parts.method.as_str(), parts.uri.path())?;
                Some((route, invocations, found))
            })
            .max_by(|left, right| left.2.rank.cmp(&right.2.rank));
        let Some((route, invocations, found)) = found else {
            return plain(StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#);
        };
        let entrance = Entrance {
            route_key: &format!("{} {}", route.method, route.path),
            // An HTTP API decodes the path; a function URL does not.
            raw_path: decode::percent(parts.uri.path()),
            domain: DOMAIN,
            path_parameters: found.parameters,
            now: machine::now(),
        };
        let event = match read_body(body, BODY_BYTES_MAX).await {
            Ok(body) => serialise(&event(&entrance, parts, &body)),
            Err(refused) => Err(refused),
        };
        let event = match event {
            Ok(event) => event,
            Err(Refused::TooLarge) => {
                let message = r#"{"message":"Request Entity Too Large"}"#;
                return plain(StatusCode::PAYLOAD_TOO_LARGE, message);
            }
            Err(Refused::Unreadable) => {
                return plain(StatusCode::BAD_REQUEST, r#"{"message":"Bad Request"}"#);
            }
        };
        match tokio::time::timeout(TIME_LIMIT, invocations.invoke(event)).await {
            Err(_) => {
                let message = r#"{"message":"Service Unavailable"}"#;
                plain(StatusCode::SERVICE_UNAVAILABLE, message)
            }
            Ok(answer) => from_answer(&invocations.function.name, answer),
        }
    }
}

fn from_answer(function: &str, answer: Answer) -> Response<Body> {
    let failure = || {
        let message = r#"{"message":"Internal Server Error"}"#;
        plain(StatusCode::INTERNAL_SERVER_ERROR, message)
    };
    match answer {
        Answer::Buffered(bytes) => response::from_buffered(&bytes).unwrap_or_else(|| {
            eprintln!("function `{function}` gave the HTTP API an answer that it cannot read");
            failure()
        }),
        Answer::Streamed(_) => {
            eprintln!("function `{function}` streamed to the HTTP API, which cannot stream");
            failure()
        }
        Answer::Failed(reason) => {
            eprintln!("function `{function}` gave the HTTP API no answer: {reason}");
            failure()
        }
    }
}

async fn serve(State(api): State<Arc<HttpApi>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut response = match &api.cors {
        Some(cors) if is_preflight(&parts) => return cors::preflight(cors, &parts.headers),
        _ => api.answer(&parts, body).await,
    };
    if let Some(cors) = &api.cors {
        cors::apply(cors, &parts.headers, &mut response);
    }
    if let Ok(id) = HeaderValue::from_str(&random::hex(16)) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}
