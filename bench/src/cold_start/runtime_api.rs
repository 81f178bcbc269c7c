//! The Lambda Runtime API, for one process at a time: hands out events when it is told to, and
//! says when it was asked and answered.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::Failure;
use crate::cold_start::wire::{Answer, Request, serve};

/// A program that says nothing for so long has got stuck.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a run may take; the same for every function.
const RUN_LIMIT: SignedDuration = SignedDuration::from_secs(30);

/// What the process did, and when.
enum Heard {
    Asks(Instant),
    Answers(Instant, String),
    Fails(String),
}

/// The runtime's side of one process.
pub(crate) struct RuntimeApi {
    /// What `AWS_LAMBDA_RUNTIME_API` says.
    pub(crate) address: String,
    heard: Receiver<Heard>,
    events: Sender<String>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Result<Self, Failure> {
        let (say, heard) = channel();
        let (events, next) = channel::<String>();
        let (say, next) = (Mutex::new(say), Arc::new(Mutex::new(next)));
        let answer = move |request: &Request| {
            let what = match request.line.as_str() {
                line if line.ends_with("/invocation/next") => Heard::Asks(Instant::now()),
                line if line.ends_with("/response") => {
                    Heard::Answers(Instant::now(), text(&request.body))
                }
                _ => Heard::Fails(text(&request.body)),
            };
            let asks = matches!(what, Heard::Asks(_));
            // Nobody listens once the process has been measured.
            let _ = say.lock().unwrap_or_else(PoisonError::into_inner).send(what);
            if !asks {
                return Answer::status(202);
            }
            match next.lock().unwrap_or_else(PoisonError::into_inner).recv() {
                Ok(event) => invocation(event),
                Err(_) => Answer::status(500),
            }
        };
        let address = serve(None, answer).map_err(|error| format!("no port to serve: {error}"))?;
        Ok(Self { address: address.replace("localhost", "127.0.0.1"), heard, events })
    }

    /// Waits until the process asks for an event, and says when it did.
    pub(crate) fn asked(&self) -> Result<Instant, Failure> {
        match self.hear()? {
            Heard::Asks(at) => Ok(at),
            Heard::Answers(..) => Err("it answered what was not asked".to_owned()),
            Heard::Fails(why) => Err(format!("it failed: {why}")),
        }
    }

    /// Hands out an event, and waits for the answer: the time between the two, and what it says.
    pub(crate) fn call(&self, event: String) -> Result<(Duration, String), Failure> {
        let given = Instant::now();
        self.events.send(event).map_err(|_| "the runtime has ended".to_owned())?;
        match self.hear()? {
            Heard::Answers(at, answer) => Ok((at.duration_since(given), answer)),
            Heard::Asks(_) => Err("it asked again and did not answer".to_owned()),
            Heard::Fails(why) => Err(format!("it failed: {why}")),
        }
    }

    fn hear(&self) -> Result<Heard, Failure> {
        let heard = self.heard.recv_timeout(PATIENCE);
        heard.map_err(|_| format!("it said nothing for {} s", PATIENCE.as_secs()))
    }
}

#[expect(clippy::disallowed_methods, reason = "the benchmark plays the platform")]
fn invocation(event: String) -> Answer {
    let deadline = Timestamp::now().saturating_add(RUN_LIMIT);
    let deadline = deadline.map_or(0, Timestamp::as_millisecond);
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:measured";
    Answer {
        headers: vec![
            ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", arn.to_owned()),
            ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned()),
        ],
        ..Answer::json(event)
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}
