//! The servers that the tests ask.

use local::sqs::{Client, Environment, Real};
use tokio::sync::OnceCell;

/// The ElasticMQ of this test binary. Where it cannot be had, that is said, and fails the test if
/// `SLUICE_REQUIRE_REAL` is 1.
pub(crate) async fn real() -> Option<Client> {
    // Nothing drops it; it ends with this process.
    static REAL: OnceCell<Option<Real>> = OnceCell::const_new();
    let real = REAL.get_or_init(|| async { start().await.ok() }).await;
    let Some(real) = real else {
        assert!(!Environment::read().require_real, "SLUICE_REQUIRE_REAL=1, and no real SQS");
        return None;
    };
    Some(Client::new(real.url()).unwrap())
}

/// Starts one, or says why there is none.
async fn start() -> Result<Real, ()> {
    let started = Real::start(&Environment::read(), &mut |line| eprintln!("{line}")).await;
    started.map_err(|error| {
        eprintln!("NOT RUN against a real SQS, because {error}; {}", error.remedy());
    })
}
