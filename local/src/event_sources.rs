//! What invokes functions besides HTTP: queues and schedules.

pub(crate) mod queue;
pub(crate) mod schedule;
#[cfg(test)]
mod tests;
