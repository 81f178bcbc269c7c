//! An answer that is passed on event by event. The frame that ends it is held back until the call
//! is settled, so whoever has seen the end can rely on the balance. The `credits` event follows.

use std::convert::Infallible;

use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_api::ApiError;
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tracing::Instrument;

use crate::{
    answer::{self, BUFFERED_BYTES_MAX, escaped_bytes},
    meter::{Delivered, Meter},
    provider::{AnswerBody, Answering, Failure},
    replay::{EVENT_STREAM, Transcript},
    report::{Report, stream_headers},
    sse::{Event, FRAME_BYTES_MAX, FrameTooLarge, Splitter, classify},
    tab::Tab,
};

#[cfg(test)]
mod tests;

/// Frames that wait for a slow reader before the provider is made to wait too. With the largest
/// frames, 8 MB each, one waits here, one to get here, one is being written and one is being put
/// together in a buffer of up to twice its size: 40 MB, well within the function's 128 MB. Small
/// frames lose nothing: each is to be written at once anyway.
const FRAMES_IN_FLIGHT: usize = 1;

/// The end of a stream, in our words where the provider has none.
const DONE: &str = "data: [DONE]\n\n";

/// Passes the stream on as it comes. Nothing is answered before the first event of it has come,
/// so what fails before is an error with a status of its own.
pub(crate) async fn live(answering: Answering, tab: Tab) -> Result<Response, ApiError> {
    let mut frames = Frames::of(answering, &tab);
    let opening = match frames.opening().await {
        Ok(opening) => opening,
        Err(failure) => return Err(tab.fail(&failure).await),
    };
    let headers = stream_headers(tab.held(), tab.remaining());
    let (sender, receiver) = mpsc::channel(FRAMES_IN_FLIGHT);
    // It runs to its end and settles, whether or not anybody still reads.
    tokio::spawn(pump(frames, opening, sender, tab).in_current_span());
    let stream = ReceiverStream::new(receiver).map(Ok::<Bytes, Infallible>);
    let mut response = Response::new(Body::from_stream(stream));
    *response.headers_mut() = headers;
    Ok(response)
}

/// Collects the stream for a caller who can only be answered whole. Nothing has been sent before
/// its end, so a stream that breaks is a failed call.
pub(crate) async fn collected(answering: Answering, tab: Tab) -> Result<Response, ApiError> {
    let mut frames = Frames::of(answering, &tab);
    let opening = match frames.opening().await {
        Ok(opening) => opening,
        Err(failure) => return Err(tab.fail(&failure).await),
    };
    let mut collected = Collected::default();
    let forwarded = forward(&mut frames, opening, &mut Sink::Memory(&mut collected)).await;
    if let End::Broke(failure) = &forwarded.end {
        return Err(tab.fail(failure).await);
    }
    let delivered = forwarded.delivered(tab.call().quantity, frames.meter);
    let copy = frames.transcript.stream(&last(&forwarded.end));
    let report = tab.close(delivered, None, copy).await;
    if matches!(forwarded.end, End::Done(_)) {
        frames.body.finish();
    }
    for frame in tail(&forwarded.end, &report) {
        collected.whole.extend_from_slice(&frame);
    }
    Ok(answer::response(StatusCode::OK, collected.whole.freeze(), EVENT_STREAM, &report))
}

/// Passes everything on, settles, and only then sends the end.
async fn pump(mut frames: Frames, opening: Opening, sender: mpsc::Sender<Bytes>, tab: Tab) {
    let mut sink = Sink::Caller { sender: &sender, stop_at: frames.body.stop_at() };
    let forwarded = forward(&mut frames, opening, &mut sink).await;
    let delivered = forwarded.delivered(tab.call().quantity, frames.meter);
    let copy = frames.transcript.stream(&last(&forwarded.end));
    if matches!(forwarded.end, End::Done(_)) {
        frames.body.finish();
    }
    let report = tab.close(delivered, forwarded.end.failure(), copy).await;
    for frame in tail(&forwarded.end, &report) {
        // A caller who has left does not read the end either.
        let _ = sender.send(frame).await;
    }
}

/// How far a stream came.
#[derive(Debug)]
struct Forwarded {
    end: End,
    has_content: bool,
}

/// How a stream ended.
#[derive(Debug)]
enum End {
    /// With the frame that says so, which is still to be sent.
    Done(Bytes),
    /// Without it, but in order: some providers leave it out. It is added, because the SDKs stop
    /// reading only there, and would take what follows for a part of the answer.
    Clean,
    /// Before its end.
    Broke(Failure),
}

impl Forwarded {
    /// A fixed price is charged once any content was passed on; a token price by the tokens.
    fn delivered(&self, quantity: u32, meter: Option<Meter>) -> Delivered {
        let units = if self.has_content { quantity } else { 0 };
        let is_complete = self.end.failure().is_none();
        let counted = meter.and_then(|meter| meter.counted(self.has_content, is_complete));
        Delivered { units, counted }
    }
}

impl End {
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Broke(failure) => Some(failure),
            Self::Done(_) | Self::Clean => None,
        }
    }
}

/// The beginning of a stream, up to the first frame that is part of an answer.
#[derive(Debug)]
struct Opening {
    frames: Vec<Bytes>,
    has_content: bool,
}

