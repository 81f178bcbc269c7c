//! Tests over system boundaries: the store on an emulator, the functions in process, and journeys
//! over the real function processes of the local stack.

#![cfg(test)]

mod ai_guard;
mod credits_me;
mod expire_holds;
mod harness;
mod journeys;
mod retry_worker;
mod store;
mod store_answers;
mod store_claims;
mod store_cold;
mod store_faults;
mod store_prices;
mod store_time;
