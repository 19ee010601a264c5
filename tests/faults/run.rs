//! Runs the calls of a function with the faults: one process for each cell of the tables.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use local::binaries;
use local::door::Door;
use local::runtime_api::{FunctionOptions, InvokeError};
use serde_json::json;
use testkit::{
    Binary, FUNCTION_NAME, Observed, events, google_credentials, now_ms, schedule, scheduled,
    with_times,
};
use tokio::sync::Semaphore;

use crate::answers;
use crate::fault::{Fault, MARKER, OF_CALLS, OF_SERVICES};
use crate::gate::{Gate, TRUSTED};
use crate::table::{Call, Clock, Expected, Function, Scene};

/// Maximum number of concurrent cells, most of which wait.
const AT_ONCE: usize = 96;

/// The last part of a function's timeout, in which it starts no work.
const MARGIN_MS: &str = "2000";

const TEN_YEARS_MS: u64 = 10 * 365 * 86_400_000;

/// AWS services whose names in `AWS_ENDPOINT_URL_…` are not those of their permissions.
const ENDPOINTS: &[(&str, &str)] = &[
    ("ce", "COST_EXPLORER"),
    ("elasticloadbalancing", "ELASTIC_LOAD_BALANCING_V2"),
    ("es", "OPENSEARCH"),
    ("logs", "CLOUDWATCH_LOGS"),
    ("secretsmanager", "SECRETS_MANAGER"),
    ("tag", "RESOURCE_GROUPS_TAGGING_API"),
];

/// The answer to `GetSecretValue` with the credentials for Google.
pub(crate) const GOOGLE_SECRET: &str = "the credentials for Google";

/// Services whose URLs are in variables and answers, as in `{opensearch}`.
const ELSEWHERE: &[&str] = &["bigquery", "chat", "google", "opensearch", "prefect", "tsdb"];

/// Runs all cells of these functions, and fails with all errors.
pub(crate) async fn run(functions: &[&Function]) {
    let scenes = functions
        .iter()
        .flat_map(|function| function.scenes.iter().flat_map(|scene| Cell::all(function, scene)));
    let (cells, turns): (Vec<_>, _) = (scenes.collect(), Semaphore::new(AT_ONCE));
    let results = join_all(cells.iter().map(async |cell| {
        let _turn = turns.acquire().await.unwrap();
        cell.run().await
    }));
    let wrong: Vec<_> = results.await.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} of {} cells:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
}

/// A cell of the tables.
struct Cell<'a> {
    function: &'a Function,
    scene: &'a Scene,
    /// The fault, and the call that it affects.
    met: Option<(Fault, &'a Call)>,
    clock: Clock,
}

impl<'a> Cell<'a> {
    fn all(function: &'a Function, scene: &'a Scene) -> Vec<Self> {
        let cell = |met, clock| Self { function, scene, met, clock };
        let mut cells = vec![cell(None, Clock::Right), cell(None, Clock::Past)];
        // Other scenes depend on their deadline.
        if scene.name == function.scenes[0].name {
            cells.push(cell(None, Clock::FarAhead));
        }
        let mut services = BTreeSet::new();
        for call in scene.calls {
            let mut faults: Vec<_> = OF_CALLS.iter().map(|(fault, _)| *fault).collect();
            // If a service cannot be reached, its first call fails.
            if services.insert(answers::service(call.name)) {
                faults.extend(OF_SERVICES);
            }
            cells.extend(faults.into_iter().map(|fault| cell(Some((fault, call)), Clock::Right)));
        }
        cells
    }

    async fn run(&self) -> Result<(), String> {
        let result = match self.met {
            Some((fault, call)) => self.meet(fault, call).await,
            None => self.go_well().await,
        };
        let met = self.met.map(|(fault, call)| (call.name, fault));
        let Self { function: Function { name, .. }, scene, clock, .. } = self;
        let place = format!("{name}, {}, {met:?}, clock {clock:?}", scene.name);
        result.map_err(|wrong| format!("{place}: {wrong}"))
    }

