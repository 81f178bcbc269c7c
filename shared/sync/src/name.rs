//! Names of what a run does to the books.
//!
//! A command's id makes it happen once. A step that is tried again has to come to the same id, so
//! it is made of the run and of what is done to whom, and not of chance.

use aws_lc_rs::digest;
use directory::runs::Run;
use ulid::Ulid;

/// The id of the command that does `what` in this run: the time at which its step became the next
/// one, which no try of it changes, and 80 bits of a digest.
///
/// The time keeps the account's entries in order; the digest cannot meet another id by accident.
pub(crate) fn command(run: &Run, what: &[&str]) -> Ulid {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&run.id.to_bytes());
    for part in what {
        // What ends a part cannot be in one: ids are visible ASCII.
        context.update(part.as_bytes());
        context.update(&[0]);
    }
    let digest = context.finish();
    let mut random = [0_u8; 16];
    for (to, from) in random.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    let milliseconds = u64::try_from(run.step_at.as_millisecond()).unwrap_or(0);
    Ulid::from_parts(milliseconds, u128::from_be_bytes(random))
}
