//! The one way into the Ledger table: put what is not there yet. Never over anything.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::put_item::{PutItemError, PutItemOutput},
    types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure},
};

use crate::{error::StoreError, store::LedgerStore};

impl LedgerStore {
    /// A put of `item` into Ledger on the condition that its key is free. On a taken key the
    /// item that is there comes back, so that the caller can judge it.
    pub(crate) fn append(&self, item: HashMap<String, AttributeValue>) -> Result<Put, StoreError> {
        Put::builder()
            .table_name(&self.names.ledger)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(StoreError::unavailable)
    }

    /// Sends an append by itself: half the price of a transaction of one.
    pub(crate) async fn append_alone(
        &self,
        put: Put,
    ) -> Result<PutItemOutput, SdkError<PutItemError>> {
        self.client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_return_values_on_condition_check_failure(
                put.return_values_on_condition_check_failure,
            )
            .send()
            .await
    }
}
