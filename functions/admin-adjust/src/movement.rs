//! One movement of one account by an admin: decided, committed with its record, shown in the
//! identity provider's metadata, answered.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use directory::{Operation, OperationResult};
use http::{StatusCode, header::CACHE_CONTROL};
use http_api::{ApiError, Json};
use jiff::Timestamp;
use ledger::{
    AccountId, Rejection,
    account::Account,
    command::{Action, Command},
    mode::Mode,
};
use ledger_dynamodb::{Beside, Receipt, StoreError, Submitted, Turn};
use serde::Serialize;

use admin::{Admin, credits_disabled};

use crate::{
    AdminAdjust,
    shown::{ShownBalance, ShownEntry},
};

/// This function's name in the records of what was done.
pub(crate) const FUNCTION: &str = "admin-adjust";

/// The answer to whatever moves credits or changes what stands in their way.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Moved {
    #[serde(flatten)]
    balance: ShownBalance,
    entry: Option<ShownEntry>,
    metadata_synced: bool,
    replayed: bool,
}

/// What is asked of an account, understood.
pub(crate) struct Order {
    pub(crate) action: Action,
    /// What the record keeps of the request, by name.
    pub(crate) details: BTreeMap<String, String>,
}

/// One request of an admin to do something to one account.
pub(crate) struct Asked<'a> {
    pub(crate) admin: &'a Admin,
    pub(crate) word: &'static str,
    pub(crate) account: Result<AccountId, ApiError>,
}

impl AdminAdjust {
    /// Reads, carries out and answers one request; what becomes of it is recorded.
    ///
    /// `read` judges the request alone, in every mode, so that a slip is told while credits are
    /// off too; `order` may look at the books, and is only asked while credits count.
    pub(crate) async fn carry_out<R>(
        &self,
        asked: Asked<'_>,
        read: impl FnOnce(&AccountId) -> Result<R, ApiError>,
        order: impl AsyncFnOnce(&AccountId, R) -> Result<Order, ApiError>,
    ) -> Result<Response, ApiError> {
        let Asked { admin, word, account } = asked;
        let target = account.as_ref().ok().map(ToString::to_string);
        let mut operation = admin.operation(FUNCTION, word, target);
        let done = async {
            let account = account?;
            let request = read(&account)?;
            if admin.settings.mode == Mode::Off {
                return self.disabled(&operation).await;
            }
            let Order { action, details } = order(&account, request).await?;
            operation.details = details;
            // Boxed: the requests it makes make its future large.
            Box::pin(self.moved(admin, &account, action, &operation)).await
        };
        let done = done.await;
        if done.as_ref().is_err_and(|error| error.status().is_server_error()) {
            // It may have been done, with a record of this name, and only the answer was lost.
            operation.id = startup::new_ulid(admin.now);
        }
        self.deps.recorded(operation, done).await
    }

    async fn disabled(&self, operation: &Operation) -> Result<Response, ApiError> {
        let mut record = operation.clone();
        record.result = OperationResult::CreditsDisabled;
        self.deps.record(&record).await;
        Ok(credits_disabled(&record.action, record.target.as_deref()))
    }

    async fn moved(
        &self,
        admin: &Admin,
        account: &AccountId,
        action: Action,
        operation: &Operation,
    ) -> Result<Response, ApiError> {
        let command = Command { id: admin.operation, actor: admin.actor(), action };
        let submitted = self.submitted(admin, account, &command, operation).await?;
        let Submitted { receipt, recorded, turn } = submitted;
        let record = recorded_as(operation, &receipt, recorded);
        if !recorded {
            self.deps.record(&record).await;
        }
        let metadata_synced = self.projected(&receipt.account, recorded.then_some(turn), admin.now);
        let metadata_synced = metadata_synced.await;
        log(&record, metadata_synced);
        answer(&receipt, metadata_synced, admin.now)
    }

