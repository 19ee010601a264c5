//! The change of an amount between two periods.

use shared::cost::cents;

/// An amount that is displayed like this counts as nothing.
const NOTHING: &str = "0.00";
/// Maximum error of binary fractions in a sum.
const NOISE: f64 = 1e-6;

/// An amount in a period and in the period before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Change {
    pub(crate) cost: f64,
    pub(crate) before: f64,
}

/// The thresholds from which a rise is an alarm: both must be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Thresholds {
    /// `ALERT_PERCENT`
    pub(crate) percent: f64,
    /// `ALERT_USD`
    pub(crate) amount: f64,
}

impl Change {
    /// Whether both amounts are displayed as nothing.
    pub(crate) fn is_nothing(self) -> bool {
        cents(self.cost) == NOTHING && self.is_new()
    }

    fn is_new(self) -> bool {
        cents(self.before) == NOTHING
    }

    fn percent(self) -> f64 {
        (self.cost - self.before) / self.before.abs() * 100.0
    }

    /// Such as `(+25.0 %)`, or `(new)`.
    pub(crate) fn text(self) -> String {
        if self.is_nothing() {
            return "(+0.0 %)".to_owned();
        }
        if self.is_new() {
            return "(new)".to_owned();
        }
        // -0.0 is 0.
        let percent = (self.percent() * 10.0).round() / 10.0 + 0.0;
        format!("({percent:+.1} %)")
    }

    /// Whether the rise is an alarm. A new cost has no percentage.
    pub(crate) fn is_rise(self, thresholds: Thresholds) -> bool {
        let rise = self.cost - self.before;
        let is_much = rise > NOISE && rise + NOISE >= thresholds.amount;
        is_much && (self.is_new() || self.percent() + NOISE >= thresholds.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_in_percent_of_the_amount_before() {
        for (cost, before, expected) in [
            (87.5, 70.0, "(+25.0 %)"),
            (70.0, 70.0, "(+0.0 %)"),
            (69.99, 70.0, "(+0.0 %)"),
            (35.0, 70.0, "(-50.0 %)"),
            (0.0, 70.0, "(-100.0 %)"),
            (5.0, 0.0, "(new)"),
            (5.0, 0.004, "(new)"),
            (0.0, 0.0, "(+0.0 %)"),
            (0.004, 0.0, "(+0.0 %)"),
            (-5.0, 0.0, "(new)"),
            (-5.0, -10.0, "(+50.0 %)"),
            (5.0, -10.0, "(+150.0 %)"),
        ] {
            assert_eq!(Change { cost, before }.text(), expected, "{cost} after {before}");
        }
    }

    #[test]
    fn is_an_alarm_from_both_thresholds_on() {
        for (cost, before, expected) in [
            (60.0, 50.0, true),
            (59.99, 50.0, false),
            (120.0, 100.0, true),
            (119.9, 100.0, false),
            (100.0, 120.0, false),
            // New costs are compared by the amount alone.
            (10.0, 0.0, true),
            (9.99, 0.0, false),
            // 0.1 + 0.2 is a little more than 0.3, and 100.7 - 90.7 a little less than 10.
            (100.7 - 90.7, 0.0, true),
            (-5.0, -20.0, true),
        ] {
            let thresholds = Thresholds { percent: 20.0, amount: 10.0 };
            let change = Change { cost, before };
            assert_eq!(change.is_rise(thresholds), expected, "{cost} after {before}");
        }
        let none = Thresholds { percent: 0.0, amount: 0.0 };
        assert!(!Change { cost: 5.0, before: 5.0 }.is_rise(none));
        assert!(Change { cost: 5.01, before: 5.0 }.is_rise(none));
    }
}
