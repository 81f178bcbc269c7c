use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::mint::{ISSUED, Mint, OURS, THEIRS, at, key_set};

/// A provider whose answer a test changes; `None` is an outage.
#[derive(Clone, Default)]
struct Provider {
    answer: Arc<Mutex<Option<Bytes>>>,
    fetches: Arc<AtomicUsize>,
}

impl Provider {
    fn publishing(mints: &[&Mint]) -> Self {
        let provider = Self::default();
        provider.publish(Some(key_set(mints)));
        provider
    }

    fn publish(&self, answer: Option<Bytes>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn keys(&self) -> Jwks {
        let provider = self.clone();
        Jwks::new("https://clerk.example.com/keys".to_owned(), move |_| {
            provider.fetches.fetch_add(1, Ordering::SeqCst);
            let answer = provider.answer.lock().unwrap().clone();
            async move { answer.ok_or("connection refused") }
        })
    }
}

async fn verdict(keys: &Jwks, mint: &Mint, unix_seconds: i64) -> Result<(), KeyMissing> {
    keys.key(mint.key_id, at(unix_seconds)).await.map(drop)
}

#[tokio::test]
async fn a_key_is_fetched_once_and_looked_at_again_when_it_is_old() {
    let provider = Provider::publishing(&[&OURS]);
    let keys = provider.keys();
    for second in [0, 1, 299] {
        assert_eq!(verdict(&keys, &OURS, ISSUED + second).await, Ok(()));
    }
    assert_eq!(provider.fetches(), 1);
    assert_eq!(verdict(&keys, &OURS, ISSUED + 300).await, Ok(()));
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn a_withdrawn_key_is_forgotten_and_a_new_one_is_found() {
    let provider = Provider::publishing(&[&OURS]);
    let keys = provider.keys();
    assert_eq!(verdict(&keys, &OURS, ISSUED).await, Ok(()));
    provider.publish(Some(key_set(&[&THEIRS])));
    assert_eq!(verdict(&keys, &THEIRS, ISSUED + 29).await, Err(KeyMissing::Unknown));
    assert_eq!(verdict(&keys, &THEIRS, ISSUED + 30).await, Ok(()));
    assert_eq!(verdict(&keys, &OURS, ISSUED + 30).await, Err(KeyMissing::Unknown));
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn an_outage_is_not_a_verdict_and_is_asked_about_again_after_five_seconds() {
    let provider = Provider::default();
    let keys = provider.keys();
    for second in [0, 1, 4] {
        let judged = verdict(&keys, &OURS, ISSUED + second).await;
        assert_eq!(judged, Err(KeyMissing::Unavailable));
    }
    assert_eq!(provider.fetches(), 1);
    provider.publish(Some(key_set(&[&OURS])));
    assert_eq!(verdict(&keys, &OURS, ISSUED + 5).await, Ok(()));
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_refreshed_are_kept() {
    let provider = Provider::publishing(&[&OURS]);
    let keys = provider.keys();
    assert_eq!(verdict(&keys, &OURS, ISSUED).await, Ok(()));
    provider.publish(None);
    assert_eq!(verdict(&keys, &OURS, ISSUED + 3_000).await, Ok(()));
    assert_eq!(verdict(&keys, &THEIRS, ISSUED + 3_001).await, Err(KeyMissing::Unavailable));
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn many_callers_with_unknown_keys_at_once_cause_one_fetch() {
    let (started, go_on) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let fetches = Arc::new(AtomicUsize::new(0));
    let (seen, begun, released) = (fetches.clone(), started.clone(), go_on.clone());
    let keys = Arc::new(Jwks::new(String::new(), move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
        let (begun, released) = (begun.clone(), released.clone());
        async move {
            begun.notify_one();
            let _released = released.acquire().await;
            Ok::<_, BoxError>(key_set(&[&OURS]))
        }
    }));
    let callers: Vec<_> = (0..32)
        .map(|n| {
            let keys = keys.clone();
            let id = if n % 2 == 0 { OURS.key_id.to_owned() } else { format!("unknown_{n}") };
            tokio::spawn(async move { (n, keys.key(&id, at(ISSUED)).await.map(drop)) })
        })
        .collect();
    started.notified().await;
    go_on.add_permits(1);
    for caller in callers {
        let (n, found) = caller.await.unwrap();
        assert_eq!(found, if n % 2 == 0 { Ok(()) } else { Err(KeyMissing::Unknown) });
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_during_the_fetch_does_not_block_the_next() {
    let provider = Provider::publishing(&[&OURS]);
    let first = Arc::new(AtomicUsize::new(0));
    let keys = {
        let provider = provider.clone();
        Jwks::new(String::new(), move |_| {
            let hangs = first.fetch_add(1, Ordering::SeqCst) == 0;
            let answer = provider.answer.lock().unwrap().clone();
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                answer.ok_or("connection refused")
            }
        })
    };
    {
        let mut leaving = std::pin::pin!(keys.key(OURS.key_id, at(ISSUED)));
        let waker = std::task::Waker::noop();
        let polled = leaving.as_mut().poll(&mut std::task::Context::from_waker(waker));
        assert!(polled.is_pending());
    }
    assert_eq!(verdict(&keys, &OURS, ISSUED).await, Ok(()));
}

#[test]
fn keys_for_other_uses_are_left_out() {
    let changed = |name: &str, value: Value| {
        let mut key = THEIRS.jwk();
        key[name] = value;
        key
    };
    let others = [
        changed("kty", json!("EC")),
        changed("use", json!("enc")),
        changed("alg", json!("RS512")),
        changed("kid", Value::Null),
        changed("n", json!("not base64!")),
        json!({ "kty": "oct", "kid": "ins_THEIRS", "k": "c2VjcmV0" }),
        json!("not an object"),
    ];
    for other in others {
        let set = json!({ "keys": [other, OURS.jwk()] }).to_string();
        let keys = usable_keys(set.as_bytes()).unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), [OURS.key_id], "{other}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_counts_as_an_outage() {
    let mut padded = key_set(&[&OURS]).to_vec();
    padded.resize(ANSWER_BYTES_MAX + 1, b' ');
    for answer in [&b""[..], b"<html>", b"{}", br#"{"keys":[]}"#, &padded] {
        let provider = Provider::default();
        provider.publish(Some(Bytes::copy_from_slice(answer)));
        let judged = verdict(&provider.keys(), &OURS, ISSUED).await;
        assert_eq!(judged, Err(KeyMissing::Unavailable));
    }
}

#[tokio::test]
async fn keys_fetched_ahead_serve_the_first_caller_and_a_failure_to_do_so_delays_nobody() {
    let provider = Provider::default();
    let keys = provider.keys();
    keys.warm_up(at(ISSUED)).await;
    provider.publish(Some(key_set(&[&OURS])));
    assert_eq!(verdict(&keys, &OURS, ISSUED).await, Ok(()));
    assert_eq!(provider.fetches(), 2);

    let warm = provider.keys();
    warm.warm_up(at(ISSUED)).await;
    assert_eq!(verdict(&warm, &OURS, ISSUED + 1).await, Ok(()));
    assert_eq!(provider.fetches(), 3);
}
