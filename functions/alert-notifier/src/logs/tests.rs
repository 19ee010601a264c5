use std::cell::RefCell;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{CallFailure, LogFailure, LogLine, LogPage, LogSearch, Logs, last_errors, log_group};

/// Pages of lines with these times. `None` is a failure.
struct Pages {
    times: Vec<Option<Vec<u64>>>,
    each_takes: Duration,
    asked: RefCell<Vec<Option<String>>>,
}

fn search(changed_ms: u64, evaluated_ms: u64) -> LogSearch {
    LogSearch::new("plays", log_group("plays"), None, changed_ms, evaluated_ms)
}

impl Pages {
    fn new(pages: &[Option<&[u64]>]) -> Self {
        let times = pages.iter().map(|page| page.map(<[u64]>::to_vec)).collect();
        Self { times, each_takes: Duration::from_millis(100), asked: RefCell::default() }
    }

    async fn last(&self, max: usize) -> Result<Vec<u64>, LogFailure> {
        let until = Instant::now() + Duration::from_secs(1);
        let search = search(1_732_204_840_989, 300_000);
        let lines = last_errors(self, &search, max, until).await?;
        Ok(lines.into_iter().map(|line| line.at_ms).collect())
    }
}

impl Logs for Pages {
    async fn page(&self, _: &LogSearch, next: Option<&str>) -> Result<LogPage, CallFailure> {
        sleep(self.each_takes).await;
        let at = next.map_or(0, |next| next.parse().unwrap());
        self.asked.borrow_mut().push(next.map(str::to_owned));
        let refused = || CallFailure { code: None, message: "no".to_owned() };
        let times = self.times[at].as_ref().ok_or_else(refused)?;
        let line =
            |at_ms: &u64| LogLine { at_ms: *at_ms, id: at_ms.to_string(), ..LogLine::default() };
        let next = (at + 1 < self.times.len()).then(|| (at + 1).to_string());
        Ok(LogPage { lines: times.iter().map(line).collect(), next })
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_lines_are_found_in_any_order() {
    let oldest_first = Pages::new(&[Some(&[1, 2, 3]), Some(&[]), Some(&[4, 5]), Some(&[6])]);
    assert_eq!(oldest_first.last(3).await, Ok(vec![4, 5, 6]));
    assert_eq!(oldest_first.asked.borrow().len(), 4);
    let latest_first = Pages::new(&[Some(&[]), Some(&[6, 5]), Some(&[4, 3]), Some(&[2, 1])]);
    assert_eq!(latest_first.last(3).await, Ok(vec![4, 5, 6]));
    // Earlier pages are not requested.
    assert_eq!(latest_first.asked.borrow().len(), 3);
    assert_eq!(Pages::new(&[Some(&[2])]).last(3).await, Ok(vec![2]));
    assert_eq!(Pages::new(&[Some(&[])]).last(3).await, Ok(vec![]));
    // A duplicate line is returned once.
    assert_eq!(Pages::new(&[Some(&[2, 1]), Some(&[2, 1])]).last(3).await, Ok(vec![1, 2]));
}

#[tokio::test(start_paused = true)]
async fn the_total_time_is_bounded() {
    let empty: &[u64] = &[];
    let endless = Pages::new(&vec![Some(empty); 100]);
    let started = Instant::now();
    assert_eq!(endless.last(3).await, Err(LogFailure::Late));
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    // If the first lines come first, those found so far may not be the last.
    let mut oldest_first = vec![Some(&[1, 2][..])];
    oldest_first.resize(100, Some(empty));
    assert_eq!(Pages::new(&oldest_first).last(3).await, Err(LogFailure::Late));
    let mut one = vec![Some(&[1][..])];
    one.resize(100, Some(empty));
    assert_eq!(Pages::new(&one).last(3).await, Ok(vec![1]));
    let mut latest_first = vec![Some(&[2, 1][..])];
    latest_first.resize(100, Some(empty));
    assert_eq!(Pages::new(&latest_first).last(3).await, Ok(vec![1, 2]));
}

#[tokio::test(start_paused = true)]
async fn lines_that_were_found_before_a_page_fails_are_shown_if_they_may_be_the_last() {
    let refused = CallFailure { code: None, message: "no".to_owned() };
    for (pages, expected) in [
        (vec![None], Err(LogFailure::Call(refused.clone()))),
        (vec![Some(&[][..]), None], Err(LogFailure::Call(refused.clone()))),
        (vec![Some(&[1, 2][..]), None], Err(LogFailure::Call(refused))),
        (vec![Some(&[1][..]), None], Ok(vec![1])),
        (vec![Some(&[2, 1][..]), None], Ok(vec![1, 2])),
    ] {
        assert_eq!(Pages::new(&pages).last(3).await, expected, "{pages:?}");
    }
}

#[test]
fn the_search_is_around_the_time_of_the_alarm() {
    let plays = search(1_732_204_840_989, 300_000);
    // 16 minutes and the five that the alarm evaluated.
    assert_eq!(plays.from_ms, 1_732_204_840_989 - 21 * 60_000);
    assert_eq!(plays.to_ms, 1_732_204_840_989 + 60_000);
    assert!(plays.starts_from_end());
    assert!(!search(1_570_035_880_989, 0).starts_from_end());
    assert_eq!(search(u64::MAX, u64::MAX).to_ms, u64::MAX);
    assert_eq!(search(5, 5).from_ms, 0);
}

/// A page of one line for each stream.
struct Streams(&'static [&'static str]);

impl Logs for Streams {
    async fn page(&self, _: &LogSearch, _: Option<&str>) -> Result<LogPage, CallFailure> {
        let line = |(at_ms, stream): (u64, &&str)| LogLine {
            at_ms,
            id: String::new(),
            text: (*stream).to_owned(),
            stream: (*stream).to_owned(),
        };
        Ok(LogPage { lines: (0..).zip(self.0).map(line).collect(), next: None })
    }
}

#[tokio::test(start_paused = true)]
async fn lines_of_other_functions_are_ignored() {
    let streams = Streams(&[
        "2024/03/01/plays[$LATEST]01",
        "2024/03/01/plays-2[$LATEST]01",
        "2024/03/01/likes[7]01",
        "2024/03/01/[$LATEST]01",
        "2024/03/01/plays[7]02",
        "",
    ]);
    for (group, expected) in [
        ("/platform/shared", &[0, 4][..]),
        ("/aws/lambda/tenant-a", &[0, 4]),
        // In the function's own group, streams need not name it.
        ("/aws/lambda/plays", &[0, 3, 4, 5]),
    ] {
        let search = LogSearch::new("plays", group.to_owned(), None, 0, 0);
        let until = Instant::now() + Duration::from_secs(1);
        let lines = last_errors(&streams, &search, 5, until).await.unwrap();
        let times: Vec<u64> = lines.iter().map(|line| line.at_ms).collect();
        assert_eq!(times, expected, "{group}");
    }
}
