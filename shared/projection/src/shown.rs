//! What is shown of an account.

use clerk::CreditsMetadata;
use jiff::Timestamp;
use ledger::{account::Account, credits::AmountTooLarge};

/// The numbers of the account at `now`: what expired counts no more, although the account's next
/// change will only apply it.
pub(crate) fn numbers(
    account: &Account,
    now: Timestamp,
) -> Result<CreditsMetadata, AmountTooLarge> {
    let view = account.view(now)?;
    Ok(CreditsMetadata {
        credits_remaining: view.available,
        credits_total: view.granted()?,
        last_credits_sync_at: account.last_synced_at.unwrap_or(now),
        credits_version: account.balance.revision,
    })
}
