use super::*;

fn read(body: &str) -> Prompt {
    Prompt::read(body).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[track_caller]
fn check(body: &str, bytes: u64, messages: u64, media: u64) {
    let found = read(body);
    assert_eq!((found.bytes, found.messages, found.media), (bytes, messages, media), "{body}");
}

#[test]
fn every_string_and_name_counts_as_it_is_read() {
    check(r#"{"model":"abc"}"#, 8, 0, 0);
    check(r#"{"messages":[{"role":"user","content":"hello"}]}"#, 8 + 4 + 4 + 7 + 5, 1, 0);
    check(r#"{"messages":[{"role":"user"},{"content":"\u00e9\n"}]}"#, 8 + 8 + 7 + 3, 2, 0);
    check(r#"{"x":{"y":[["z"],{"w":"v"}]}}"#, 5, 0, 0);
    check(r#"{"tools":[{"type":"function"},{"a":{}}]}"#, 5 + 12 + 1, 2, 0);
}

#[test]
fn numbers_count_where_they_are_part_of_the_prompt_and_not_as_settings() {
    check(r#"{"a":12345,"b":-1.5,"c":true,"d":null}"#, 4, 0, 0);
    check(r#"{"a":[0,12345,-12,true,null]}"#, 1 + 1 + 5 + 3 + 5 + 4, 0, 0);
    check(r#"{"a":[0.1]}"#, 1 + 17, 0, 0);
    check(r#"{"a":[18446744073709551615,-9223372036854775808]}"#, 1 + 20 + 20, 0, 0);
}

#[test]
fn a_picture_counts_for_itself_and_a_sound_or_a_file_by_its_bytes_too() {
    let part = |part: &str| format!(r#"{{"messages":[{{"content":[{part}]}}]}}"#);
    let around = 8 + 7;
    let data = "QUJD".repeat(10_000);
    let rows = [
        (format!(r#"{{"image_url":{{"url":"data:image/png;base64,{data}"}}}}"#), 9 + 3, 1_500),
        (format!(r#"{{"image_url":"data:image/png;base64,{data}="}}"#), 9, 1_500),
        (format!(r#"{{"input_audio":{{"data":"{data}","format":"wav"}}}}"#), 11 + 4 + 6, 1_658),
        (format!(r#"{{"file":{{"filename":"a b","file_data":"{data}"}}}}"#), 4 + 8 + 3 + 9, 4_000),
        (format!(r#"{{"video_url":{{"url":"data:video/mp4;base64,{data}"}}}}"#), 9 + 3, 1_657),
        (r#"{"image_url":{"url":"https://a.b/c"}}"#.to_owned(), 9 + 3 + 13, 1_500),
    ];
    for (medium, bytes, tokens) in rows {
        check(&part(&medium), around + bytes, 1, tokens);
    }
    let two = r#"{"image_url":{"url":"a"}},{"type":"text","text":"b"},{"image_url":{"url":"a"}}"#;
    check(&part(two), around + 12 + 4 + 4 + 4 + 1 + 12, 1, 3_000);
    assert_eq!(read(&part(two)).at_most(), 26 + 8 + 3_000);
}

#[test]
fn text_is_text_wherever_it_calls_itself_a_picture() {
    let words = "data: tell me a long story ".repeat(100);
    let data = format!("data:;base64,{}", "A".repeat(1_000));
    for body in [
        format!(r#"{{"messages":[{{"content":"{words}"}}]}}"#),
        format!(r#"{{"messages":[{{"content":"{data}"}}]}}"#),
        format!(r#"{{"messages":[{{"content":[{{"text":"{data}"}}]}}]}}"#),
        format!(r#"{{"messages":[{{"image_url":"{data}"}}]}}"#),
        format!(r#"{{"tools":[{{"function":{{"file":"{data}"}}}}]}}"#),
        format!(r#"{{"messages":[{{"content":[{{"file":{{"filename":"{words}"}}}}]}}]}}"#),
    ] {
        assert!(read(&body).bytes > 1_000, "{body}");
    }
}

#[test]
fn what_is_held_is_above_what_is_counted_for_the_same_prompt() {
    let prompt = Prompt { bytes: 101, text: 41, messages: 2, media: 1_500 };
    assert_eq!((prompt.at_most(), prompt.counted()), (51 + 16 + 1_500, 11));
    let settings = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"12345678"}]}"#;
    assert_eq!(read(settings).counted(), 3, "the model's name is not read by the model");
    assert_eq!((tokens_of_text(0), tokens_of_text(1), tokens_of_text(8)), (0, 1, 2));
    let endless = Prompt { bytes: u64::MAX, text: u64::MAX, messages: u64::MAX, media: u64::MAX };
    assert_eq!((endless.at_most(), endless.counted()), (u32::MAX, u32::MAX));
}

#[test]
fn a_request_that_cannot_be_measured_is_refused() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    for body in [r#"{"a":"\ud800"}"#, r#"{"a":1e999}"#, &deep] {
        assert_eq!(Prompt::read(body).unwrap_err().code(), "malformed_json", "{body}");
    }
}

#[test]
fn a_number_of_more_digits_than_are_counted_is_refused() {
    let digits = |count| "9".repeat(count);
    for body in [
        format!(r#"{{"a":{}}}"#, digits(40)),
        format!(r#"{{"a":[{},{}]}}"#, digits(40), digits(40)),
        format!(r#"{{"a":"\"{}","{}":1}}"#, digits(41), digits(41)),
        format!(r#"{{"a":"\\","b":"{}"}}"#, digits(41)),
    ] {
        assert!(Prompt::read(&body).is_ok(), "{body}");
    }
    for body in [
        format!(r#"{{"a":{}}}"#, digits(41)),
        format!(r#"{{"a":"\"","b":[-{}]}}"#, digits(40)),
        format!(r#"{{"a":"\\","b":0.{}}}"#, digits(39)),
    ] {
        assert_eq!(Prompt::read(&body).unwrap_err().code(), "malformed_json", "{body}");
    }
}
