use super::*;

fn read(body: &str, stream: bool) -> Result<Asked, ApiError> {
    Asked::read(&Members::read(body).unwrap(), stream)
}

#[track_caller]
fn refused(body: &str, field: &str) {
    let error = read(body, true).expect_err(body);
    let document = error.document();
    assert_eq!((error.status().as_u16(), error.code()), (400, "invalid_field"), "{body}");
    assert_eq!(document["field"], field, "{body}: {error}");
}

#[test]
fn the_output_is_what_is_asked_for_and_never_more_than_the_cap() {
    let rows = [
        ("{}", 100),
        (r#"{"max_tokens":null}"#, 100),
        (r#"{"max_tokens":99}"#, 99),
        (r#"{"max_tokens":101}"#, 100),
        (r#"{"max_completion_tokens":1}"#, 1),
        (r#"{"max_tokens":50,"max_completion_tokens":60}"#, 50),
        (r#"{"max_tokens":70,"max_completion_tokens":60}"#, 60),
        (r#"{"max_tokens":70,"max_completion_tokens":null}"#, 70),
        (r#"{"max_tokens":99999999999999999999999}"#, 100),
    ];
    for (body, output) in rows {
        assert_eq!(read(body, false).unwrap().output(100), output, "{body}");
    }
    assert_eq!(read("{}", false).unwrap().output(0), 1);
}

#[test]
fn a_limit_that_is_no_positive_whole_number_is_refused_by_its_name() {
    for name in ["max_tokens", "max_completion_tokens"] {
        for value in ["0", "-1", "1.0", "1e3", "0.5", "\"9\"", "[1]", "{}", "true"] {
            refused(&format!(r#"{{"{name}":{value}}}"#), name);
        }
        refused(&format!(r#"{{"{name}":9,"{name}":9}}"#), name);
        refused(&format!(r#"{{"{name}":null,"{name}":9}}"#), name);
        refused(&format!(r#"{{"{}":9}}"#, name.to_uppercase()), name);
    }
    refused(r#"{"max_tokens":9,"m\u0061x_tokens":10}"#, "max_tokens");
    refused(r#"{"max_tokens":1,"max_to\u212aens":10}"#, "max_tokens");
    refused(r#"{"max_tokens":1,"maxTokens":10}"#, "max_tokens");
}

#[test]
fn stream_options_that_are_not_clear_are_refused() {
    for value in ["7", "[]", "\"a\"", "true"] {
        refused(&format!(r#"{{"stream_options":{value}}}"#), "stream_options");
        if value != "true" {
            let body = format!(r#"{{"stream_options":{{"include_usage":{value}}}}}"#);
            refused(&body, "stream_options");
        }
    }
    refused(r#"{"stream_options":{},"Stream_Options":{}}"#, "stream_options");
    for options in [r#"{"include_usage":true,"include_usage":false}"#, r#"{"Include_Usage":true}"#]
    {
        refused(&format!(r#"{{"stream_options":{options}}}"#), "stream_options");
    }
}

#[track_caller]
fn check(body: &str, stream: bool, expected: &str) {
    let asked = read(body, stream).unwrap();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let sent = asked.limited(&body, 50, LimitField::MaxCompletionTokens);
    assert_eq!(sent, expected);
    assert!(sent != body || sent.as_ptr() == body.as_ptr(), "what stays is not copied");
}

#[test]
fn a_limit_is_said_in_the_member_that_the_provider_knows() {
    let rows = [
        (r#"{"max_tokens" : 49 }"#, r#"{"max_completion_tokens":49 }"#),
        (r#"{"max_tokens" : 51 ,"a":1}"#, r#"{"max_completion_tokens":50 ,"a":1}"#),
        (r#"{"max_completion_tokens":null,"max_tokens":9}"#, r#"{"max_completion_tokens":9}"#),
    ];
    for (body, expected) in rows {
        check(body, false, expected);
    }
    let asked = read(r#"{"max_completion_tokens":1}"#, false).unwrap();
    let body = Bytes::from_static(br#"{"max_completion_tokens":1}"#);
    assert_eq!(asked.limited(&body, 1, LimitField::MaxTokens), r#"{"max_tokens":1}"#);
    assert_eq!(asked.unlimited(&body), body);
}

#[test]
fn the_limit_is_lowered_where_it_stands_and_set_where_there_is_none() {
    let rows = [
        (r#"{"a":1}"#, r#"{"a":1,"max_completion_tokens":50}"#),
        (r#"{"max_completion_tokens" : 50 }"#, r#"{"max_completion_tokens" : 50 }"#),
        (r#"{"max_completion_tokens" : 51 }"#, r#"{"max_completion_tokens" : 50 }"#),
        (r#"{"max_tokens":null,"a":1}"#, r#"{"max_tokens":null,"a":1,"max_completion_tokens":50}"#),
        (r#"{"max_completion_tokens":null}"#, r#"{"max_completion_tokens":50}"#),
        (
            r#"{"max_tokens":60,"max_completion_tokens":40}"#,
            r#"{"max_tokens":50,"max_completion_tokens":40}"#,
        ),
        (
            r#"{"max_tokens":40,"max_completion_tokens":60}"#,
            r#"{"max_tokens":40,"max_completion_tokens":50}"#,
        ),
    ];
    for (body, expected) in rows {
        check(body, false, expected);
    }
}

#[test]
fn usage_is_asked_for_in_streams_and_the_other_options_stay() {
    let rows = [
        (
            r#"{"max_completion_tokens":1}"#,
            r#"{"max_completion_tokens":1,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":null,"max_completion_tokens":1}"#,
            r#"{"stream_options":{"include_usage":true},"max_completion_tokens":1}"#,
        ),
        (
            r#"{"stream_options":{ "x" : 1 },"max_completion_tokens":1}"#,
            r#"{"stream_options":{ "x" : 1,"include_usage":true },"max_completion_tokens":1}"#,
        ),
        (
            r#"{"stream_options":{"include_usage":false,"x":1},"max_completion_tokens":1}"#,
            r#"{"stream_options":{"include_usage":true,"x":1},"max_completion_tokens":1}"#,
        ),
        (
            r#"{"stream_options":{"include_usage":true},"max_completion_tokens":1}"#,
            r#"{"stream_options":{"include_usage":true},"max_completion_tokens":1}"#,
        ),
    ];
    for (body, expected) in rows {
        check(body, true, expected);
        let asked = read(body, true).unwrap();
        assert_eq!(asked.hides_usage(), body != expected);
        assert!(!read(body, false).unwrap().hides_usage());
    }
    check(r#"{"max_completion_tokens":1}"#, false, r#"{"max_completion_tokens":1}"#);
}

#[test]
fn a_measured_request_keeps_its_limits() {
    let body = Bytes::from_static(br#"{"max_tokens":60}"#);
    let sent = |stream| read(r#"{"max_tokens":60}"#, stream).unwrap().unlimited(&body);
    assert_eq!(sent(false), body);
    assert_eq!(sent(true), r#"{"max_tokens":60,"stream_options":{"include_usage":true}}"#);
}
