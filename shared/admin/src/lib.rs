//! What every function for admins shares: who is an admin, the settings they all need, how what an
//! admin does is recorded, and how an edit is made on the version that was seen.
//!
//! A route takes [`Admin`] as its first argument and is thereby closed to everybody else.

#![deny(missing_docs)]

mod admin;
mod edit;
mod limit;
#[cfg(test)]
mod minted;
mod rule;
mod settings;

pub use self::{
    admin::{Admin, AdminDeps, TableError, credits_disabled, unreadable},
    edit::{IfMatch, changed_meanwhile, etag},
    limit::Limit,
    rule::{AdminRule, InvalidAdminRule},
    settings::{InvalidSetting, Settings, keep_current},
};
