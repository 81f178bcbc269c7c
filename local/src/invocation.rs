//! Invocations of one function: queued, handed to a process, answered once.
//!
//! An invocation belongs to the stack, not to the client that caused it: a client that goes away
//! cancels nothing, as on AWS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::machine;
use crate::template::Function;

/// How an invocation ended, or began to end.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The whole answer, JSON.
    Buffered(Bytes),
    /// An answer that is still being written.
    Streamed(Streamed),
    /// No answer.
    Failed(Failure),
}

/// A streamed answer: first a prelude of JSON and eight zero bytes, then the body.
#[derive(Debug)]
pub(crate) struct Streamed {
    /// The channel closes without [`Chunk::End`] when the function ends before its answer does.
    pub(crate) chunks: mpsc::Receiver<Chunk>,
}

/// A part of a streamed answer.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Some bytes.
    Data(Bytes),
    /// The answer is complete.
    End,
}

/// Why an invocation has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The function reported an error.
    #[error("the function failed: {0}")]
    Reported(String),
    /// It took longer than the template allows; its process was killed.
    #[error("the function timed out after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Its process ended first.
    #[error("the function's process ended before it answered")]
    Exited,
    /// The answer is larger than Lambda allows.
    #[error("the function's answer is larger than 6 MB")]
    TooLarge,
}

/// One process of a function, numbered over the life of the stack.
pub(crate) type WorkerId = u64;

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Working,
    Doomed,
    Gone,
}

/// An invocation as a process receives it.
pub(crate) struct Dispatched {
    pub(crate) request_id: String,
    pub(crate) event: Bytes,
    pub(crate) deadline: Timestamp,
}

/// A response that a process has begun to send.
pub(crate) struct Responding {
    pub(crate) answer: oneshot::Sender<Answer>,
    /// Notified when the answer is cut off.
    pub(crate) cut: Arc<Notify>,
}

struct Waiting {
    event: Bytes,
    answer: oneshot::Sender<Answer>,
}

struct Running {
    worker: WorkerId,
    /// Taken when the response begins.
    answer: Option<oneshot::Sender<Answer>>,
    cut: Arc<Notify>,
    timer: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

/// The invocations and processes of one function.
pub(crate) struct Invocations {
    pub(crate) function: Function,
    queue: mpsc::UnboundedSender<Waiting>,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Waiting>>,
    running: Mutex<HashMap<String, Running>>,
    workers: Mutex<HashMap<WorkerId, watch::Sender<Life>>>,
    ready: watch::Sender<bool>,
}

impl Invocations {
    pub(crate) fn new(function: Function) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        Self {
            function,
            queue,
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::default(),
            workers: Mutex::default(),
            ready: watch::Sender::new(false),
        }
    }

    /// Queues an invocation and waits for its answer. Dropping the future does not cancel it.
    pub(crate) async fn invoke(&self, event: Bytes) -> Answer {
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Waiting { event, answer }).is_err() {
            return Answer::Failed(Failure::Exited);
        }
        answered.await.unwrap_or(Answer::Failed(Failure::Exited))
    }

    /// Waits for the next invocation on behalf of a process; none once the process is doomed.
    pub(crate) async fn next(self: &Arc<Self>, worker: WorkerId) -> Option<Dispatched> {
        let mut life = self.worker(worker);
        self.ready.send_replace(true);
        let waiting = async { self.waiting.lock().await.recv().await };
        let Waiting { event, answer } = tokio::select! {
            biased;
            () = async { drop(life.wait_for(|life| *life != Life::Working).await) } => return None,
            waiting = waiting => waiting?,
        };
        let request_id = crate::random::uuid();
        let timeout = self.function.timeout;
        let deadline = machine::now().saturating_add(timeout).unwrap_or(Timestamp::MAX);
        let (invocations, id) = (Arc::clone(self), request_id.clone());
        let timer = tokio::spawn(async move {
            tokio::time::sleep(timeout).await;
            invocations.time_out(&id);
        });
        let running = Running {
            worker,
            answer: Some(answer),
            cut: Arc::new(Notify::new()),
            timer: timer.abort_handle(),
        };
        locked(&self.running).insert(request_id.clone(), running);
        Some(Dispatched { request_id, event, deadline })
    }

    /// Takes over the answering of an invocation; none if it is not running or already answered.
    pub(crate) fn respond(&self, request_id: &str) -> Option<Responding> {
        let mut running = locked(&self.running);
        let entry = running.get_mut(request_id)?;
        Some(Responding { answer: entry.answer.take()?, cut: Arc::clone(&entry.cut) })
    }

    /// Forgets an invocation whose answer is complete.
    pub(crate) fn complete(&self, request_id: &str) {
        locked(&self.running).remove(request_id);
    }

    /// Knows a process from now on; the receiver tells when it shall end.
    pub(crate) fn worker(&self, worker: WorkerId) -> watch::Receiver<Life> {
        locked(&self.workers)
            .entry(worker)
            .or_insert_with(|| watch::Sender::new(Life::Working))
            .subscribe()
    }

    /// A process has ended: what it was working on has failed.
    pub(crate) fn worker_gone(&self, worker: WorkerId) {
        if let Some(life) = locked(&self.workers).remove(&worker) {
            life.send_replace(Life::Gone);
        }
        let mut running = locked(&self.running);
        for (_, invocation) in running.extract_if(|_, running| running.worker == worker) {
            end(invocation, Failure::Exited);
        }
    }

    /// Dooms every process and waits until they are gone.
    pub(crate) async fn kill_workers(&self) {
        let lives: Vec<_> = locked(&self.workers)
            .values()
            .map(|life| {
                life.send_replace(Life::Doomed);
                life.subscribe()
            })
            .collect();
        for mut life in lives {
            // An error means that nobody is left to tell, so the process is gone.
            drop(life.wait_for(|life| *life == Life::Gone).await);
        }
    }

    /// Resolves once a process has asked for work.
    pub(crate) async fn ready(&self) {
        drop(self.ready.subscribe().wait_for(|ready| *ready).await);
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    fn time_out(&self, request_id: &str) {
        let Some(invocation) = locked(&self.running).remove(request_id) else {
            return;
        };
        if let Some(life) = locked(&self.workers).get(&invocation.worker) {
            life.send_if_modified(|life| {
                let working = *life == Life::Working;
                if working {
                    *life = Life::Doomed;
                }
                working
            });
        }
        end(invocation, Failure::TimedOut(self.function.timeout));
    }
}

fn end(mut invocation: Running, failure: Failure) {
    if let Some(answer) = invocation.answer.take() {
        // Nobody may be waiting any more.
        drop(answer.send(Answer::Failed(failure)));
    }
    invocation.cut.notify_one();
}

/// Locks; a panic elsewhere leaves these maps consistent, because no update spans two steps.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
