//! Which minutes of one shard a run looks through, in which order, and how far it then is.

use std::collections::BTreeSet;

use crate::minute::Minute;

/// How many minutes before a newly completed one are looked through again. The index follows the
/// table, in general within a second, but nothing promises it. A hold that appears in it late is
/// found at the next of these looks, the last of them after an hour. Looking through the whole
/// hour every minute instead would read every hold sixty times.
const LOOKS_AGAIN: [i64; 4] = [1, 5, 15, 60];

/// How far after the last minute that is over the minute under way is. It is looked through in
/// every run for the holds of it that have expired already, so that a hold has its outcome within
/// a minute of its expiry and not within two. No run completes it: it is not over.
const UNDER_WAY: i64 = 1;

/// What counts as recent, and is looked through before any backlog: the hour the index is given.
const RECENT_MINUTES: i64 = 60;

/// Older minutes one run takes on, oldest first. An hour a minute catches up with an outage of a
/// day within half an hour, and keeps a run short enough to be paid for by a small function.
const BACKLOG_MINUTES: i64 = 60;

/// Where the first run ever starts: a day and the default life of a hold ago. The job is deployed
/// with the tables, so there is nothing older; the day is for somebody who noticed the next
/// morning that its schedule was never on.
const FIRST_RUN_MINUTES: i64 = 24 * 60 + 20;

/// The minutes of one shard for one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    completed: Option<Minute>,
    first_new: Minute,
    last: Minute,
    minutes: Vec<Minute>,
}

impl Plan {
    /// The plan up to `last`, the last minute that is over, and the one under way behind it, after
    /// `completed`.
    pub(crate) fn new(completed: Option<Minute>, last: Minute) -> Self {
        let first_new = match completed {
            None => last.earlier(FIRST_RUN_MINUTES),
            Some(completed) if completed < last => completed.later(1),
            // An event that came twice or late, or one after an event of a wrong time.
            Some(_) => last.earlier(RECENT_MINUTES),
        };
        let first_recent = first_new.max(last.earlier(RECENT_MINUTES));
        let mut recent: BTreeSet<Minute> = first_recent.to(last).collect();
        for again in LOOKS_AGAIN {
            let looked_at_before = |minute: &Minute| *minute < first_new;
            let minutes = first_recent.to(last).map(|minute| minute.earlier(again));
            recent.extend(minutes.filter(looked_at_before));
        }
        recent.insert(last.later(UNDER_WAY));
        let last_of_backlog = first_recent.min(first_new.later(BACKLOG_MINUTES)).earlier(1);
        let minutes = recent.into_iter().chain(first_new.to(last_of_backlog)).collect();
        Self { completed, first_new, last, minutes }
    }

    /// The minutes to look through, the most urgent first: what is recent, then the backlog.
    pub(crate) fn minutes(&self) -> &[Minute] {
        &self.minutes
    }

    /// The minute up to which everything has ended, given the `clean` minutes: those looked
    /// through with no hold left open. `None` if that is no progress.
    pub(crate) fn reached(&self, clean: &BTreeSet<Minute>) -> Option<Minute> {
        let mut again = self.minutes.iter().filter(|minute| **minute < self.first_new);
        if !again.all(|minute| clean.contains(minute)) {
            return None;
        }
        let new = self.first_new.to(self.last);
        let reached = new.take_while(|minute| clean.contains(minute)).last();
        reached.filter(|reached| self.completed.is_none_or(|completed| completed < *reached))
    }

    /// How many minutes are not complete after `reached`.
    pub(crate) fn minutes_behind(&self, reached: Option<Minute>) -> u64 {
        let complete = reached.or(self.completed);
        self.last.since(complete.unwrap_or_else(|| self.first_new.earlier(1)))
    }
}

#[cfg(test)]
mod tests;
