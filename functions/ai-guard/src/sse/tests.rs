use super::*;

/// Every way a frame may be written, with multi-byte text, as one stream.
const SAMPLE: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n\
    : keep-alive\r\n\r\n\
    event: message\r\nid: 7\r\n\
    data: {\"choices\":\r\ndata: [{\"delta\":{\"content\":\"né\"}}]}\r\n\r\n\
    \n\
    data:{\"usage\":{}}\n\r\n\
    data: [DONE]\n\n";

fn frames(chunks: &[&[u8]]) -> Vec<Bytes> {
    let mut splitter = Splitter::default();
    let mut frames = Vec::new();
    for chunk in chunks {
        splitter.push(chunk);
        while let Some(frame) = splitter.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    splitter.end();
    frames.extend(splitter.next_frame().unwrap());
    frames
}

#[test]
fn frames_are_the_same_wherever_the_stream_is_cut() {
    let whole = frames(&[SAMPLE.as_bytes()]);
    let events: Vec<Event> = whole.iter().map(|frame| classify(frame)).collect();
    let chunk = |has_content| Event::Chunk { has_content };
    let expected =
        [chunk(false), Event::Other, chunk(true), Event::Other, chunk(false), Event::Done];
    assert_eq!(events, expected);
    assert_eq!(whole.concat(), SAMPLE.as_bytes(), "frames keep every byte");
    for first in 0..=SAMPLE.len() {
        for second in first..=SAMPLE.len() {
            let (a, rest) = SAMPLE.as_bytes().split_at(first);
            let (b, c) = rest.split_at(second - first);
            assert_eq!(frames(&[a, b, c]), whole, "cut at {first} and {second}");
        }
    }
    let bytes: Vec<&[u8]> = SAMPLE.as_bytes().chunks(1).collect();
    assert_eq!(frames(&bytes), whole);
}

#[test]
fn a_last_frame_without_its_blank_line_is_ended() {
    for end in ["data: [DONE]", "data: [DONE]\n", "data: [DONE]\r\n"] {
        let found = frames(&[b"data: {}\n\n", end.as_bytes()]);
        assert_eq!(found.len(), 2, "{end:?}");
        assert_eq!(classify(&found[1]), Event::Done, "{end:?}");
        assert!(found[1].ends_with(b"\n\n"));
    }
    assert_eq!(frames(&[b"data: {}\n\n"]).len(), 1);
    assert_eq!(classify(&frames(&[b"data: {\"id\":\"x\",\"obj"])[0]), Event::Malformed);
}

#[test]
fn a_frame_over_the_limit_is_refused_before_it_is_whole() {
    let mut splitter = Splitter::default();
    splitter.push(b"data: ");
    for _ in 0..8 {
        assert_eq!(splitter.next_frame(), Ok(None));
        splitter.push(&vec![b'x'; 1024 * 1024]);
    }
    assert_eq!(splitter.next_frame(), Err(FrameTooLarge));
    splitter.push(b"\n\n");
    assert_eq!(splitter.next_frame(), Err(FrameTooLarge));

    let mut largest = Splitter::default();
    largest.push(&vec![b'x'; FRAME_BYTES_MAX - 2]);
    largest.push(b"\n\n");
    assert!(matches!(largest.next_frame(), Ok(Some(frame)) if frame.len() == FRAME_BYTES_MAX));
}

#[track_caller]
fn check(data: &str, expected: Event) {
    assert_eq!(classify(format!("data: {data}\n\n").as_bytes()), expected, "{data}");
}

#[test]
fn what_a_frame_says_decides_what_it_is() {
    let nothing = Event::Chunk { has_content: false };
    check(r#"{"choices":[],"prompt_filter_results":[{}]}"#, nothing);
    check(r#"{"choices":null,"usage":{"total_tokens":9}}"#, nothing);
    let content = Event::Chunk { has_content: true };
    check(r#"{"choices":[{"delta":{"content":"a"}}]}"#, content);
    check(r#"{"type":"image_generation.completed","b64_json":"iVBO"}"#, content);
    check(r#"{"error":{"message":"overloaded"}}"#, Event::Error);
    check(r#"{"error":"overloaded","choices":[]}"#, Event::Error);
    check(r#"{"error":null,"choices":[]}"#, nothing);
    check("[DONE]", Event::Done);
    check(" [DONE] ", Event::Done);
    for malformed in ["<html>", "[]", "7", "{\"choices\":{}}", "{} {}", "{\"a\":1", "DONE"] {
        check(malformed, Event::Malformed);
    }
}

#[test]
fn a_frame_without_data_is_harmless_only_in_this_protocol() {
    let rows: [(&[u8], Event); 15] = [
        (b"\xef\xbb\xbf: hello\n\n", Event::Other),
        (b": OPENROUTER PROCESSING\n\n", Event::Other),
        (b"\n", Event::Other),
        (b"retry: 500\nid: 1\n\n", Event::Other),
        (b"event: ping\n\n", Event::Other),
        (b"data:\n\n", Event::Other),
        (b"data: \r\n\r\n", Event::Other),
        (b"event: ping\ndata\n\n", Event::Other),
        (b"event: error\ndata:\n\n", Event::Error),
        (b"event: error\ndata: anything\n\n", Event::Error),
        (b"event: ping\nevent: error\ndata:\n\n", Event::Error),
        (b"event: error\nevent: ping\ndata:\n\n", Event::Other),
        (b"{\"error\":{\"message\":\"no\"}}\n\n", Event::Malformed),
        (b"<html>\n\n", Event::Malformed),
        (b"data: {\"choices\":[]}\xff\n\n", Event::Malformed),
    ];
    for (frame, expected) in rows {
        assert_eq!(classify(frame), expected, "{}", String::from_utf8_lossy(frame));
    }
}

#[test]
fn data_in_one_line_is_not_copied() {
    assert!(matches!(data("id: 1\ndata: {}\n\n"), Some(Cow::Borrowed("{}"))));
    assert_eq!(data("data: [\nid: 1\ndata: 7\ndata:]\n\n").unwrap(), "[\n7\n]");
    assert_eq!(data("id: 1\n\n"), None);
}

#[test]
fn other_data_stands_where_the_data_stood() {
    let rows = [
        ("data: 1\n\n", "7", "data: 7\n\n"),
        ("id: 2\r\ndata:1\r\nevent: x\n\n", "7", "id: 2\r\ndata:7\r\nevent: x\n\n"),
        ("\u{feff}data: 1\n\n", "7", "\u{feff}data: 7\n\n"),
        ("\u{feff}data:1\ndata: 2\n\n", "7\n8\n9", "\u{feff}data:7\ndata:8\ndata:9\n\n"),
        ("data: 1\nid: 2\ndata: 3\n\n", "7\n8", "data: 7\ndata: 8\nid: 2\n\n"),
        ("data: 1\ndata: 2\n\n", "7", "data: 7\n\n"),
    ];
    for (frame, data, expected) in rows {
        assert_eq!(with_data(frame.as_bytes(), data), expected, "{frame:?}");
    }
    assert_eq!(data_of("\u{feff}data: 1\n\n".as_bytes()).unwrap(), "1");
    assert_eq!(data_of(b": 1\n\n"), None);
}
