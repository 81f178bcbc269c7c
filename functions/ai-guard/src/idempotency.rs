//! `Idempotency-Key`: the same request with the same key is one call, and charged once.
//!
//! A key is claimed in the transaction of the hold, so whoever holds it has paid, and nobody is
//! told of a call that was never paid for. What became of that hold decides what a repeat gets:
//! the answer that was kept, patience, or a call of its own where the first came to nothing.

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_api::ApiError;
use jiff::Timestamp;
use ledger::{AccountId, Credits, HoldId, entry::Actor};
use ledger_dynamodb::{
    CLAIM_LIFE, Claim, ClaimKey, Fate, FoundClaim, LedgerStore, StoreError, StoredAnswer,
};

use crate::call::Endpoint;

/// The header of a request.
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// What an answer that is given again says of itself.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What the SDKs look at before they send a 409 again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The longest key. A UUID has 36 characters.
const KEY_BYTES_MAX: usize = 255;

/// How often a call takes a key over from holds that came to nothing. Somebody else may do so at
/// the same moment, and then that is the call under way.
pub(crate) const TAKE_OVERS_MAX: u32 = 3;

/// A request that is the same whenever it comes with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    claim: ClaimKey,
    /// The SHA-256 of the body in hexadecimal.
    fingerprint: String,
}

/// Where a request is sent, as far as keys are concerned: two paths to one thing are one route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Chat,
    Image,
    Holds,
}

impl Endpoint {
    pub(crate) const fn route(self) -> Route {
        match self {
            Self::Chat => Route::Chat,
            Self::Image => Route::Image,
        }
    }
}

impl Route {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Image => "image",
            Self::Holds => "holds",
        }
    }
}

/// Who asks, and where: a key means something within this only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) actor: &'a Actor,
    pub(crate) route: Route,
}

/// What a repeat of a request finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The first is not over.
    Open,
    /// It was charged so much. Its answer, where it was kept.
    Charged(Credits, Option<StoredAnswer>),
    /// It came to nothing: the key can be taken over from its hold.
    Free(HoldId),
}

/// The header alone, as often as it is there: what is left of a request once its body is read.
pub(crate) fn header(headers: &HeaderMap) -> HeaderMap {
    let mut only = HeaderMap::new();
    for value in headers.get_all(HEADER) {
        only.append(HEADER, value.clone());
    }
    only
}

impl Key {
    /// The key of a request with these headers and this body; `None` where it has none.
    ///
    /// 400 `invalid_idempotency_key` unless it is there once, with 1 to 255 visible ASCII
    /// characters.
    pub(crate) fn read(
        headers: &HeaderMap,
        scope: Scope<'_>,
        body: &[u8],
    ) -> Result<Option<Self>, ApiError> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let name = value.as_bytes();
        let legal = !name.is_empty() && name.len() <= KEY_BYTES_MAX;
        if !legal || !name.iter().all(u8::is_ascii_graphic) || values.next().is_some() {
            let detail = "`Idempotency-Key` must be there once, with 1 to 255 visible ASCII \
                          characters";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail));
        }
        Ok(Some(Self { claim: scope.claim(name), fingerprint: hex(&sha256(body)) }))
    }

    /// The claim of a call that is made at `now`, taken over from the hold `over` where there is
    /// one.
    pub(crate) fn claim(&self, now: Timestamp, over: Option<HoldId>) -> Claim {
        Claim {
            key: self.claim.clone(),
            fingerprint: self.fingerprint.clone(),
            expires_at: now.checked_add(CLAIM_LIFE).unwrap_or(Timestamp::MAX),
            over,
        }
    }

    /// What became of the request that has the key.
    ///
    /// 422 `idempotency_key_reused` where that was another request; 503 `ledger_unavailable`.
    pub(crate) async fn judge(
        &self,
        store: &LedgerStore,
        found: FoundClaim,
    ) -> Result<Standing, ApiError> {
        if found.fingerprint != self.fingerprint {
            return Err(reused());
        }
        let fate = store.fate(&found.account, found.hold).await.map_err(|e| unread(&e))?;
        let charged = match fate {
            Fate::Open => return Ok(Standing::Open),
            Fate::Released | Fate::Expired => return Ok(Standing::Free(found.hold)),
            Fate::Settled { charged } | Fate::ChargedLate { charged } => charged,
        };
        // The answer is kept before the call is settled, and both may have happened since the
        // claim was found.
        let answer = match found.answer {
            None => store.kept_answer(&self.claim, found.hold).await.map_err(|e| unread(&e))?,
            known => known,
        };
        Ok(Standing::Charged(charged, answer))
    }

    /// Keeps the answer of `hold`, before the hold is settled.
    pub(crate) async fn keep(
        &self,
        store: &LedgerStore,
        hold: HoldId,
        answer: &StoredAnswer,
    ) -> Result<bool, StoreError> {
        store.keep_answer(&self.claim, hold, answer).await
    }
}

