//! The bulk sync in process: runs over a real table, a stand-in for Clerk and a queue.

mod asking;
mod crashes;
mod credits;
mod lists;
mod running;
mod world;
