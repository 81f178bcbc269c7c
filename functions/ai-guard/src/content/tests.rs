use super::*;

#[track_caller]
fn check(json: &str, choices: (usize, u32), pictures: (usize, u32)) {
    let content = Content::read(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
    let units = |(present, filled)| Units { present, filled };
    assert_eq!(content.choices(), units(choices), "{json}");
    assert_eq!(content.pictures(), units(pictures), "{json}");
}

#[test]
fn a_choice_is_filled_when_it_says_anything_but_its_role() {
    let rows = [
        (r#"{"role":"assistant","content":""}"#, false),
        (r#"{"role":"assistant","content":null,"refusal":null,"tool_calls":[]}"#, false),
        (r#"{"annotations":[],"audio":{},"token_id":7,"score":-1.5,"last":true}"#, false),
        (r"{}", false),
        ("null", false),
        (r#"{"content":" "}"#, true),
        (r#"{"content":"\n"}"#, true),
        (r#"{"content":[{"type":"text"}]}"#, true),
        (r#"{"refusal":"no"}"#, true),
        (r#"{"tool_calls":[{"index":0}]}"#, true),
        (r#"{"reasoning_content":"hm"}"#, true),
        (r#"{"audio":{"data":"AA=="}}"#, true),
    ];
    for (said, filled) in rows {
        for part in ["delta", "message"] {
            let json = format!(r#"{{"choices":[{{"index":0}},{{"index":1,"{part}":{said}}}]}}"#);
            check(&json, (2, u32::from(filled)), (0, 0));
        }
    }
    check(r#"{"choices":[{"text":"a"},{"text":"b"},{"text":""}]}"#, (3, 2), (0, 0));
}

#[test]
fn a_picture_is_filled_when_it_has_bytes_or_an_address() {
    check(r#"{"data":[{"url":"https://x"},{"b64_json":"iVBO"},{"url":""},{}]}"#, (0, 0), (4, 2));
    check(r#"{"data":[]}"#, (0, 0), (0, 0));
    check(r#"{"data":null,"choices":null}"#, (0, 0), (0, 0));
    let event = br#"{"type":"image_generation.completed","b64_json":"iVBO"}"#;
    assert!(Content::read(event).unwrap().is_filled());
}

#[test]
fn an_error_is_one_unless_it_is_null() {
    let is_error = |json: &str| Content::read(json.as_bytes()).unwrap().is_error();
    assert!(is_error(r#"{"error":{"message":"overloaded"}}"#));
    assert!(is_error(r#"{"error":"overloaded","choices":[{"text":"a"}]}"#));
    assert!(!is_error(r#"{"error":null,"choices":[]}"#));
    assert!(!is_error("{}"));
}

#[test]
fn what_has_another_shape_cannot_be_read() {
    let shapes = ["", "7", "null", "[]", "<html>", r#"{"choices":{}}"#, r#"{"choices":["a"]}"#];
    for json in shapes.into_iter().chain([r#"{"choices":[{"delta":"a"}]}"#, "{} {}", "{\"a\":1"]) {
        assert!(Content::read(json.as_bytes()).is_err(), "{json}");
    }
}
