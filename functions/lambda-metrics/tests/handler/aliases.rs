//! Aliases with provisioned concurrency and replicas of Lambda@Edge, with scripted services.

use crate::MINUTE_MS;
use crate::support::app::{Cloud, Handler, LATEST_MS};

const UTILIZATION: &str = "ProvisionedConcurrencyUtilization";
const SPILLOVER: &str = "ProvisionedConcurrencySpillover";

#[tokio::test(start_paused = true)]
async fn aliases_have_the_highest_utilization_and_the_sum_of_spillover() {
    let cloud = Cloud::with(["plays", "skips", "likes"]);
    // The metric of the whole function counts the same calls again.
    for (function, resource) in [
        ("plays", Some("plays:live")),
        ("plays", Some("plays:7")),
        ("plays", None),
        ("skips", Some("skips:live")),
        ("unwatched", Some("unwatched:live")),
    ] {
        cloud.measure(UTILIZATION, function, resource);
    }
    for (resource, utilization, spillover) in [
        ("plays:live", 0.5, 4.0),
        ("plays:7", 0.75, 3.0),
        ("plays", 9.0, 9.0),
        ("skips:live", 0.25, 12.0),
    ] {
        cloud.set(&format!("{UTILIZATION} of {resource}"), LATEST_MS, utilization);
        cloud.set(&format!("{SPILLOVER}Invocations of {resource}"), LATEST_MS, spillover);
    }
    // In another minute, only one of the aliases, above 100 %.
    cloud.set(&format!("{UTILIZATION} of plays:7"), LATEST_MS - MINUTE_MS, 1.25);
    let observed = Handler::new(&cloud, &[]).run(0).await;
    assert_eq!(observed.requested(), 3 * 8 + 3 * 2 + 1);
    let of = |at_ms: u64, function: Option<&str>, metric: &str| {
        let lines = observed.metrics.iter().filter(|line| line["_aws"]["Timestamp"] == at_ms);
        let mut lines = lines.filter(|line| line["FunctionName"].as_str() == function);
        lines.find_map(|line| line[metric].as_f64())
    };
    for (function, utilization, spillover) in [
        (Some("plays"), Some(75.0), Some(7.0)),
        (Some("skips"), Some(25.0), Some(12.0)),
        (Some("likes"), None, None),
        (None, Some(75.0), Some(12.0)),
    ] {
        assert_eq!(of(LATEST_MS, function, UTILIZATION), utilization, "{function:?}");
        assert_eq!(of(LATEST_MS, function, SPILLOVER), spillover, "{function:?}");
    }
    for function in [Some("plays"), None] {
        assert_eq!(of(LATEST_MS - MINUTE_MS, function, UTILIZATION), Some(100.0));
        assert_eq!(of(LATEST_MS - MINUTE_MS, function, SPILLOVER), None);
    }
}

#[tokio::test(start_paused = true)]
async fn without_aliases_the_whole_function_is_read() {
    let cloud = Cloud::with(["plays"]);
    cloud.measure(UTILIZATION, "plays", None);
    cloud.set(&format!("{UTILIZATION} of plays"), LATEST_MS, 0.98);
    let mut handler = Handler::new(&cloud, &[]);
    let observed = handler.run(0).await;
    assert_eq!(observed.value(Some("plays"), UTILIZATION), Some(98.0));
    // Known aliases are kept if they cannot be read.
    cloud.failing.borrow_mut().insert("ListMetrics");
    cloud.set(&format!("{UTILIZATION} of plays"), LATEST_MS + 10 * MINUTE_MS, 0.5);
    let observed = handler.run(600).await;
    assert!(
        observed.unread().starts_with("ListMetrics of the provisioned concurrency"),
        "{observed:?}"
    );
    assert_eq!(observed.value(Some("plays"), UTILIZATION), Some(50.0));
}

const EDGE: &str = "us-east-1.redirector";

#[tokio::test(start_paused = true)]
async fn replicas_are_found_by_the_beginning_of_their_names() {
    for (names, expected) in [
        ("us-east-1.*", &[EDGE, "us-east-1.resizer"][..]),
        ("us-east-1.re*,us-east-1.other", &["us-east-1.other", EDGE, "us-east-1.resizer"]),
        ("us-east-1.red*,plays", &["plays", EDGE]),
        ("*", &["plays"]),
    ] {
        let cloud = Cloud::with(["plays"]);
        for name in ["plays", EDGE, "us-east-1.resizer", "eu-west-1.other"] {
            cloud.measure("Invocations", name, None);
            cloud.measure("Invocations", name, Some("a:1"));
        }
        for name in ["plays", EDGE, "us-east-1.resizer", "us-east-1.other", "eu-west-1.other"] {
            cloud.set(&format!("Throttles of {name}"), LATEST_MS, 1.0);
        }
        let mut handler = Handler::new(&cloud, &[("FUNCTION_NAMES", names)]);
        let observed = handler.run(0).await;
        let emitted: Vec<_> =
            observed.metrics.iter().filter_map(|line| line["FunctionName"].as_str()).collect();
        assert_eq!(emitted, expected, "{names}");
        // Known replicas stay watched if they cannot be listed.
        cloud.failing.borrow_mut().insert("ListMetrics");
        for name in expected {
            cloud.set(&format!("Throttles of {name}"), LATEST_MS + 10 * MINUTE_MS, 2.0);
        }
        let observed = handler.run(600).await;
        assert!(observed.unread().starts_with("ListMetrics"), "{observed:?}");
        for name in expected {
            assert_eq!(observed.value(Some(name), "Throttles"), Some(2.0), "{names}");
        }
    }
}
