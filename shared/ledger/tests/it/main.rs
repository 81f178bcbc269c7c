//! The rules of the ledger as tests: text tables of what happens when, a plain model under random
//! sequences, and every interleaving of a few concurrent requests on one small account.

#[cfg(test)]
mod bank;
#[cfg(test)]
mod charges;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod plain_model;
#[cfg(test)]
mod plan_periods;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod table;
#[cfg(test)]
mod words;