impl Scope<'_> {
    /// No part but the last can have a line break, so no two scopes are written alike.
    fn claim(&self, name: &[u8]) -> ClaimKey {
        let Self { account, actor, route } = self;
        let mut text = format!("{account}\n{actor}\n{}\n", route.as_str()).into_bytes();
        text.extend_from_slice(name);
        ClaimKey::new(sha256(&text))
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest(&SHA256, bytes);
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    hash
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// The first request with this key is not over (409 `idempotency_in_flight`).
pub(crate) fn in_flight() -> ApiError {
    let detail = "a request with this idempotency key is still being answered";
    ApiError::new(StatusCode::CONFLICT, "idempotency_in_flight", detail).retry_after(1)
}

/// The first request with this key was charged, and its answer is not to be had any more (409
/// `already_charged`). No SDK is to send that again.
pub(crate) fn already_charged(charged: Credits) -> ApiError {
    let detail = "the request with this idempotency key was charged, and its answer is not kept";
    ApiError::new(StatusCode::CONFLICT, "already_charged", detail)
        .with("charged", charged)
        .header(SHOULD_RETRY, HeaderValue::from_static("false"))
}

fn reused() -> ApiError {
    let detail = "this idempotency key was used for another request";
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
}

fn unread(error: &StoreError) -> ApiError {
    match error {
        StoreError::Unavailable(_) => ApiError::ledger_unavailable(error),
        StoreError::Rejected(_) | StoreError::Corrupt { .. } => ApiError::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId::parse(name).unwrap()
    }

    fn read(values: &[&[u8]], scope: Scope<'_>, body: &str) -> Result<Option<Key>, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        Key::read(&header(&headers), scope, body.as_bytes())
            .map_err(|error| error.code().to_owned())
    }

    #[test]
    fn a_key_is_1_to_255_visible_characters_once() {
        let (account, actor) = (account("user_1"), Actor::User("user_1".to_owned()));
        let scope = Scope { account: &account, actor: &actor, route: Route::Chat };
        assert_eq!(read(&[], scope, ""), Ok(None));
        let long = [b'k'; 256];
        for good in [b"a".as_slice(), b"~!#-_", &long[..255]] {
            assert!(read(&[good], scope, "").unwrap().is_some(), "{good:?}");
        }
        let bad: [&[&[u8]]; 6] =
            [&[b""], &[&long], &[b"a b"], &[b"a\tb"], &[b"\xc3\xa4"], &[b"a", b"a"]];
        for values in bad {
            let refused = Err("invalid_idempotency_key".to_owned());
            assert_eq!(read(values, scope, ""), refused, "{values:?}");
        }
    }

    #[test]
    fn a_key_means_something_to_one_account_one_actor_and_one_route() {
        let (one, two) = (account("user_1"), account("user_12"));
        let (user, service) =
            (Actor::User("user_1".to_owned()), Actor::Service("user_1".to_owned()));
        let scope = |account, actor, route| Scope { account, actor, route };
        let claim = |scope, key: &str| read(&[key.as_bytes()], scope, "").unwrap().unwrap().claim;
        let all = [
            claim(scope(&one, &user, Route::Chat), "k"),
            claim(scope(&one, &user, Route::Image), "k"),
            claim(scope(&one, &service, Route::Chat), "k"),
            claim(scope(&one, &service, Route::Holds), "k"),
            claim(scope(&two, &user, Route::Chat), "k"),
            claim(scope(&one, &user, Route::Chat), "l"),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(all[0], claim(scope(&one, &user, Route::Chat), "k"));
    }

    #[test]
    fn a_request_is_known_by_every_byte_of_its_body() {
        let (account, actor) = (account("user_1"), Actor::User("user_1".to_owned()));
        let scope = Scope { account: &account, actor: &actor, route: Route::Chat };
        let key = |body| read(&[b"k"], scope, body).unwrap().unwrap();
        assert_eq!(key("{}"), key("{}"));
        assert_ne!(key("{}").fingerprint, key("{ }").fingerprint);
        assert_eq!(key("{}").claim, key("{ }").claim);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(key("").fingerprint, empty);
    }
}
