//! Renewal is tested with a clock moved by hand and a source that counts how often it is read.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;

const START_SECOND: i64 = 1_700_000_000;

/// A source whose n-th read gives n, and a clock that stands until it is moved.
#[derive(Clone)]
struct World {
    second: Arc<AtomicI64>,
    reads: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
    /// Each read waits for a permit; plenty unless a test takes them away.
    permits: Arc<Semaphore>,
}

impl World {
    fn new() -> World {
        World {
            second: Arc::new(AtomicI64::new(START_SECOND)),
            reads: Arc::default(),
            broken: Arc::default(),
            permits: Arc::new(Semaphore::new(1000)),
        }
    }

    async fn load(&self) -> Result<Cached<usize>, BoxError> {
        let second = self.second.clone();
        let clock =
            Clock::from_fn(move || Timestamp::from_second(second.load(Ordering::SeqCst)).unwrap());
        let world = self.clone();
        Cached::load(clock, move || world.clone().read()).await
    }

    async fn read(self) -> Result<usize, BoxError> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        self.permits.acquire().await?.forget();
        if self.broken.load(Ordering::SeqCst) { Err("out of order".into()) } else { Ok(read) }
    }

    fn pass(&self, seconds: i64) {
        self.second.fetch_add(seconds, Ordering::SeqCst);
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_value_is_read_again_only_when_it_is_too_old() {
    let world = World::new();
    let cached = world.load().await.unwrap();
    world.pass(54);
    assert_eq!((*cached.current().await, world.reads()), (1, 1));
    world.pass(1);
    assert_eq!((*cached.current().await, world.reads()), (2, 2));
    world.pass(54);
    assert_eq!((*cached.current().await, world.reads()), (2, 2));
}

#[tokio::test]
async fn a_value_is_never_used_at_an_age_of_a_minute() {
    let world = World::new();
    let cached = world.load().await.unwrap();
    for _ in 0..20 {
        world.pass(59);
        let before = world.reads();
        cached.current().await;
        assert_eq!(world.reads(), before + 1);
    }
}

#[tokio::test]
async fn a_first_read_that_fails_stops_the_start() {
    let world = World::new();
    world.broken.store(true, Ordering::SeqCst);
    assert_eq!(world.load().await.unwrap_err().to_string(), "out of order");
}

#[tokio::test]
async fn requests_that_find_the_value_stale_together_read_it_once() {
    let world = World::new();
    let cached = world.load().await.unwrap();
    world.pass(60);
    world.permits.forget_permits(1000);
    let requests = join_all((0..64).map(|_| cached.current()));
    let release = async {
        // All requests run up to their waiting point before the one read may go on.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        world.permits.add_permits(1000);
    };
    let (values, ()) = tokio::join!(requests, release);
    assert!(values.iter().all(|value| **value == 2), "{values:?}");
    assert_eq!(world.reads(), 2);
}

#[tokio::test]
async fn an_error_keeps_the_old_value_and_the_next_try_waits_five_seconds() {
    let world = World::new();
    let cached = world.load().await.unwrap();
    world.broken.store(true, Ordering::SeqCst);
    world.pass(60);
    for _ in 0..10 {
        assert_eq!((*cached.current().await, world.reads()), (1, 2));
    }
    world.pass(4);
    assert_eq!((*cached.current().await, world.reads()), (1, 2));
    world.pass(1);
    assert_eq!((*cached.current().await, world.reads()), (1, 3));
    world.broken.store(false, Ordering::SeqCst);
    world.pass(5);
    assert_eq!((*cached.current().await, world.reads()), (4, 4));
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_keep_a_value_alive() {
    let world = World::new();
    let cached = world.load().await.unwrap();
    world.pass(-3600);
    assert_eq!(*cached.current().await, 2);
    assert_eq!(*cached.current().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_answer_delays_a_request_by_two_seconds_at_most() {
    let world = World::new();
    let cached = world.load().await.unwrap();
    world.permits.forget_permits(1000);
    world.pass(60);
    let began = tokio::time::Instant::now();
    assert_eq!(*cached.current().await, 1);
    assert_eq!(began.elapsed(), RENEWAL_LIMIT);
    assert_eq!(*cached.current().await, 1);
    assert_eq!(began.elapsed(), RENEWAL_LIMIT);
}

#[tokio::test]
async fn a_request_that_is_abandoned_while_it_renews_leaves_the_work_to_the_next() {
    let world = World::new();
    let cached = world.load().await.unwrap();
    world.permits.forget_permits(1000);
    world.pass(60);
    assert!(cached.current().now_or_never().is_none());
    world.permits.add_permits(1000);
    assert_eq!(*cached.current().await, 3);
}

#[tokio::test]
async fn a_value_is_as_old_as_the_moment_its_reading_began() {
    let second = Arc::new(AtomicI64::new(START_SECOND));
    let reads = Arc::new(Mutex::new(0));
    let (time, count) = (second.clone(), reads.clone());
    let clock =
        Clock::from_fn(move || Timestamp::from_second(time.load(Ordering::SeqCst)).unwrap());
    let slow = second.clone();
    let cached = Cached::load(clock, move || {
        slow.fetch_add(30, Ordering::SeqCst);
        *count.lock().unwrap() += 1;
        async { Ok(()) }
    });
    let cached = cached.await.unwrap();
    second.fetch_add(25, Ordering::SeqCst);
    cached.current().await;
    assert_eq!(*reads.lock().unwrap(), 2);
}
