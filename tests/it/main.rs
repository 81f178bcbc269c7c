//! Tests over system boundaries: the store on an emulator, the functions in process, and journeys
//! over the real function processes of the local stack.

#![cfg(test)]

mod admin_adjust;
mod admin_settings;
mod admin_sync;
mod ai_guard;
mod audit;
mod clerk;
mod credits_me;
mod directory;
mod expire_holds;
mod harness;
mod journeys;
mod projection;
mod retry_worker;
mod store;
mod store_answers;
mod store_beside;
mod store_claims;
mod store_cold;
mod store_faults;
mod store_keys;
mod store_lists;
mod store_plans;
mod store_price_books;
mod store_prices;
mod store_projection;
mod store_time;
