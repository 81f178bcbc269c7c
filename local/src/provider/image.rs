//! `POST /v1/images/generations`, and the one picture it makes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::behaviour::Behaviour;
use super::reply::{CREATED_S, Reply, Step, error_body};

/// Where the picture that every `url` names can be fetched, without a key.
pub(crate) const PICTURE_PATH: &str = "/pictures/1.png";

/// The most images the real provider makes for one request.
const IMAGES_MAX: usize = 10;

/// The models of the real provider that never answer with URLs.
const ALWAYS_BASE64: &str = "gpt-image";

/// 7 MB of base64: over the 6 MB a buffered function may answer.
const HUGE_BYTES: usize = 5_250_000;

/// One black pixel.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg==";

/// The reply to one request body; `origin` starts the URLs of pictures.
pub(crate) fn reply(body: &Value, origin: &str) -> Reply {
    let model = body.get("model").and_then(Value::as_str).unwrap_or("stand-in-image-1");
    if body.get("prompt").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Reply::invalid("prompt", "Missing required parameter: 'prompt'.");
    }
    let count = match Reply::count(body, IMAGES_MAX) {
        Ok(count) => count,
        Err(reply) => return reply,
    };
    let behaviour = Behaviour::of(model);
    if let Some(refusal) = behaviour.refusal(model) {
        return refusal;
    }
    let image = if behaviour == Behaviour::Huge {
        json!({"b64_json": STANDARD.encode(vec![0; HUGE_BYTES])})
    } else if model.starts_with(ALWAYS_BASE64)
        || body.get("response_format").is_some_and(|format| format == "b64_json")
    {
        json!({ "b64_json": PICTURE })
    } else {
        json!({"url": format!("{origin}{PICTURE_PATH}")})
    };
    Reply { start: behaviour.start(), ..misbehave(behaviour, &images(count, &image)) }
}

fn images(count: usize, image: &Value) -> Value {
    let data: Vec<&Value> = (0..count).map(|_| image).collect();
    json!({ "created": CREATED_S, "data": data })
}

fn misbehave(behaviour: Behaviour, images: &Value) -> Reply {
    let whole = Reply::json(StatusCode::OK, images);
    match behaviour {
        Behaviour::Breaks => whole.half_then(Step::Cut),
        Behaviour::BreaksAtOnce => Reply { steps: vec![Step::Pause, Step::Cut], ..whole },
        Behaviour::StallsMidway => whole.half_then(Step::Hang),
        Behaviour::Empty => Reply::empty(),
        Behaviour::Rubbish => Reply::bytes("application/json", Bytes::from_static(b"<html>504")),
        Behaviour::NoChoices | Behaviour::NoContent => {
            Reply::json(StatusCode::OK, &json!({"created": CREATED_S, "data": []}))
        }
        Behaviour::ErrorEvent => {
            let error =
                error_body("server_error", &Value::Null, "no image on inference-7.internal");
            Reply::json(StatusCode::OK, &error)
        }
        _ => whole,
    }
}

/// The picture itself.
pub(crate) fn picture() -> Reply {
    let png = STANDARD.decode(PICTURE).unwrap_or_default();
    Reply::bytes("image/png", png.into())
}
