use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use ledger::Credits;

use super::*;
use crate::{provider::Patience, report::Remaining};

const ROLE: &str =
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const WORD: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"word \"}}]}\r\n\r\n";
const COMMENT: &str = ": keep-alive\n\n";
const ERROR: &str = "data: {\"error\":{\"message\":\"host inference-7\"}}\n\n";

/// How the provider ends its connection.
#[derive(Clone, Copy)]
enum Ends {
    InOrder,
    Cut,
    Never,
}

fn provider(chunks: &[&'static str], ends: Ends, stop_at: Option<Instant>) -> Frames {
    let chunks: Vec<_> =
        chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
    let sent = tokio_stream::iter(chunks);
    let body = match ends {
        Ends::InOrder => Body::from_stream(sent),
        Ends::Cut => Body::from_stream(sent.chain(tokio_stream::once(Err("cut")))),
        Ends::Never => Body::from_stream(sent.chain(tokio_stream::pending())),
    };
    let idle = Duration::from_secs(30);
    let patience = Patience { first_byte_by: Instant::now() + idle, idle, stop_at };
    Frames::new(AnswerBody::new(body, patience), StatusCode::OK, None)
}

/// What a caller reads, how the stream ended, and whether content was passed on.
async fn read(chunks: &[&'static str], ends: Ends) -> Result<(String, String, bool), &'static str> {
    let mut frames = provider(chunks, ends, None);
    let opening = frames.opening().await.map_err(|failure| failure.code())?;
    let (sender, mut receiver) = mpsc::channel(100);
    let mut sink = Sink::Caller { sender: &sender, stop_at: None };
    let Forwarded { end, has_content } = forward(&mut frames, opening, &mut sink).await;
    drop(sender);
    let mut passed = String::new();
    while let Some(frame) = receiver.recv().await {
        passed.push_str(std::str::from_utf8(&frame).unwrap());
    }
    let end = match end {
        End::Done(frame) => String::from_utf8(frame.to_vec()).unwrap(),
        End::Clean => "clean".to_owned(),
        End::Broke(failure) => failure.code().to_owned(),
    };
    Ok((passed, end, has_content))
}

fn passed(parts: &[&str], end: &str, has_content: bool) -> (String, String, bool) {
    (parts.concat(), end.to_owned(), has_content)
}

#[tokio::test]
async fn every_frame_but_the_end_is_passed_on_byte_for_byte() {
    let found = read(&[COMMENT, ROLE, WORD, COMMENT, WORD, DONE], Ends::InOrder).await;
    assert_eq!(found, Ok(passed(&[COMMENT, ROLE, WORD, COMMENT, WORD], DONE, true)));
    let found = read(&[ROLE, DONE, WORD], Ends::Never).await;
    assert_eq!(found, Ok(passed(&[ROLE], DONE, false)), "nothing is read behind the end");
    let found = read(&[ROLE, WORD], Ends::InOrder).await;
    assert_eq!(found, Ok(passed(&[ROLE, WORD], "clean", true)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_keeps_what_was_passed_on() {
    let half = "data: {\"id\":\"x\",\"obj";
    let rows = [
        (vec![ROLE, WORD, half], Ends::Cut, "provider_unreachable", true),
        (vec![ROLE], Ends::Cut, "provider_unreachable", false),
        (vec![ROLE, WORD], Ends::Never, "provider_timeout", true),
        (vec![ROLE, WORD, ERROR, DONE], Ends::InOrder, "provider_error", true),
        (vec![ROLE, WORD, "data: <html>\n\n", DONE], Ends::InOrder, "provider_malformed", true),
        (vec![ROLE, WORD, half], Ends::InOrder, "provider_malformed", true),
    ];
    for (chunks, ends, code, has_content) in rows {
        let kept: Vec<&str> = chunks.iter().copied().filter(|c| [ROLE, WORD].contains(c)).collect();
        assert_eq!(read(&chunks, ends).await, Ok(passed(&kept, code, has_content)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_first_event_is_a_failed_call() {
    let rows = [
        (vec![], Ends::InOrder, "provider_empty"),
        (vec![DONE], Ends::InOrder, "provider_empty"),
        (vec![COMMENT], Ends::InOrder, "provider_empty"),
        (vec![COMMENT, ERROR], Ends::InOrder, "provider_error"),
        (vec!["data: <html>\n\n"], Ends::InOrder, "provider_malformed"),
        (
            vec!["{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"],
            Ends::InOrder,
            "provider_malformed",
        ),
        (vec![], Ends::Cut, "provider_unreachable"),
        (vec![], Ends::Never, "provider_timeout"),
        (vec![COMMENT], Ends::Never, "provider_timeout"),
    ];
    for (chunks, ends, code) in rows {
        assert_eq!(read(&chunks, ends).await, Err(code), "{chunks:?}");
    }
}

#[tokio::test]
async fn a_caller_who_has_left_does_not_stop_the_stream() {
    let mut frames = provider(&[ROLE, WORD, WORD, DONE], Ends::InOrder, None);
    let opening = frames.opening().await.unwrap();
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let mut sink = Sink::Caller { sender: &sender, stop_at: None };
    let forwarded = forward(&mut frames, opening, &mut sink).await;
    assert!(forwarded.has_content && matches!(forwarded.end, End::Done(_)));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_stops_a_slow_provider_and_a_slow_reader() {
    let stop_at = Some(Instant::now() + Duration::from_secs(5));
    for (chunks, ends) in [(vec![ROLE], Ends::Never), (vec![ROLE, WORD, WORD, DONE], Ends::InOrder)]
    {
        let began = Instant::now();
        let mut frames = provider(&chunks, ends, stop_at);
        let opening = frames.opening().await.unwrap();
        let (sender, _reads_nothing) = mpsc::channel(1);
        let mut sink = Sink::Caller { sender: &sender, stop_at };
        let forwarded = forward(&mut frames, opening, &mut sink).await;
        assert!(matches!(forwarded.end, End::Broke(Failure::TimedOut)));
        assert!(began.elapsed() <= Duration::from_secs(5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_is_slow_makes_the_provider_wait() {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    let word = Bytes::from(format!("data: {{\"x\":\"{}\"}}\n\n", "x".repeat(1_000_000)));
    let sent = tokio_stream::iter(vec![word; 100]).map(|word| {
        SENT.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(word)
    });
    let minute = Duration::from_mins(1);
    let patience = Patience { first_byte_by: Instant::now() + minute, idle: minute, stop_at: None };
    let body = AnswerBody::new(Body::from_stream(sent), patience);
    let mut frames = Frames::new(body, StatusCode::OK, None);
    let opening = frames.opening().await.unwrap();
    let (sender, _reads_nothing) = mpsc::channel(FRAMES_IN_FLIGHT);
    let stop_at = Some(Instant::now() + minute);
    let mut sink = Sink::Caller { sender: &sender, stop_at };
    let forwarded = forward(&mut frames, opening, &mut sink).await;
    assert!(matches!(forwarded.end, End::Broke(Failure::TimedOut)));
    let sent = SENT.load(Ordering::SeqCst);
    assert!(sent <= 3, "{sent} MB were taken from the provider and nothing was read");
}

#[tokio::test]
async fn a_provider_that_sends_nothing_but_comments_is_stopped_before_memory_is_full() {
    let comment: &str = Box::leak(format!(": {}\n\n", "x".repeat(1_000_000)).into_boxed_str());
    let found = read(&[comment; 100], Ends::Never).await;
    assert_eq!(found, Err("answer_too_large"));
}

#[tokio::test]
async fn a_collected_stream_is_measured_as_it_travels() {
    let mut collected = Collected { whole: BytesMut::new(), size: BUFFERED_BYTES_MAX - 12 };
    let mut sink = Sink::Memory(&mut collected);
    sink.write(Bytes::from_static(b"data: {}\n\n")).await.unwrap();
    let over = sink.write(Bytes::from_static(b"\n")).await;
    assert!(matches!(over, Err(Failure::TooLarge)));
    assert_eq!(collected.whole, "data: {}\n\n");
}

#[test]
fn the_end_and_then_the_credits_follow_the_settle() {
    let remaining = Remaining::Known(Credits::from(41));
    let report = Report { charged: Credits::from(1), remaining, hold: None };
    let credits = "event: credits\ndata: {\"charged\":1,\"choices\":[],\"remaining\":41}\n\n";
    let done = End::Done(Bytes::from_static(DONE.as_bytes()));
    assert_eq!(tail(&done, &report).concat(), [DONE, credits].concat().as_bytes());
    assert_eq!(tail(&End::Clean, &report).concat(), [DONE, credits].concat().as_bytes());
    let broke = tail(&End::Broke(Failure::TimedOut), &report).concat();
    let error = "data: {\"error\":{\"code\":\"provider_timeout\",\
                 \"message\":\"the provider did not answer in time\",\
                 \"param\":null,\"type\":\"api_error\"}}\n\n";
    assert_eq!(String::from_utf8(broke).unwrap(), [error, credits].concat());
}
