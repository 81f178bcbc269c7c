use super::*;

fn parse(endpoint: Endpoint, body: &str) -> Result<Call, ApiError> {
    Call::parse(endpoint, Bytes::copy_from_slice(body.as_bytes()), &"*".parse().unwrap())
}

#[track_caller]
fn accepted(endpoint: Endpoint, body: &str, quantity: u32, stream: bool) {
    let call = parse(endpoint, body).unwrap_or_else(|error| panic!("{body}: {error}"));
    assert_eq!((call.quantity, call.stream), (quantity, stream), "{body}");
    assert_eq!(call.body, body, "the body goes on as it came");
}

#[track_caller]
fn refused(endpoint: Endpoint, body: &str, code: &str, field: Option<&str>) {
    let error = parse(endpoint, body).expect_err(body);
    let document = error.document();
    let named = document.get("field").and_then(|field| field.as_str());
    assert_eq!((error.status().as_u16(), error.code(), named), (400, code, field), "{body}");
}

#[test]
fn the_quantity_is_n_and_one_where_it_is_absent_or_null() {
    use Endpoint::{Chat, Image};
    accepted(Chat, r#"{"model":"m"}"#, 1, false);
    accepted(Chat, r#"{"model":"m","n":null,"stream":null}"#, 1, false);
    accepted(Chat, r#"{"model":"m","n":128,"stream":true}"#, 128, true);
    accepted(Image, r#"{"n":10,"model":"m","stream":false}"#, 10, false);
    accepted(Image, r#" { "\u006e" : 3 , "model" : "m" } "#, 3, false);
}

#[test]
fn fields_that_are_not_known_are_not_looked_at() {
    let body = r#"{"x":{"n":9,"model":1},"x":[1e999],"model":"m","messages":[{"n":0}]}"#;
    accepted(Endpoint::Chat, body, 1, false);
}

#[test]
fn a_quantity_that_is_not_a_count_within_the_limit_is_refused_by_its_name() {
    for n in ["0", "-1", "1.0", "1e0", "1.5", "\"2\"", "129", "4294967297", "[1]", "true", "{}"] {
        let body = format!(r#"{{"model":"m","n":{n}}}"#);
        refused(Endpoint::Chat, &body, "invalid_field", Some("n"));
    }
    refused(Endpoint::Image, r#"{"model":"m","n":11}"#, "invalid_field", Some("n"));
}

#[test]
fn a_field_that_two_readers_may_read_differently_is_refused() {
    let rows = [
        (r#"{"model":"m","n":1,"n":10}"#, "n"),
        (r#"{"model":"m","n":1,"\u006e":10}"#, "n"),
        (r#"{"model":"m","N":10}"#, "n"),
        (r#"{"model":"m","n":null,"n":10}"#, "n"),
        (r#"{"model":"cheap","model":"dear"}"#, "model"),
        (r#"{"model":"m","stream":false,"stream":true}"#, "stream"),
        (r#"{"Model":"m"}"#, "model"),
        (r#"{"model":"m","\u017ftream":true}"#, "stream"),
    ];
    for (body, field) in rows {
        refused(Endpoint::Image, body, "invalid_field", Some(field));
    }
}

#[test]
fn a_model_is_a_name_of_1_to_128_characters() {
    let body = |model: &str| format!(r#"{{"model":{model}}}"#);
    accepted(Endpoint::Chat, &body(&format!("\"{}\"", "é".repeat(128))), 1, false);
    for model in ["\"\"", "null", "5", "[\"m\"]", "\"a\\nb\""] {
        refused(Endpoint::Chat, &body(model), "invalid_field", Some("model"));
    }
    let long = body(&format!("\"{}\"", "m".repeat(129)));
    refused(Endpoint::Chat, &long, "invalid_field", Some("model"));
    refused(Endpoint::Chat, "{}", "invalid_field", Some("model"));
}

#[test]
fn a_model_outside_the_list_is_refused() {
    let models = "gpt-a, gpt-b".parse().unwrap();
    let parse = |model: &str| {
        let body = format!(r#"{{"model":"{model}"}}"#);
        Call::parse(Endpoint::Chat, body.into(), &models)
    };
    assert_eq!(parse("gpt-b").unwrap().model, "gpt-b");
    assert_eq!(parse("gpt-c").unwrap_err().code(), "model_not_allowed");
    assert_eq!(parse("GPT-A").unwrap_err().code(), "model_not_allowed");
}

#[test]
fn a_body_that_is_not_a_json_object_is_refused() {
    for body in ["", "{", "{\"model\":\"m\"}}", "{\"model\":\"m\",}", "\u{feff}{}"] {
        refused(Endpoint::Chat, body, "malformed_json", None);
    }
    assert_eq!(parse(Endpoint::Chat, "[]").unwrap_err().code(), "invalid_field");
    let bytes = Bytes::from_static(b"{\"model\":\"\xff\"}");
    assert!(Call::parse(Endpoint::Chat, bytes, &"*".parse().unwrap()).is_err());
}
