//! Tests over system boundaries: the store on an emulator, the functions in process, and journeys
//! over the real function processes of the local stack.

#![cfg(test)]

mod credits_me;
mod expire_holds;
mod harness;
mod store;
mod store_cold;
mod store_faults;
