//! The functions that are watched, with what Lambda tells of them: read again every ten minutes,
//! and kept where that fails.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::join5;
use futures_util::stream::{self, StreamExt};
use shared::aws::CallFailure;
use tokio::time::{Instant, timeout_at};

use crate::failures::{Failures, late, wrong};
use crate::query::Measure;
use crate::services::{AccountLimits, Measured, Page, Services};
use crate::watch::{Settings, Watch, is_replica};

/// How old what is known may become.
const REFRESH_MS: u64 = 600_000;

/// So many functions are asked for their reserved concurrency in one run: Lambda answers 15
/// calls a second of this kind to all of an account (source: AWS Lambda Developer Guide, "Lambda
/// quotas").
const MAX_ASKED: usize = 150;
/// So many of them at the same time.
const ASKED_AT_ONCE: usize = 8;

/// What Lambda says of a function that was deleted since it was listed.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// More pages are no list.
const MAX_PAGES: usize = 1_000;

/// What is known of the watched functions.
#[derive(Debug, Default)]
pub struct Inventory {
    functions: BTreeMap<String, Settings>,
    reserved: HashMap<String, Reserved>,
    /// The aliases and versions with provisioned concurrency, by function.
    provisioned: BTreeMap<String, BTreeSet<Option<String>>>,
    limits: Option<AccountLimits>,
    read_at_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Reserved {
    concurrency: Option<u32>,
    read_at_ms: u64,
}

impl Inventory {
    /// The watched functions.
    #[must_use]
    pub const fn functions(&self) -> &BTreeMap<String, Settings> {
        &self.functions
    }

    /// The account's limits, if they are known.
    #[must_use]
    pub const fn limits(&self) -> Option<AccountLimits> {
        self.limits
    }

    /// The aliases and versions of a function that have provisioned concurrency.
    pub fn provisioned(&self, function: &str) -> impl Iterator<Item = Option<&str>> {
        let all = self.provisioned.get(function).into_iter().flatten().map(Option::as_deref);
        // Where CloudWatch also has the function as a whole, that is the same once more.
        let is_known = all.clone().any(|resource| resource.is_some());
        all.filter(move |resource| resource.is_some() || !is_known)
    }

    /// How many of a function can run at the same time: what it has for itself, else what the
    /// account's functions share. `None` while it is not known.
    #[must_use]
    pub fn concurrency(&self, function: &str) -> Option<u32> {
        let limits = self.limits;
        match self.reserved.get(function) {
            Some(Reserved { concurrency: Some(reserved), .. }) => Some(*reserved),
            Some(Reserved { concurrency: None, .. }) => Some(limits?.unreserved),
            None if is_replica(function) => Some(limits?.unreserved),
            // Not asked yet; but where all is shared, no function has any for itself.
            None => Some(limits.filter(|limits| limits.unreserved == limits.total)?.total),
        }
    }

    /// Reads again what is old, until a time.
    pub async fn refresh(
        &mut self,
        services: &impl Services,
        watch: &Watch,
        now_ms: u64,
        until: Instant,
        failures: &mut Failures,
    ) {
        if is_due(self.read_at_ms, now_ms) {
            let before = failures.count();
            self.read(services, watch, until, failures).await;
            self.read_at_ms = (failures.count() == before).then_some(now_ms);
        }
        self.ask_reserved(services, now_ms, until, failures).await;
    }

