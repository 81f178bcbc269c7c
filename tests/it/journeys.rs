//! Journeys over the real function processes of the local stack: what a user, an operator and a
//! crash do to a running Saldo.

mod admin;
mod admin_crowd;
mod admin_events;
mod admin_off;
mod calls;
mod clients;
mod crash;
mod crowd;
mod keyed;
mod switch;
mod sync;
pub(crate) mod town;
