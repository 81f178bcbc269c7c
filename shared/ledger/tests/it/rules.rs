//! The rules of the money, one row per rule and per boundary.

mod adjustments;
mod audit;
mod books;
mod buckets;
mod expiry;
mod freezing;
mod grants;
mod holds;
mod kinds;
mod names;
mod outcomes;
mod plans;
mod prices;
mod reversals;
