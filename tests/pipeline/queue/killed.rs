//! The function is killed while it works.

use std::collections::BTreeSet;
use std::time::Duration;

use local::opensearch::Fault;
use local::opensearch::embedded::Lasting;

use super::{HANG, Line, bodies_with_poison, expected};
use crate::account::assert_same;
use crate::run::metric;
use crate::servers::Server;

/// Killed repeatedly, after OpenSearch has written and before the function knows it: the events are
/// written again, and each is one document.
#[tokio::test]
async fn a_function_that_is_killed_after_writing_loses_and_doubles_nothing() {
    const DEATHS: u64 = 4;
    let server = Server::embedded().await;
    let line = Line::new("killed", 1_000).await;
    let sent = bodies_with_poison(66, 60);
    line.send(&sent).await;
    server.faults().fail(Fault::Slow(Duration::from_hours(1)), Lasting::Requests(4));
    let function = line.function(&server).await;
    let mapping = line.mapping(&function).await;
    let deaths = async {
        for death in 1..=DEATHS {
            // The embedded server writes before it waits, and counts the documents at once.
            while server.faults().bulk_requests() < death {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.client.count(&line.index).await.unwrap();
            function.kill().await;
        }
    };
    let work = async { tokio::join!(line.drained_by_the_clock(&mapping), deaths).0 };
    let report = tokio::time::timeout(HANG, work).await.unwrap();

    assert_eq!(report.failed_invocations, DEATHS);
    assert!(metric(&function, "DocumentsDuplicate") > 0, "what was written came again");
    let expected = expected(&sent);
    assert_same(line.ids(&server).await, expected.ids);
    let quarantined: BTreeSet<_> = line.quarantined().await.into_iter().collect();
    assert_same(quarantined, expected.quarantined);
    assert_eq!(line.count(&line.dead).await, 0);
}
