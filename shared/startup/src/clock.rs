//! Where the time of a request comes from. Production reads the system's clock; a test holds it
//! still or moves it by hand, so that nothing has to sleep to be right.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

/// A source of the current time that can be replaced in tests. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    pub fn system() -> Clock {
        Clock::from_fn(Timestamp::now)
    }

    /// A clock that always says `at`.
    pub fn fixed(at: Timestamp) -> Clock {
        Clock::from_fn(move || at)
    }

    /// A clock that says whatever `read` returns at the moment it is asked.
    pub fn from_fn(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(read))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_still_and_the_system_clock_does_not_go_back() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(Clock::fixed(at).now(), at);
        let system = Clock::system();
        assert!(system.now() <= system.now());
    }
}
