//! What every HTTP function of Saldo shares: one shape of error, bodies and queries that are
//! refused in that shape, and who the caller is.
//!
//! It knows axum and the ledger's refusals, and no cloud: the table and the platform are others'.

#![deny(missing_docs)]

mod auth;
mod error;
mod json;
mod jwks;
#[cfg(test)]
mod mint;
mod openai;
mod path;
mod query;
mod rejection;
mod service_key;
mod token;
mod token_refusal;
mod token_settings;
mod unreadable;

pub use auth::{Caller, authenticate, authenticate_to_read, authenticated_claims};
pub use error::{ApiError, method_not_allowed, not_found};
pub use json::{Json, RawBody, from_json};
pub use openai::openai_errors;
pub use path::Path;
pub use query::Query;
pub use service_key::{InvalidServiceKeys, KEY_PREFIX, Scope, Service, ServiceKeys};
pub use token::{Claims, Organization, TokenVerifier};
pub use token_settings::{InvalidTokenSettings, TokenSettings};