    /// Runs an invocation without a fault, which makes the calls of the scene.
    async fn go_well(&self) -> Result<(), String> {
        let gates = Gates::start(self).await;
        let observed = self.binary(&gates).await.invoke(self.event()).await;
        if self.clock == Clock::Past {
            return check(&observed, self.scene.late);
        }
        check(&observed, self.scene.healthy)?;
        let calls = gates.take_calls();
        let made: BTreeSet<_> = calls.iter().map(String::as_str).collect();
        let known: BTreeSet<_> = self.scene.answers.iter().map(|(name, _)| *name).collect();
        let rows = self.scene.calls.iter().map(|call| call.name).collect::<BTreeSet<_>>();
        if made.is_subset(&known) && rows.is_subset(&made) {
            return Ok(());
        }
        Err(format!("the calls are {made:?}, the answers {known:?}, the rows {rows:?}"))
    }

    /// Runs an invocation whose call has a fault, and then one without.
    async fn meet(&self, fault: Fault, call: &Call) -> Result<(), String> {
        let mut gates = Gates::start(self).await;
        let mut binary = self.binary(&gates).await;
        let is_called = |gates: &Gates| gates.take_calls().iter().any(|name| name == call.name);

        let observed = binary.invoke(self.event()).await;
        if fault != Fault::Refused && !is_called(&gates) {
            return Err(format!("it is not called: {}", shown(&observed)));
        }
        let harmed = call.harmed_by(fault);
        check(&observed, harmed.unwrap_or(self.scene.healthy))?;
        if harmed.is_some() && !call.is_exception(fault) {
            call.check_log(fault, &observed)?;
        }

        gates.heal(self.scene);
        let observed = binary.invoke(self.event()).await;
        check(&observed, self.scene.healthy).map_err(|wrong| format!("healed: {wrong}"))?;
        // Work that was not done is done now.
        if harmed.is_some() && !call.is_dispensable && !is_called(&gates) {
            return Err("healed: it is not called again".to_owned());
        }
        Ok(())
    }

    fn event(&self) -> Vec<u8> {
        if let Some(name) = self.scene.event.strip_prefix('@') {
            let path = events(self.function.name).join(format!("{name}.json"));
            return scheduled(&std::fs::read(path).unwrap(), schedule());
        }
        with_times(self.scene.event, schedule()).into_bytes()
    }

    async fn binary(&self, gates: &Gates) -> Binary {
        let own = [
            ("AWS_ENDPOINT_URL", &*gates.others_url),
            ("SSL_CERT_FILE", TRUSTED),
            ("DEADLINE_MARGIN_MS", MARGIN_MS),
        ];
        let variables = own.iter().chain(self.function.variables).chain(self.scene.variables);
        let resolved = |(name, value): &(&str, &str)| ((*name).to_owned(), gates.resolve(value));
        let mut environment: Vec<_> = variables.map(resolved).collect();
        if let Some(service) = gates.service.filter(|service| !ELSEWHERE.contains(service)) {
            let known = ENDPOINTS.iter().find(|(own, _)| *own == service);
            let name = known.map_or(service, |(_, name)| *name).to_uppercase().replace('-', "_");
            environment.push((format!("AWS_ENDPOINT_URL_{name}"), gates.target_url.clone()));
        }
        let deadline_ms = match self.clock {
            Clock::Right => None,
            Clock::Past => Some(now_ms() - 1),
            Clock::FarAhead => Some(now_ms() + TEN_YEARS_MS),
        };
        let path = binaries::function(self.function.name).unwrap();
        let options = FunctionOptions::new(FUNCTION_NAME, path);
        let timeout = Duration::from_secs(self.function.seconds);
        let options = FunctionOptions { environment, timeout, deadline_ms, ..options };
        Binary::with_options(options).await
    }
}