    async fn read(
        &mut self,
        services: &impl Services,
        watch: &Watch,
        until: Instant,
        failures: &mut Failures,
    ) {
        let functions = all_pages(until, async |page: Option<String>| {
            services.functions(page.as_deref()).await
        });
        let tagged = async {
            let Some(tag) = &watch.tag else { return Ok(Vec::new()) };
            all_pages(until, async |page: Option<String>| {
                services.tagged(tag, page.as_deref()).await
            })
            .await
        };
        let limits = in_time(until, services.account_limits());
        let measured = async |measure| {
            all_pages(until, async |page: Option<String>| {
                services.measured(measure, page.as_deref()).await
            })
            .await
        };
        let replicas = async {
            let is_needed = watch.has_open_replicas();
            if is_needed { measured(Measure::Invocations).await } else { Ok(Vec::new()) }
        };
        let provisioned = measured(Measure::ProvisionedConcurrencyUtilization);
        let (functions, tagged, limits, replicas, provisioned) =
            join5(functions, tagged, limits, replicas, provisioned).await;
        match provisioned {
            Ok(provisioned) => {
                self.provisioned.clear();
                for Measured { function, resource } in provisioned {
                    self.provisioned.entry(function).or_default().insert(resource);
                }
            }
            Err(failure) => {
                failures.add(
                    "ListMetrics",
                    &failure,
                    "which functions have provisioned concurrency",
                );
            }
        }
        match limits {
            Ok(limits) => self.limits = Some(limits),
            Err(failure) => failures.add("GetAccountSettings", &failure, "the account's limits"),
        }
        let is_all_known = tagged.is_ok() && replicas.is_ok();
        let tagged: BTreeSet<_> = tagged
            .unwrap_or_else(|failure| {
                failures.add("GetResources", &failure, "the functions with the tag");
                Vec::new()
            })
            .into_iter()
            .collect();
        let replicas = replicas.unwrap_or_else(|failure| {
            failures.add("ListMetrics", &failure, "the replicas of Lambda@Edge");
            Vec::new()
        });
        let replicas =
            replicas.into_iter().map(|measured| measured.function).filter(|name| is_replica(name));
        let replicas = watch.named_replicas().chain(replicas);
        match functions {
            // Those that are known stay watched where their tags or replicas cannot be read.
            Ok(mut functions) if is_all_known || self.functions.is_empty() => {
                functions.extend(replicas.map(|name| (name, Settings::default())));
                self.select(watch, functions, &tagged);
            }
            Ok(_) => {}
            Err(failure) => failures.add("ListFunctions", &failure, "the functions"),
        }
    }

    fn select(
        &mut self,
        watch: &Watch,
        functions: Vec<(String, Settings)>,
        tagged: &BTreeSet<String>,
    ) {
        let (functions, missing) = watch.select(functions, tagged);
        for name in missing {
            tracing::warn!(name, "no function has this name");
        }
        for (name, Settings { timeout_ms, memory_mb }) in &functions {
            tracing::debug!(name, timeout_ms, memory_mb, "watched");
        }
        tracing::info!(functions = functions.len(), "watching");
        self.reserved.retain(|name, _| functions.contains_key(name));
        self.functions = functions;
    }

    async fn ask_reserved(
        &mut self,
        services: &impl Services,
        now_ms: u64,
        until: Instant,
        failures: &mut Failures,
    ) {
        let read_at_ms = |name: &str| Some(self.reserved.get(name)?.read_at_ms);
        let functions = self.functions.keys().filter(|name| !is_replica(name));
        let due = functions.filter(|name| is_due(read_at_ms(name), now_ms));
        let ask = |name: &String| {
            let name = name.clone();
            async move {
                // What there is no time left to ask is no failure: the next run asks it.
                if Instant::now() >= until {
                    return (name, None);
                }
                let reserved = in_time(until, services.reserved_concurrency(&name)).await;
                (name, Some(reserved))
            }
        };
        let asked: Vec<_> = due.take(MAX_ASKED).map(ask).collect();
        let mut answers = stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
        while let Some((name, answer)) = answers.next().await {
            match answer {
                Some(Ok(concurrency)) => {
                    self.reserved.insert(name, Reserved { concurrency, read_at_ms: now_ms });
                }
                Some(Err(failure)) if failure.code.as_deref() == Some(NOT_FOUND) => {
                    tracing::warn!(name, "the function is gone");
                    self.reserved.insert(name, Reserved { concurrency: None, read_at_ms: now_ms });
                }
                Some(Err(failure)) => {
                    let unread = format!("the reserved concurrency of {name}");
                    failures.add("GetFunctionConcurrency", &failure, &unread);
                }
                None => {}
            }
        }
    }
}

/// Also after the clock was put back.
fn is_due(read_at_ms: Option<u64>, now_ms: u64) -> bool {
    read_at_ms.is_none_or(|read_at_ms| now_ms.abs_diff(read_at_ms) >= REFRESH_MS)
}

async fn all_pages<T>(
    until: Instant,
    read: impl AsyncFn(Option<String>) -> Result<Page<T>, CallFailure>,
) -> Result<Vec<T>, CallFailure> {
    let (mut all, mut next) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = in_time(until, read(next.clone())).await?;
        all.extend(page.items);
        if page.next.is_none() {
            return Ok(all);
        }
        if page.next == next {
            break;
        }
        next = page.next;
    }
    Err(wrong("EndlessPages", "the list does not end"))
}

/// What a call gives, if that comes in time.
pub(crate) async fn in_time<T>(
    until: Instant,
    call: impl Future<Output = Result<T, CallFailure>>,
) -> Result<T, CallFailure> {
    timeout_at(until, call).await.unwrap_or_else(|_| Err(late()))
}
