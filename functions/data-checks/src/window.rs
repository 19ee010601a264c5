//! The window of time whose rows a check counts, the same at both ends.

use std::fmt;

use jiff::Timestamp;

const FROM: &str = "{from}";
const TO: &str = "{to}";

/// A window in whole seconds, which excludes its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Window {
    /// The window of `hours` that ends `delay_minutes` before `now`.
    pub(crate) fn new(now: Timestamp, hours: u64, delay_minutes: u64) -> Self {
        let before = |time: Timestamp, seconds: u64| {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            Timestamp::from_second(time.as_second().saturating_sub(seconds)).unwrap_or_default()
        };
        let to = before(now, delay_minutes * 60);
        Self { from: before(to, hours * 3_600), to }
    }

    /// Replaces `{from}` and `{to}` in a statement with times such as `'2026-11-28 07:00:00'`.
    pub(crate) fn fill(self, sql: &str) -> String {
        let quoted = |time: Timestamp| format!("'{}'", text(time));
        sql.replace(FROM, &quoted(self.from)).replace(TO, &quoted(self.to))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} to {} UTC", text(self.from), text(self.to))
    }
}

/// Whether a statement needs a window.
pub(crate) fn has_placeholder(sql: &str) -> bool {
    sql.contains(FROM) || sql.contains(TO)
}

/// A time in UTC, in the form that every database reads.
fn text(time: Timestamp) -> impl fmt::Display {
    time.strftime("%Y-%m-%d %H:%M:%S")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_a_delay_before_now() {
        let now = "2026-03-01T00:10:59.999Z".parse().unwrap();
        for (hours, delay, expected) in [
            (1, 0, "2026-02-28 23:10:59 to 2026-03-01 00:10:59 UTC"),
            (24, 15, "2026-02-27 23:55:59 to 2026-02-28 23:55:59 UTC"),
        ] {
            assert_eq!(Window::new(now, hours, delay).to_string(), expected);
        }
    }

    #[test]
    fn placeholders_become_quoted_times() {
        let window = Window::new("2026-11-28T07:00:00Z".parse().unwrap(), 24, 0);
        let sql = "SELECT COUNT(*) FROM plays WHERE at >= {from} AND at < {to} OR {to} IS NULL";
        assert!(has_placeholder(sql) && has_placeholder("{to}"));
        assert!(!has_placeholder("SELECT '{}', '{ from }', to"));
        assert_eq!(
            window.fill(sql),
            "SELECT COUNT(*) FROM plays WHERE at >= '2026-11-27 07:00:00' \
             AND at < '2026-11-28 07:00:00' OR '2026-11-28 07:00:00' IS NULL"
        );
    }
}
