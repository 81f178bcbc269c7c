//! Whether an account's books add up, entry by entry.

use jiff::Timestamp;
use ledger::{
    AccountId, Credits,
    account::Account,
    invariant::{Audit, Violation},
};

use crate::{error::StoreError, key, store::LedgerStore};

/// How often an account that moves while it is read is read again.
const READS_MAX: u32 = 5;

/// What the books of one account say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many entries there are.
    pub entries: u64,
    /// What they sum to.
    pub sum: Credits,
    /// The stored balance; `None` if the account was never opened.
    pub available: Option<Credits>,
    /// Every rule that does not hold.
    pub violations: Vec<Violation>,
    /// Whether the account stood still while it was read. If not, nothing is proven either way.
    pub settled: bool,
}

impl LedgerStore {
    /// Reads every entry of the account and checks every invariant at `now`. Reads only.
    ///
    /// The balance is read before and after the entries; a violation counts only if the account
    /// stood still meanwhile and it is found twice. An entry that cannot be read, one of an
    /// unknown kind for instance, is [`StoreError::Corrupt`]: no sum is made without it.
    pub async fn verify(&self, account: &AccountId, now: Timestamp) -> Result<Report, StoreError> {
        let mut report = self.verify_once(account, now).await?;
        for _ in 1..READS_MAX {
            if report.settled && report.violations.is_empty() {
                return Ok(report);
            }
            let again = self.verify_once(account, now).await?;
            if again.settled && again == report {
                return Ok(again);
            }
            report = again;
        }
        Ok(report)
    }

    async fn verify_once(&self, id: &AccountId, now: Timestamp) -> Result<Report, StoreError> {
        let before = self.account(id).await?;
        let entries = self.all(id, key::ENTRY_PREFIX).await?;
        let after = self.account(id).await?;
        let mut audit = Audit::default();
        for entry in &entries {
            audit.add(entry);
        }
        let (count, sum) = (audit.count(), audit.sum());
        let settled = before == after;
        let available = after.as_ref().map(|account| account.balance.available);
        let account = after.unwrap_or_else(|| Account::unopened(id.clone()));
        let violations = if settled { audit.finish(&account, now) } else { Vec::new() };
        Ok(Report { entries: count, sum, available, violations, settled })
    }
}
