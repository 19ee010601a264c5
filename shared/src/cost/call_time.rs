//! Time limits of calls.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::aws::CallFailure;

/// Maximum time of a call.
const MAX_CALL: Duration = Duration::from_secs(10);
/// Maximum time that is reserved for publishing a notice.
const MAX_PUBLISHING: Duration = Duration::from_secs(30);

/// The time for an invocation's calls: a call that hangs takes at most a third of it, so that the
/// others can still be made.
#[derive(Clone, Copy, Debug)]
pub struct CallTime {
    /// No call is started after this.
    pub until: Instant,
}

impl CallTime {
    /// Time that ends a margin before the deadline.
    #[must_use]
    pub fn new(deadline: Instant, margin: Duration) -> Self {
        Self { until: deadline.checked_sub(margin).unwrap_or_else(Instant::now) }
    }

    /// The time for calls before a notice is published: a sixth is reserved for publishing, at most
    /// 30 seconds.
    #[must_use]
    pub fn before_publishing(self) -> Self {
        Self::new(self.until, (self.left() / 6).min(MAX_PUBLISHING))
    }

    /// Whether it is too late to start a call.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// How long a call that starts now may take.
    #[must_use]
    pub fn limit(self) -> Duration {
        (self.left() / 3).min(MAX_CALL)
    }

    /// Returns the result of a call, which is abandoned when it takes too long.
    ///
    /// # Errors
    /// The error of the call; with the code `Timeout` if it was abandoned, and `Deadline` if it was
    /// not started.
    pub async fn call<T>(
        self,
        call: impl Future<Output = Result<T, CallFailure>>,
    ) -> Result<T, CallFailure> {
        let failure = |code: &str, message: &str| CallFailure {
            code: Some(code.to_owned()),
            message: message.to_owned(),
        };
        if self.is_over() {
            return Err(failure("Deadline", "not started so shortly before the deadline"));
        }
        let called = timeout(self.limit(), call).await;
        called.unwrap_or_else(|_| Err(failure("Timeout", "no answer in time")))
    }

    /// The time in which calls can still be started.
    #[must_use]
    pub fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn code(result: Result<(), CallFailure>) -> String {
        result.unwrap_err().code.unwrap()
    }

    #[test]
    fn a_call_that_hangs_leaves_time_for_the_others() {
        testkit::on_paused_clock(async {
            let started = Instant::now();
            let time = CallTime::new(started + Duration::from_secs(62), Duration::from_secs(2));
            assert_eq!(code(time.call(pending()).await), "Timeout");
            assert_eq!(started.elapsed(), Duration::from_secs(10));
            tokio::time::advance(Duration::from_secs(41)).await;
            let again = Instant::now();
            assert_eq!(code(time.call(pending()).await), "Timeout");
            assert_eq!(again.elapsed(), Duration::from_secs(3));
            assert_eq!(time.call(ready(Ok(7))).await, Ok(7));
            assert_eq!(time.before_publishing().left(), Duration::from_secs(5));
            tokio::time::advance(Duration::from_secs(6)).await;
            assert!(time.is_over());
            assert_eq!(code(time.call(ready(Ok(()))).await), "Deadline");
        });
    }
}