/// The servers of a cell: one for the service whose call has the fault, and one for all others.
struct Gates {
    service: Option<&'static str>,
    target: Gate,
    target_url: String,
    others: Gate,
    others_url: String,
    /// In front of the target, if connections to it are refused.
    door: Option<Door>,
}

impl Gates {
    async fn start(cell: &Cell<'_>) -> Self {
        let [target, others] = [Gate::start().await, Gate::start().await];
        let fault = cell.met.map(|(fault, _)| fault);
        let door = (fault == Some(Fault::Refused))
            .then(|| Door::closed(&format!("http://{}", target.host)).unwrap());
        let is_tls = matches!(fault, Some(Fault::SelfSigned | Fault::PlainText));
        let scheme = if is_tls { "https" } else { "http" };
        let target_url = format!("{scheme}://{}", target.host);
        let gates = Self {
            service: cell.met.map(|(_, call)| answers::service(call.name)),
            target_url: door.as_ref().map_or(target_url, Door::url),
            others_url: format!("http://{}", others.host),
            target,
            others,
            door,
        };
        gates.target.set_fault(cell.met.map(|(fault, call)| (fault, call.name)));
        gates.set_answers(cell.scene);
        gates
    }

    fn set_answers(&self, scene: &Scene) {
        let answer = |(name, text): &(&'static str, &str)| {
            (*name, with_times(&self.resolve(text), schedule()))
        };
        let answers: Vec<_> = scene.answers.iter().map(answer).collect();
        self.target.set_answers(answers.clone());
        self.others.set_answers(answers);
    }

    /// A text with the URLs of services, such as `{opensearch}`, and with the host of a service
    /// that is identified by its host alone, `{host}`.
    fn resolve(&self, text: &str) -> String {
        let text = text.replace("{host}", &self.others.host);
        if text == GOOGLE_SECRET {
            let credentials = google_credentials(&self.resolve("{google}"));
            return json!({"Name": "google", "SecretString": credentials}).to_string();
        }
        ELSEWHERE.iter().fold(text, |text, service| {
            let is_target = self.service == Some(service);
            let url = if is_target { &self.target_url } else { &self.others_url };
            text.replace(&format!("{{{service}}}"), url)
        })
    }

    fn heal(&mut self, scene: &Scene) {
        self.target.set_fault(None);
        self.set_answers(scene);
        if let Some(door) = &mut self.door {
            door.open().unwrap();
        }
        drop(self.take_calls());
    }

    /// The names of the calls since the last time.
    fn take_calls(&self) -> Vec<String> {
        [self.target.take_calls(), self.others.take_calls()].concat()
    }
}

/// Fails unless the invocation ended with the function's own answer or error, as expected, and
/// without a body in its log.
fn check(observed: &Observed, expected: &[Expected]) -> Result<(), String> {
    match &observed.answer {
        Ok(_) | Err(InvokeError::Function { .. }) => {}
        Err(error) => return Err(format!("{error}: {:?}", observed.stderr)),
    }
    let error = observed.answer.as_ref().err().map(ToString::to_string);
    let said = observed.stdout.iter().chain(&observed.stderr).chain(&error);
    if let Some(line) = said.into_iter().find(|line| line.contains(MARKER)) {
        return Err(format!("a body is logged: {line}"));
    }
    let unmet = expected.iter().find(|expected| !expected.is_met(observed));
    unmet.map_or(Ok(()), |unmet| Err(format!("no {unmet:?}: {}", shown(observed))))
}

/// The answer, the log and the metrics.
fn shown(observed: &Observed) -> String {
    let Observed { answer, stdout, stderr, .. } = observed;
    let answer = answer.as_ref().map(|answer| String::from_utf8_lossy(answer).into_owned());
    format!("{answer:?}\n{}\n{}", stderr.join("\n"), stdout.join("\n"))
}