    /// The command, decided and committed with its record: one read and one transaction. An
    /// account that nobody has opened is opened first, if there is such a user or organization.
    async fn submitted(
        &self,
        admin: &Admin,
        account: &AccountId,
        command: &Command,
        operation: &Operation,
    ) -> Result<Submitted, ApiError> {
        let record = |receipt: &Receipt| recorded_as(operation, receipt, true).item();
        let beside = || Beside { record: Some(&record), projection: true };
        let store = &self.deps.store;
        let first = store.submit_beside(account, command, admin.now, beside()).await;
        let last = match first {
            Err(StoreError::Rejected(Rejection::NoAccount)) => {
                self.open(admin, account).await?;
                store.submit_beside(account, command, admin.now, beside()).await
            }
            first => first,
        };
        last.map_err(|error| refused(error, admin.now))
    }

    /// Shows the balance in the identity provider's metadata; whether it is there now.
    ///
    /// `turn` is what the movement came with. Without one nothing has moved now, but an earlier
    /// request whose answer was lost may have ended before its movement was shown: then it is.
    async fn projected(&self, account: &Account, turn: Option<Turn>, now: Timestamp) -> bool {
        let turn = match turn {
            Some(turn) => turn,
            None if self.is_shown(account).await => return true,
            None => Turn::NotAsked,
        };
        self.projector.current().await.now(account, turn, now).await
    }

    async fn is_shown(&self, account: &Account) -> bool {
        let found = self.deps.store.projection(&account.id).await;
        let found = found.inspect_err(|error| {
            let error = startup::error_chain(error);
            tracing::warn!(error, "it is not known whether the balance is shown");
        });
        let shown = found.ok().flatten().and_then(|found| found.projected);
        shown.is_some_and(|shown| shown >= account.balance.revision)
    }
}

/// The operation with what became of it. `committed` is false where nothing was written.
fn recorded_as(operation: &Operation, receipt: &Receipt, committed: bool) -> Operation {
    let mut record = operation.clone();
    record.result = match (receipt.replayed, committed) {
        (true, _) => OperationResult::Replayed,
        (false, true) => OperationResult::Done,
        (false, false) => OperationResult::Unchanged,
    };
    let available = receipt.account.balance.available;
    let mut tell = |name: &str, value: String| record.details.insert(name.to_owned(), value);
    if let Some(entry) = &receipt.entry {
        tell("entry", entry.id.to_string());
        tell("moved", entry.amount.to_string());
        if let Ok(before) = available.checked_sub(entry.amount)
            && !receipt.replayed
        {
            tell("before", before.to_string());
        }
    }
    tell("after", available.to_string());
    record
}

fn log(record: &Operation, metadata_synced: bool) {
    let moved = record.details.get("moved").map_or("0", String::as_str);
    tracing::info!(
        action = record.action,
        account = record.target,
        actor = record.actor,
        operation = %record.id,
        entry = record.details.get("entry"),
        moved,
        result = record.result.as_str(),
        metadata_synced,
        "an admin's operation is done"
    );
}

fn answer(receipt: &Receipt, metadata_synced: bool, now: Timestamp) -> Result<Response, ApiError> {
    let balance = ShownBalance::of(&receipt.account, now);
    let moved = Moved {
        balance: balance.map_err(|error| ApiError::internal(&error))?,
        entry: receipt.entry.as_ref().map(ShownEntry::of),
        metadata_synced,
        replayed: receipt.replayed,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(moved)).into_response())
}

/// Why the books refuse, told to an admin. That a balance is short is no question of payment here:
/// 409 with the numbers, where a user's call gets 402.
fn refused(error: StoreError, now: Timestamp) -> ApiError {
    match error {
        StoreError::Rejected(rejection @ Rejection::InsufficientCredits { .. }) => {
            let (code, detail) = (rejection.code(), rejection.to_string());
            let Rejection::InsufficientCredits { required, available } = rejection else {
                return ApiError::new(StatusCode::CONFLICT, code, detail);
            };
            ApiError::new(StatusCode::CONFLICT, code, detail)
                .with("required", required)
                .with("available", available)
        }
        StoreError::Rejected(Rejection::GrantKeyConflict) => {
            tracing::error!("one fact is claimed in two ways");
            startup::metric::count(now, "GrantKeyConflicts", &[], 1);
            Rejection::GrantKeyConflict.into()
        }
        error => admin::unreadable(error),
    }
}
