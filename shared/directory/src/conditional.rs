//! Writes that are made only where what is there allows it, and what was there instead.

use aws_sdk_dynamodb::{
    operation::{
        put_item::{PutItemError, builders::PutItemFluentBuilder},
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};

use crate::{Directory, error::DirectoryError, item::Item};

/// What became of a conditional write.
#[derive(Debug)]
pub(crate) enum Written {
    /// It was made. After an update: the item as it now is.
    Done(Item),
    /// Its condition did not hold; with the item that is there, if any.
    Refused(Option<Item>),
}

/// Puts, on the condition that the request carries.
pub(crate) async fn put(request: PutItemFluentBuilder) -> Result<Written, DirectoryError> {
    let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
    let sent = request.return_values_on_condition_check_failure(all_old).send().await;
    let Err(error) = sent else { return Ok(Written::Done(Item::new())) };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => {
            Ok(Written::Refused(failed.item.clone()))
        }
        _ => Err(DirectoryError::unavailable(error)),
    }
}

/// Updates, on the condition that the request carries.
pub(crate) async fn update(request: UpdateItemFluentBuilder) -> Result<Written, DirectoryError> {
    let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
    let request = request.return_values(ReturnValue::AllNew);
    let error = match request.return_values_on_condition_check_failure(all_old).send().await {
        Ok(answer) => return Ok(Written::Done(answer.attributes.unwrap_or_default())),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            Ok(Written::Refused(failed.item.clone()))
        }
        _ => Err(DirectoryError::unavailable(error)),
    }
}

impl Directory {
    /// Writes all of it or nothing. `false`: a condition did not hold, or another writer is at the
    /// same items at this moment.
    pub(crate) async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<bool, DirectoryError> {
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        let Err(error) = request.send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                if cancelled.cancellation_reasons().iter().any(|reason| {
                    let lost = ["ConditionalCheckFailed", "TransactionConflict"];
                    reason.code().is_some_and(|code| lost.contains(&code))
                }) =>
            {
                Ok(false)
            }
            _ => Err(DirectoryError::unavailable(error)),
        }
    }
}
