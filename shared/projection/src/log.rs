//! The lines an operator looks for, each written in one place.

use std::error::Error;

use clerk::CreditsMetadata;
use ledger::AccountId;
use startup::error_chain;

/// The credits are shown.
pub(crate) fn shown(account: &AccountId, credits: &CreditsMetadata) {
    let owner = if account.is_user() { "user" } else { "organization" };
    tracing::info!(
        event = "credits_projected",
        account = %account,
        credits = credits.credits_remaining.get(),
        version = credits.credits_version,
        "updated {owner} {account} credits to {}",
        credits.credits_remaining
    );
}

/// An adjustment stands and its credits are not shown. `queued`: they will be.
pub(crate) fn failed(account: &AccountId, error: &(dyn Error + 'static), queued: bool) {
    tracing::warn!(
        event = "credits_projection_failed",
        account = %account,
        error = error_chain(error),
        queued,
        "failed to sync Clerk credits metadata for admin adjustment"
    );
}

/// Queued credits will never be shown.
pub(crate) fn given_up(account: &AccountId, error: &(dyn Error + 'static)) {
    tracing::warn!(
        event = "credits_projection_failed",
        account = %account,
        error = error_chain(error),
        queued = false,
        "failed to sync Clerk credits metadata, for good"
    );
}

/// The credits are shown together with those of other changes, in a moment.
pub(crate) fn coalesced(account: &AccountId) {
    tracing::info!(
        event = "credits_projection_queued",
        account = %account,
        "the credits are shown with the account's next turn"
    );
}

/// The credits are not shown, and nothing will do it by itself.
pub(crate) fn lost(account: &AccountId, error: &(dyn Error + 'static)) {
    tracing::error!(
        event = "credits_projection_lost",
        account = %account,
        error = error_chain(error),
        "what is to be shown in Clerk could not be queued"
    );
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use clerk::ClerkError;
    use ledger::Credits;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line_of(log: impl FnOnce()) -> Value {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(lines, log);
        let bytes = written.0.lock().unwrap().clone();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn the_lines_an_operator_looks_for_keep_their_words() {
        let user = AccountId::parse("user_1").unwrap();
        let credits = CreditsMetadata {
            credits_remaining: Credits::new(70).unwrap(),
            credits_total: Credits::new(100).unwrap(),
            last_credits_sync_at: jiff::Timestamp::UNIX_EPOCH,
            credits_version: 3,
        };
        let line = line_of(|| shown(&user, &credits));
        assert_eq!(line["message"], "updated user user_1 credits to 70");
        assert_eq!(line["event"], "credits_projected");
        let line = line_of(|| failed(&user, &ClerkError::NotFound, false));
        let words = "failed to sync Clerk credits metadata for admin adjustment";
        assert_eq!(line["message"], words);
        assert_eq!(line["event"], "credits_projection_failed");
        assert_eq!(
            [&line["account"], &line["queued"], &line["error"]],
            [&json!("user_1"), &json!(false), &json!("clerk knows no such user or organization")]
        );
    }
}
