//! The embedded store and InfluxDB, checked with the same table of requests; and faults on demand.

#![cfg(test)]

use std::time::Duration;

use local::timeseries::{Choice, Client, Embedded, Fault, Lasting, Series, TimeSeries, panels};
use testkit::time_series_stores;

const DATABASE: &str = "sensors";

/// 2024-03-01T12:00:00Z in seconds.
const NOON: u64 = 1_709_294_400;

/// The stores that support `InfluxQL`, each empty.
async fn stores() -> Vec<TimeSeries> {
    let mut stores = time_series_stores().await;
    stores.retain(|store| !store.description().contains("Victoria"));
    stores
}

/// A line at this number of seconds after noon.
fn at(seconds: u64, line: &str) -> String {
    format!("{line} {}000000000", NOON + seconds)
}

#[tokio::test]
async fn lines_are_stored_or_refused_alike() {
    for store in stores().await {
        let (client, name) = (store.client(), store.description());
        for (lines, expected) in [
            (at(0, "line,line=L1,machine=a\\ b items=3,running=1"), 204),
            (at(0, "line,line=L1 items=-0.5E-3,note=\"a, \\\"b\\\" = c\""), 204),
            (at(0, "line,line=L1 items=123456789012345678901234567890"), 204),
            (String::new(), 204),
            (at(0, "line,line=L1 items=3i"), 400),
            (at(0, "line,line=L1 items=NaN"), 400),
            (at(0, "line,line=L1 items=1e400"), 400),
            (at(0, "line,line= items=1"), 400),
            (at(0, "line,line=a\\ items=1"), 400),
            (at(0, "line,line=L1"), 400),
            (at(0, "line,line=L1 items"), 400),
            ("line,line=L1 items=1 soon".to_owned(), 400),
            // The others are stored.
            (format!("{}\nnonsense\n{}", at(1, "part n=1"), at(2, "part n=2")), 400),
            (format!("{}\n{}\n", at(3, "part n=3i"), at(4, "part n=4")), 400),
        ] {
            let (status, text) = client.write(DATABASE, &lines).await.unwrap();
            assert_eq!(status, expected, "{name}: {lines}: {text}");
            assert_eq!(text.contains("error"), status == 400, "{name}: {text}");
        }
        let count = client.query(DATABASE, "SELECT count(n), sum(n) FROM part").await.unwrap();
        assert_eq!(count[0].rows, [(0, vec![Some(3.0), Some(7.0)])], "{name}");
        let (status, text) = client.write("missing", &at(0, "m a=1")).await.unwrap();
        assert_eq!(status, 404, "{name}: {text}");
        store.stop().await;
    }
}

/// Two machines of L1 and one of L2, in two minutes; points that are written again replace the
/// first ones.
fn filled() -> String {
    [
        at(0, "line,line=L1,machine=M1 items=1,defects=1,running=1,energy_kwh=0.5"),
        at(0, "line,line=L1,machine=M1 items=2,defects=0"),
        at(1, "line,line=L1,machine=M1 items=3,defects=1,running=0,energy_kwh=0.25"),
        at(59, "line,line=L1,machine=M2 items=4,running=1"),
        at(60, "line,line=L1,machine=M2 items=5,running=1"),
        at(10, "line,line=L2,machine=M3 items=0,defects=0,running=0"),
        // A minute apart from the others.
        at(190, "line,line=L2,machine=M3 items=8,defects=2,running=1"),
    ]
    .join("\n")
}

