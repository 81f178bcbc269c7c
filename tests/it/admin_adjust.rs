//! `admin-adjust` in process: every route, on a real table, with a stand-in for Clerk.

mod account;
mod adjusting;
mod crowd;
mod entries;
mod freezing;
mod granting;
mod modes;
mod operations;
mod refunding;
mod start;
mod users;
mod world;
