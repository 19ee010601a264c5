//! No log, metric or error contains a secret or a payload, whatever the services answer.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use local::binaries;
use testkit::{ALERTS_TOPIC, Binary, Call, Observed, schedule, scheduled};

use crate::subjects::{SUBJECTS, Subject};
use crate::world::{self, Failure, PAYLOAD, SECRET, forms};

/// Timeout of the functions, which use all of it except [`MARGIN_MS`]: short if they retry until
/// then.
pub(crate) const SHORT: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(30);
const MARGIN_MS: &str = "2000";
/// Maximum number of concurrent processes, which mostly wait.
pub(crate) const AT_ONCE: usize = 48;

/// Nothing listens there.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

impl Subject {
    /// The event with its canaries, and with the present time if it is from a schedule.
    fn event(&self) -> Vec<u8> {
        let path = testkit::events(self.function).join(format!("{}.json", self.fixture));
        let event = scheduled(&fs::read(path).unwrap(), schedule());
        let mut event = serde_json::from_slice(&event).unwrap();
        (self.fill)(&mut event);
        event.to_string().into_bytes()
    }

    /// Invokes the function with all services at this URL, and with these additional variables.
    pub(crate) async fn invoke(
        &self,
        url: &str,
        variables: &[(&str, &str)],
        timeout: Duration,
    ) -> Observed {
        let own: Vec<_> = self
            .variables
            .iter()
            .map(|(name, value)| (*name, value.replace("{url}", url)))
            .collect();
        let all = [
            ("AWS_ENDPOINT_URL", url),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_SESSION_TOKEN", SECRET),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
            ("DEADLINE_MARGIN_MS", MARGIN_MS),
            ("LOG_LEVEL", "trace"),
        ];
        let own = own.iter().map(|(name, value)| (*name, &**value));
        let all: Vec<_> = all.into_iter().chain(own).chain(variables.iter().copied()).collect();
        let path = binaries::function(self.function).unwrap();
        let mut binary = Binary::with_timeout(path.to_str().unwrap(), &all, timeout).await;
        binary.invoke(self.event()).await
    }

    /// Where canaries are: in lines of logs and metrics and in the error; secrets also in the
    /// answer. Payloads may be in an answer, because some answers are the documents.
    pub(crate) fn found(&self, observed: &Observed, case: &str) -> Vec<String> {
        let error = observed.answer.as_ref().err().map(ToString::to_string);
        let answer = observed.answer.iter().map(|body| String::from_utf8_lossy(body).into_owned());
        let lines = observed.stdout.iter().chain(&observed.stderr).chain(&error);
        let lines = lines.filter(|line| holds(line, PAYLOAD) || holds(line, SECRET)).cloned();
        let found = lines.chain(answer.filter(|answer| holds(answer, SECRET)));
        found.map(|line| format!("{} {}, {case}: {line}", self.function, self.fixture)).collect()
    }

    /// Invokes the function while the services fail like this. Returns where canaries were found,
    /// and whether a request contained one.
    async fn run(&self, failure: Failure, know: bool) -> (Vec<String>, bool) {
        let endpoint = world::start(failure, know).await;
        let url = if failure == Failure::Refused { NOWHERE } else { &*endpoint.url };
        // 403 is final, anything else may be temporary.
        let is_final = matches!(failure, Failure::Echo | Failure::Signature);
        let observed = self.invoke(url, &[], if is_final { LONG } else { SHORT }).await;
        let case = format!("{failure:?}, known: {know}");
        (self.found(&observed, &case), endpoint.calls().iter().any(has_canary))
    }
}

/// Builds missing binaries before anything waits for a deadline.
pub(crate) fn build() {
    for name in binaries::functions().unwrap() {
        binaries::function(&name).unwrap();
    }
}

fn holds(text: &str, canary: &str) -> bool {
    forms(canary).iter().any(|form| text.contains(form))
}

fn has_canary(call: &Call) -> bool {
    let headers = call.headers.values();
    let headers: String = headers.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    holds(&headers, SECRET) || holds(&String::from_utf8_lossy(&call.body), PAYLOAD)
}

#[tokio::test]
async fn no_secret_and_no_payload_is_in_logs_metrics_or_errors() {
    let functions: BTreeSet<_> = binaries::functions().unwrap().into_iter().collect();
    let names = SUBJECTS.iter().map(|subject| subject.function.to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), functions);
    build();
    let cases = SUBJECTS.iter().flat_map(|subject| {
        // If nothing listens, nothing is known.
        let failures = Failure::ALL.map(|failure| (failure, failure != Failure::Refused));
        failures.into_iter().chain([(Failure::Echo, false)]).map(move |(failure, know)| async move {
            (subject.function, subject.run(failure, know).await)
        })
    });
    let results: Vec<_> = stream::iter(cases).buffer_unordered(AT_ONCE).collect().await;
    let found: Vec<_> = results.iter().flat_map(|(_, (found, _))| found).collect();
    assert!(found.is_empty(), "{found:#?}");
    // The canaries did reach the services.
    let sent = results.iter().filter(|(_, (_, sent))| *sent);
    let sent: BTreeSet<_> = sent.map(|(function, _)| (*function).to_owned()).collect();
    let silent: Vec<_> = functions.difference(&sent).collect();
    assert_eq!(silent, ["log-metrics"], "it calls no service");
}
