//! Journeys over the real function processes of the local stack: what a user, an operator and a
//! crash do to a running Saldo.

mod calls;
mod clients;
mod crash;
mod crowd;
mod keyed;
mod switch;
pub(crate) mod town;