#[tokio::test]
async fn every_query_of_the_dashboard_is_answered_alike() {
    let mut answers: Vec<Vec<(String, Vec<Series>)>> = Vec::new();
    for store in stores().await {
        let client = store.client();
        assert_eq!(client.write(DATABASE, &filled()).await.unwrap().0, 204);
        let (from_ms, until_ms) = (NOON * 1_000, (NOON + 300) * 1_000);
        let mut queries: Vec<_> =
            panels().iter().map(|panel| panel.query(from_ms, until_ms)).collect();
        let some = format!("WHERE time >= {from_ms}ms and time < {until_ms}ms");
        queries.extend([
            format!("SELECT count(\"items\") FROM \"line\" {some} GROUP BY time(1m) fill(0)"),
            format!("SELECT sum(items) FROM line {some} GROUP BY time(1m), line"),
            format!("SELECT sum(items) / sum(defects) FROM line {some} GROUP BY line"),
            format!("SELECT sum(items), sum(defects), mean(items) FROM line {some}"),
            format!("SELECT sum(items) FROM line {some} AND \"line\" = 'L2'"),
            "SELECT last(items) FROM line".to_owned(),
            "SELECT last(items) FROM line WHERE time > '2024-03-01T12:00:59Z' GROUP BY machine"
                .to_owned(),
            "SELECT sum(items) FROM line WHERE time >= now() - 1h".to_owned(),
            "SELECT sum(items) FROM nothing".to_owned(),
            "SELECT sum(nothing) FROM line".to_owned(),
        ]);
        let mut answered = Vec::new();
        for query in queries {
            let found = client.query(DATABASE, &query).await;
            answered
                .push((query.clone(), found.unwrap_or_else(|error| panic!("{query}: {error}"))));
        }
        answers.push(answered);
        for wrong in ["SELECT", "SELECT sum(items) FROM", "SELECT sum(items) FROM line WHERE", "x"]
        {
            client.query(DATABASE, wrong).await.unwrap_err();
        }
        client.query("missing", "SELECT sum(items) FROM line").await.unwrap_err();
        client.drop(DATABASE).await.unwrap();
        client.query(DATABASE, "SELECT sum(items) FROM line").await.unwrap_err();
        store.stop().await;
    }
    let [embedded, real @ ..] = &answers[..] else { panic!("no store") };
    let throughput = &embedded[0].1;
    let rows: Vec<_> =
        throughput.iter().map(|series| (&*series.tags["line"], &series.rows)).collect();
    let minute = |number: i64| (i64::try_from(NOON).unwrap() + 60 * number) * 1_000_000_000;
    let row = |number, value| (minute(number), vec![Some(value)]);
    let [one, two] = [vec![row(0, 9.0), row(1, 5.0)], vec![row(0, 0.0), row(3, 8.0)]];
    assert_eq!(rows, [("L1", &one), ("L2", &two)]);
    for real in real {
        for (found, expected) in embedded.iter().zip(real) {
            assert_eq!(found, expected);
        }
    }
}

#[tokio::test]
async fn writes_fail_on_demand() {
    let store = Embedded::start().await.unwrap();
    let client = Client::new(store.url()).unwrap();
    client.create(DATABASE).await.unwrap();
    store.fail(Fault::Status(503), Lasting::Requests(1));
    store.fail(Fault::Drop, Lasting::Requests(2));
    store.fail(Fault::DropAfterWriting, Lasting::Requests(1));
    store.fail(Fault::Slow(Duration::from_millis(1)), Lasting::UntilCleared);
    let count = async || {
        let found = client.query(DATABASE, "SELECT count(n) FROM m").await.unwrap();
        found.first().map_or(0.0, |series| series.rows[0].1[0].unwrap())
    };
    assert_eq!(client.write(DATABASE, "m n=1 1").await.unwrap().0, 503);
    // The client sends it again on a new connection.
    client.write(DATABASE, "m n=1 2").await.unwrap_err();
    assert_eq!((count().await, store.writes()), (0.0, 3));
    assert_eq!(client.write(DATABASE, "m n=1 3").await.unwrap().0, 204, "sent twice, stored once");
    assert_eq!((count().await, store.writes()), (1.0, 5));
    store.clear_faults();
    assert_eq!(client.write(DATABASE, "m n=1 4").await.unwrap().0, 204);
    store.stop().await;
}

#[tokio::test]
async fn a_store_is_chosen() {
    let store = TimeSeries::start(Choice::Embedded, |_| {}).await.unwrap();
    assert_eq!(store.description(), "the embedded time series store");
    let url = Choice::Url(store.url().to_owned());
    let mut said = String::new();
    let other = TimeSeries::start(url, |line| said.push_str(line)).await.unwrap();
    assert!(said.contains("a store that speaks InfluxQL"), "{said}");
    assert_eq!(other.url(), store.url());
    store.stop().await;
    for url in ["http://user:password@127.0.0.1:9", "http://127.0.0.1:9"] {
        let error = TimeSeries::start(Choice::Url(url.to_owned()), |_| {}).await.unwrap_err();
        assert!(!error.to_string().contains("password"), "{error}");
    }
}
