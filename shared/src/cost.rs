//! What the functions that look after cost share: [`Prices`], money as text, resources that are to be
//! kept ([`Keep`]), what could not be read ([`NotRead`]), the time of a call ([`CallTime`]) and the
//! size of a notice ([`shortened`]).

mod call_time;
#[cfg(feature = "cost-explorer")]
mod explorer;
mod keep;
mod money;
mod not_read;
mod prices;
mod shortened;

pub use call_time::CallTime;
#[cfg(feature = "cost-explorer")]
pub use explorer::{
    Amount, COST_EXPLORER, CostError, CostExplorer, CostQuery, CostRequests, Costs, amount, invalid,
};
pub use keep::Keep;
pub use money::{cents, exact, usd};
pub use not_read::{NotRead, Unread};
pub use prices::{HOURS_PER_MONTH, Price, Prices};
pub use shortened::shortened;

/// The variables of every function for cost that has prices and keeps resources.
pub const VARIABLES: &[&str] = &["PRICES", "KEEP_TAG"];

/// The account in a function's ARN, `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`.
#[must_use]
pub fn account(function_arn: &str) -> &str {
    function_arn.split(':').nth(4).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_account_is_in_the_functions_arn() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:idle-resources:live";
        assert_eq!(super::account(arn), "123456789012");
        assert_eq!(super::account(""), "");
    }
}
