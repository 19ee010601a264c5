//! Money.

/// An amount for people: `345.60 USD`.
#[must_use]
pub fn usd(amount: f64) -> String {
    format!("{} USD", cents(amount))
}

/// An amount for programs, without the error of binary fractions in a sum.
#[must_use]
pub fn exact(amount: f64) -> f64 {
    (amount * 10_000.0).round() / 10_000.0 + 0.0
}

/// An amount for people, without its currency. Half a cent is rounded up, even if its binary
/// fraction is slightly less; -0 becomes 0.
#[must_use]
pub fn cents(amount: f64) -> String {
    format!("{:.2}", ((amount * 10_000.0).round() / 100.0).round() / 100.0 + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_cents() {
        for (amount, expected) in [
            (345.6, "345.60 USD"),
            (0.0, "0.00 USD"),
            (-0.001, "0.00 USD"),
            (-12.5, "-12.50 USD"),
            (16.425, "16.43 USD"),
            // The double 1.005 is slightly less than 1.005.
            (1.005, "1.01 USD"),
            (1_001.0, "1001.00 USD"),
        ] {
            assert_eq!(usd(amount), expected);
        }
    }

    #[test]
    fn programs_read_sums_without_noise() {
        assert_eq!(exact(0.1 + 0.2).to_string(), "0.3");
        assert_eq!(exact(16.425).to_string(), "16.425");
        // The sum of no amounts.
        assert_eq!(exact(-0.0).to_string(), "0");
    }
}
