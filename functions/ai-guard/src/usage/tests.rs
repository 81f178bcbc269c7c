use super::*;

fn usage(input: &str, output: &str) -> Option<(u32, u32)> {
    let text = format!(r#"{{"prompt_tokens":{input},"completion_tokens":{output},"x":[{{}}]}}"#);
    reported(&text).map(|tokens| (tokens.input, tokens.output))
}

#[test]
fn two_whole_numbers_are_a_report_and_nothing_else_is() {
    assert_eq!(usage("3", "4"), Some((3, 4)));
    assert_eq!(usage("0", "0"), Some((0, 0)));
    assert_eq!(usage("4294967295", "4294967296"), Some((u32::MAX, u32::MAX)));
    assert_eq!(usage("99999999999999999999999999", "1"), Some((u32::MAX, 1)));
    for odd in ["-1", "-0", "1.5", "1.0", "1e3", "\"7\"", "null", "true", "[3]", "{}"] {
        assert_eq!(usage(odd, "4"), None, "{odd}");
        assert_eq!(usage("3", odd), None, "{odd}");
    }
    for odd in ["null", "7", "[]", "[3,4]", "\"a\"", "{}", r#"{"prompt_tokens":3}"#] {
        assert_eq!(reported(odd), None, "{odd}");
    }
    assert_eq!(reported(r#"{"Prompt_Tokens":3,"completion_tokens":4}"#), None);
}

#[test]
fn text_is_what_was_said_and_not_what_is_around_it() {
    let said =
        |message: &str| format!(r#"[{{"index":0,"finish_reason":"stop","delta":{message}}}]"#);
    let rows = [
        (r#"{"role":"assistant","content":""}"#, 0),
        (r#"{"role":"assistant","content":"h\u00e9"}"#, 3),
        (r#"{"content":"ab","refusal":"cd","reasoning_content":"ef"}"#, 6),
        (r#"{"content":[{"type":"text","text":"abc"}]}"#, 3),
        (
            r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function",
            "function":{"name":"get","arguments":"{}"}}]}"#,
            5,
        ),
        (r#"{"audio":{"id":"a","data":"QUJD","transcript":"abc"}}"#, 3),
        (r#"{"reasoning":"ab","reasoning_details":[{"text":"ab"}]}"#, 2),
        ("null", 0),
        ("7", 0),
    ];
    for (message, bytes) in rows {
        assert_eq!(text_bytes(&said(message)), bytes, "{message}");
        assert_eq!(text_bytes(&said(message).replace("delta", "message")), bytes, "{message}");
    }
    assert_eq!(text_bytes(r#"[{"text":"ab"},{"text":"cd","logprobs":{"tokens":["x"]}}]"#), 4);
    assert_eq!(text_bytes(r#"[{"text":"ab"},{"text":"\ud800"}]"#), 2, "as far as it can be read");
    for other in ["[]", "null", "{}", "\"a\"", "[\"a\"]"] {
        assert_eq!(text_bytes(other), 0, "{other}");
    }
}
