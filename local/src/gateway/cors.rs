//! CORS as HTTP APIs and function URLs do it: from their configuration, never from the function.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::template::Cors;

const RESPONSE_HEADERS: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// The answer to a preflight; an origin that is not allowed gets no CORS headers.
pub(super) fn preflight(cors: &Cors, request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let Some(origin) = allowed_origin(cors, request) else {
        return response;
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    put_list(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods);
    put_list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers);
    if let Some(seconds) = cors.max_age {
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
    }
    response
}

/// Replaces whatever CORS headers a function has set by those of the configuration.
pub(super) fn apply(cors: &Cors, request: &HeaderMap, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    for name in RESPONSE_HEADERS {
        headers.remove(name);
    }
    let Some(origin) = allowed_origin(cors, request) else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    put_list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers);
}

fn allowed_origin(cors: &Cors, request: &HeaderMap) -> Option<HeaderValue> {
    let origin = request.get(header::ORIGIN)?;
    if cors.allow_origins.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let allowed = cors.allow_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    allowed.then(|| origin.clone())
}

fn put_list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if values.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&values.join(",")) {
        headers.insert(name, value);
    }
}
