//! The directory on a real table: users, subscriptions, plans, operations, rates.

mod operations;
mod plans;
mod rates;
mod recorded;
mod subscriptions;
mod users;
mod users_pages;

use aws_sdk_dynamodb::types::AttributeValue;
use directory::{Directory, UserFacts};
use jiff::Timestamp;

use crate::harness::{Harness, account, later};

pub(crate) fn directory(books: &Harness) -> Directory {
    Directory::new(books.client.clone(), books.names.state.clone())
}

/// What the provider says about a user in its version of so many seconds after the test's time.
pub(crate) fn facts(id: &str, email: Option<&str>, version: i64) -> UserFacts {
    UserFacts {
        id: account(id),
        email: email.map(str::to_owned),
        name: Some(format!("version {version}")),
        created_at: later(-86_400),
        updated_at: later(version),
    }
}

/// Writes an item behind everybody's back.
pub(crate) async fn put(books: &Harness, attributes: &[(&str, AttributeValue)]) {
    let mut request = books.client.put_item().table_name(&books.names.state);
    for (name, value) in attributes {
        request = request.item(*name, value.clone());
    }
    request.send().await.unwrap();
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