/// The frames of an answer.
#[derive(Debug)]
struct Frames {
    body: AnswerBody,
    status: StatusCode,
    splitter: Splitter,
    has_ended: bool,
    /// What counts the tokens, under a token price.
    meter: Option<Meter>,
    /// What the caller is sent, where it may be asked for again.
    transcript: Transcript,
}

impl Frames {
    fn new(body: AnswerBody, status: StatusCode, meter: Option<Meter>) -> Self {
        let (splitter, transcript) = (Splitter::default(), Transcript::default());
        Self { body, status, splitter, has_ended: false, meter, transcript }
    }

    fn of(answering: Answering, tab: &Tab) -> Self {
        let frames = Self::new(answering.body, answering.status, tab.meter());
        Self { transcript: Transcript::new(tab.is_keyed()), ..frames }
    }

    /// The next frame and what it means; `None` at the end. Frames that mean failure are errors.
    /// What the caller is not to see is taken out, which may leave nothing of a frame.
    async fn next(&mut self) -> Result<Option<(Bytes, Event)>, Failure> {
        loop {
            let frame = self.splitter.next_frame().map_err(|FrameTooLarge| Failure::TooLarge)?;
            if let Some(frame) = frame {
                return match classify(&frame) {
                    Event::Error => Err(Failure::Reported(self.status)),
                    Event::Malformed => Err(Failure::Malformed),
                    event => Ok(Some((self.metered(frame, event), event))),
                };
            }
            if self.has_ended {
                return Ok(None);
            }
            if let Some(chunk) = self.body.chunk().await? {
                self.splitter.push(&chunk);
            } else {
                self.has_ended = true;
                self.splitter.end();
            }
        }
    }

    fn metered(&mut self, frame: Bytes, event: Event) -> Bytes {
        match (&mut self.meter, event) {
            (Some(meter), Event::Chunk { has_content }) => meter.pass(frame, has_content),
            _ => frame,
        }
    }

    /// Waits for the first frame of an answer. A stream that ends before is no answer.
    async fn opening(&mut self) -> Result<Opening, Failure> {
        let mut frames = Vec::new();
        let mut size = 0_usize;
        while let Some((frame, event)) = self.next().await? {
            if event == Event::Done {
                break;
            }
            // Comments may come before; a provider that sends nothing else is stopped by the
            // deadline, or here if it is fast.
            size = size.saturating_add(frame.len());
            if size > FRAME_BYTES_MAX {
                return Err(Failure::TooLarge);
            }
            frames.push(frame);
            if let Event::Chunk { has_content } = event {
                return Ok(Opening { frames, has_content });
            }
        }
        Err(Failure::Empty)
    }
}

/// Where frames go.
enum Sink<'a> {
    /// To the caller, who may be slow, and may have left.
    Caller { sender: &'a mpsc::Sender<Bytes>, stop_at: Option<Instant> },
    /// Into memory, to be sent whole.
    Memory(&'a mut Collected),
}

#[derive(Debug, Default)]
struct Collected {
    whole: BytesMut,
    /// Its size as it will travel.
    size: usize,
}

impl Sink<'_> {
    async fn write(&mut self, frame: Bytes) -> Result<(), Failure> {
        if frame.is_empty() {
            return Ok(());
        }
        match self {
            Self::Caller { sender, stop_at } => {
                let sent = sender.send(frame);
                let sent = match stop_at {
                    Some(at) => timeout_at(*at, sent).await.map_err(|_| Failure::TimedOut)?,
                    None => sent.await,
                };
                // A caller who has left is not noticed where this runs for real, and must not
                // make a difference where it is: the call runs to its end and is charged.
                drop(sent);
                Ok(())
            }
            Self::Memory(collected) => {
                collected.size = collected.size.saturating_add(escaped_bytes(&frame));
                if collected.size > BUFFERED_BYTES_MAX {
                    return Err(Failure::TooLarge);
                }
                collected.whole.extend_from_slice(&frame);
                Ok(())
            }
        }
    }
}

/// Passes frames on until the stream ends, one way or another.
async fn forward(frames: &mut Frames, opening: Opening, sink: &mut Sink<'_>) -> Forwarded {
    let mut has_content = false;
    let passing = async {
        for frame in opening.frames {
            frames.transcript.push(&frame);
            sink.write(frame).await?;
        }
        has_content = opening.has_content;
        while let Some((frame, event)) = frames.next().await? {
            if event == Event::Done {
                return Ok(End::Done(frame));
            }
            frames.transcript.push(&frame);
            sink.write(frame).await?;
            has_content |= event == Event::Chunk { has_content: true };
        }
        Ok(End::Clean)
    };
    let end = passing.await.unwrap_or_else(End::Broke);
    Forwarded { end, has_content }
}

/// What follows once the call is settled: its last frame, and what it did to the caller's credits.
fn tail(end: &End, report: &Report) -> [Bytes; 2] {
    [last(end), report.event()]
}

/// The end, as it was held back or in our words, or the error that came in its place.
fn last(end: &End) -> Bytes {
    match end {
        End::Done(frame) => frame.clone(),
        End::Clean => Bytes::from_static(DONE.as_bytes()),
        End::Broke(failure) => error_frame(failure),
    }
}

/// An error in the shape the SDKs look for in a stream.
fn error_frame(failure: &Failure) -> Bytes {
    let error = failure.to_api_error().openai_document().remove("error");
    Bytes::from(format!("data: {}\n\n", json!({ "error": error })))
}
