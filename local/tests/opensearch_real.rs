//! The real server's life: up, used, gone.

use local::opensearch::{Environment, Kind, Real};

#[tokio::test]
async fn a_real_server_comes_up_and_goes() {
    let environment = Environment::read();
    let mut said = Vec::new();
    let real = match Real::start(&environment, &mut |line| said.push(line.to_owned())).await {
        Ok(real) => real,
        Err(error) => {
            eprintln!("NOT RUN: no real OpenSearch, because {error}; {}", error.remedy());
            assert!(!environment.require_real, "SLUICE_REQUIRE_REAL=1");
            return;
        }
    };
    eprintln!("{said:?}");
    let client = local::opensearch::Client::new(real.url()).unwrap();
    let info = client.info().await.unwrap();
    assert_eq!((info.distribution.as_str(), info.version.as_str()), ("opensearch", "2.19.3"));
    assert_ne!(real.kind(), Kind::Embedded);
    real.stop().await;
    assert_eq!(client.info().await.unwrap_err().status(), None);
}
