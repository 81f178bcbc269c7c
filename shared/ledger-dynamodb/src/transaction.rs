//! One transaction: sent under a name, and its refusal read by position, never by its text.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::{
        TransactWriteItemsError, builders::TransactWriteItemsFluentBuilder,
    },
    types::{CancellationReason, TransactWriteItem},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::{
    error::StoreError,
    item::Item,
    retry::{Again, classify, is_transient},
    store::LedgerStore,
};

/// What a transaction came back with, other than success.
pub(crate) enum Cancelled {
    /// It is worth another attempt.
    Again(Again),
    /// Conditions failed: one reason per item, in the order they were sent.
    Reasons(Vec<CancellationReason>),
}

impl LedgerStore {
    /// A transaction that is the same request however often it is sent: `token` names it.
    pub(crate) fn transaction(
        &self,
        items: impl IntoIterator<Item = TransactWriteItem>,
        token: String,
    ) -> TransactWriteItemsFluentBuilder {
        self.client
            .transact_write_items()
            .set_transact_items(Some(items.into_iter().collect()))
            .client_request_token(token)
    }
}

/// Sends a transaction once. The outer error is final.
pub(crate) async fn send(
    request: TransactWriteItemsFluentBuilder,
) -> Result<Result<(), Cancelled>, StoreError> {
    match request.send().await {
        Ok(_) => Ok(Ok(())),
        Err(error) => cancelled(error).map(Err),
    }
}

/// A conflict or a throttle of any item means "again", whatever the other reasons say: they were
/// judged against a state that was about to change.
fn cancelled(
    error: SdkError<TransactWriteItemsError, HttpResponse>,
) -> Result<Cancelled, StoreError> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return classify(error).map(Cancelled::Again);
    };
    let reasons = cancelled.cancellation_reasons().to_vec();
    let codes = || reasons.iter().filter_map(CancellationReason::code);
    if codes().any(|code| code == "TransactionConflict") {
        return Ok(Cancelled::Again(Again::Conflict));
    }
    if codes().any(is_transient) {
        return Ok(Cancelled::Again(Again::Transient));
    }
    if codes().any(|code| code == CONDITION_FAILED) {
        return Ok(Cancelled::Reasons(reasons));
    }
    Err(StoreError::unavailable(error))
}

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// Whether the condition of the item sent at `position` failed.
pub(crate) fn failed(reasons: &[CancellationReason], position: usize) -> bool {
    reasons.get(position).and_then(CancellationReason::code) == Some(CONDITION_FAILED)
}

/// The item that made the condition at `position` fail; `None` if it held, or no item was there.
pub(crate) fn item_of(reasons: &[CancellationReason], position: usize) -> Option<&Item> {
    if !failed(reasons, position) {
        return None;
    }
    reasons.get(position)?.item()
}
