//! The costs of queries, by project, user and day.

use std::collections::BTreeMap;

use super::jobs::Job;
use crate::window::Day;

/// The bytes of a TiB.
const TIB: f64 = 1_099_511_627_776.0;

/// The name for the users beyond the most expensive ones.
const OTHER: &str = "other";

/// The on-demand price of scanning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    /// `BIGQUERY_USD_PER_TIB`: it differs by region.
    pub(crate) usd_per_tib: f64,
}

impl Price {
    /// The cost of these bytes, in USD.
    pub(crate) fn of(self, bytes: u64) -> f64 {
        self.usd_per_tib * tib(bytes)
    }

    /// The cost of a job, in USD; 0 with a reservation, which is paid whether a job uses it or not.
    pub(crate) fn of_job(self, job: &Job) -> f64 {
        if job.is_reserved { 0.0 } else { self.of(job.bytes_billed) }
    }
}

pub(crate) fn tib(bytes: u64) -> f64 {
    float(bytes) / TIB
}

#[expect(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
const fn float(bytes: u64) -> f64 {
    bytes as f64
}

/// The cost of a project on a day.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) usd: f64,
    pub(crate) bytes: f64,
    /// The most expensive users, and the sum of the others.
    pub(crate) users: Vec<(String, f64)>,
}

/// The cost of the jobs that ended on that day.
pub(crate) fn spent(jobs: &[Job], day: Day, price: Price, max_users: usize) -> Spent {
    let mut users = BTreeMap::<&str, u64>::new();
    let (mut billed, mut all) = (0_u64, 0_u64);
    for job in jobs.iter().filter(|job| job.ended.is_some_and(|ended| day.contains(ended))) {
        // Bytes are added rather than prices, so that the sum does not depend on the order.
        let paid = if job.is_reserved { 0 } else { job.bytes_billed };
        let user = users.entry(&job.user).or_default();
        *user = user.saturating_add(paid);
        billed = billed.saturating_add(paid);
        all = all.saturating_add(job.bytes_billed);
    }
    let mut users: Vec<_> = users.into_iter().collect();
    users.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let others = users.split_off(users.len().min(max_users));
    let sum = others.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    let rest = (!others.is_empty()).then_some((OTHER, sum));
    let users = users.into_iter().chain(rest);
    Spent {
        usd: price.of(billed),
        bytes: float(all),
        users: users.map(|(user, bytes)| (user.to_owned(), price.of(bytes))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    const DAY_MS: i64 = 1_795_824_000_000;
    const PRICE: Price = Price { usd_per_tib: 6.25 };

    /// A job that ended this many minutes after midnight.
    fn job(user: &str, minutes: i64, tib_billed: u64, is_reserved: bool) -> Job {
        let ms = (DAY_MS + minutes * 60_000).to_string();
        Job::read(&json!({
            "jobReference": {"jobId": "job_1"}, "user_email": user, "status": {"state": "DONE"},
            "statistics": {
                "creationTime": ms, "endTime": ms,
                "reservation_id": if is_reserved { "music:EU.default" } else { "" },
                "query": {"totalBytesBilled": (tib_billed << 40).to_string()},
            },
        }))
        .unwrap()
    }

    fn spent_on_the_day(jobs: &[Job], max_users: usize) -> Spent {
        let time = |ms| Timestamp::from_millisecond(ms).unwrap();
        let now = time(DAY_MS + 25_200_000);
        spent(jobs, Day { start: time(DAY_MS), end: now, stamp: now }, PRICE, max_users)
    }

    #[test]
    fn a_job_costs_its_billed_bytes_unless_it_is_reserved() {
        assert!((PRICE.of(10_485_760) - 0.000_059_604_644_775_390_625).abs() < 1e-15);
        let (paid, reserved) = (job("ada", 0, 2, false), job("ada", 0, 2, true));
        assert_eq!((PRICE.of_job(&paid), PRICE.of_job(&reserved)), (12.5, 0.0));
    }

    #[test]
    fn costs_are_summed_by_the_day_of_the_end() {
        let jobs = [
            job("ada", -1, 9, false),
            job("ada", 0, 1, false),
            job("bob", 420, 2, false),
            job("bob", 60, 4, true),
            job("ada", 421, 9, false),
        ];
        let users = vec![("bob".to_owned(), 12.5), ("ada".to_owned(), 6.25)];
        let bytes = 7.0 * TIB;
        assert_eq!(spent_on_the_day(&jobs, 20), Spent { usd: 18.75, bytes, users });
        assert_eq!(spent_on_the_day(&[], 20), Spent::default());
    }

    #[test]
    fn the_most_expensive_users_have_names() {
        let jobs: Vec<_> =
            (1..=4).map(|user| job(&format!("user{user}"), 60, user, false)).collect();
        for (max_users, expected) in [
            (4, vec![("user4", 25.0), ("user3", 18.75), ("user2", 12.5), ("user1", 6.25)]),
            (2, vec![("user4", 25.0), ("user3", 18.75), ("other", 18.75)]),
            (0, vec![("other", 62.5)]),
        ] {
            let spent = spent_on_the_day(&jobs, max_users);
            let users: Vec<_> = spent.users.iter().map(|(user, usd)| (&**user, *usd)).collect();
            assert_eq!(users, expected);
        }
    }
}
