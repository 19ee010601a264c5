//! A report: reads one kind after the other. A failure does not affect other kinds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::aws::CallFailure;
use shared::aws::query::{EC2, Parameters};
use shared::cost::{CallTime, usd};
use tokio::time::timeout;

use crate::clients::{Clients, PAGE, failure, is_code};
use crate::config::Config;
use crate::found::{Finding, Found, Saving};
use crate::graviton::{Cost, Machine};
use crate::kind::Kind;
use crate::volume::{Volume, as_gp3, smaller};
use crate::{buckets, disks, machines};

/// Tags of a resource.
type Tags = BTreeMap<String, String>;

/// A report in progress.
pub(crate) struct Report<'a> {
    config: &'a Config,
    clients: &'a Clients,
    now: Timestamp,
    time: CallTime,
    found: Found,
}

impl<'a> Report<'a> {
    /// Reads all kinds of the settings.
    pub(crate) async fn read(
        config: &'a Config,
        clients: &'a Clients,
        now: Timestamp,
        time: CallTime,
    ) -> Found {
        let mut report = Self { config, clients, now, time, found: Found::default() };
        let volumes = report.read_volumes().await;
        // Each has at most half of the remaining time, so that calls that hang leave time for the
        // rest.
        let half = time.left() / 2;
        if timeout(half, Box::pin(report.read_buckets())).await.is_err() {
            report.settle(Kind::Bucket, Some(&out_of_time()));
        }
        let half = time.left() / 2;
        if timeout(half, Box::pin(report.read_machines())).await.is_err() {
            report.settle(Kind::Graviton, Some(&out_of_time()));
        }
        // This comes last, because instances may take all of the remaining time.
        report.read_usage(&volumes).await;
        report.found.sort();
        report.found
    }

    fn wants(&self, kind: Kind) -> bool {
        self.config.kinds.contains(&kind)
    }

    fn settle(&mut self, kind: Kind, failure: Option<&CallFailure>) {
        self.found.settle(kind, &self.config.region, failure);
    }

    /// Whether something saves enough to be reported, and is not protected.
    fn is_worth(&mut self, id: &str, saving: Saving, tags: &Tags) -> bool {
        let tags = tags.iter().map(|(key, value)| (&**key, &**value));
        let today = self.now.to_zoned(TimeZone::UTC).date();
        if saving.max < self.config.rules.min_usd {
            return false;
        }
        let is_kept = self.config.rules.keep.protects(tags, today);
        if is_kept {
            self.found.protected.insert(id.to_owned());
        }
        !is_kept
    }

    fn add(&mut self, kind: Kind, id: String, saving: Saving, why: String) {
        let region = self.config.region.clone();
        self.found.findings.push(Finding { kind, id, region, saving, why });
    }

    fn add_volume(&mut self, kind: Kind, volume: &Volume, found: Option<(Saving, String)>) {
        if let Some((saving, why)) = found
            && self.is_worth(&volume.id, saving, &volume.tags)
        {
            self.add(kind, volume.id.clone(), saving, why);
        }
    }

    async fn read_volumes(&mut self) -> Vec<Volume> {
        let kinds = [Kind::Gp2Volume, Kind::LargeVolume];
        let wanted: Vec<_> = kinds.into_iter().filter(|kind| self.wants(*kind)).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let (page, path) = (Parameters::new().with("MaxResults", PAGE), ["volumeSet"]);
        let list = self.clients.list(EC2, "DescribeVolumes", &page, &path, Volume::read, self.time);
        let (volumes, failure) = list.await;
        for kind in wanted {
            // The usage of volumes is read later.
            if kind == Kind::Gp2Volume && !volumes.is_empty()
                || failure.is_none() && volumes.is_empty()
            {
                self.settle(kind, None);
            }
            if failure.is_some() {
                self.settle(kind, failure.as_ref());
            }
        }
        let Config { rules, region, .. } = self.config;
        if self.wants(Kind::Gp2Volume) {
            for volume in &volumes {
                self.add_volume(Kind::Gp2Volume, volume, as_gp3(volume, rules, region));
            }
        }
        volumes
    }

    async fn read_usage(&mut self, volumes: &[Volume]) {
        let Config { rules, region, usage_document, .. } = self.config;
        let document = usage_document.as_ref().filter(|_| self.wants(Kind::LargeVolume));
        let Some(document) = document.filter(|_| !volumes.is_empty()) else { return };
        let (usages, failures) = disks::usage(self.clients, document, self.time).await;
        if failures.is_empty() || usages.values().any(Option::is_some) {
            self.settle(Kind::LargeVolume, None);
        }
        for failure in &failures {
            self.settle(Kind::LargeVolume, Some(failure));
        }
        for volume in volumes {
            if let Some(Some(usage)) = usages.get(&volume.id) {
                self.add_volume(Kind::LargeVolume, volume, smaller(volume, *usage, rules, region));
            }
        }
    }

    async fn read_buckets(&mut self) {
        let kind = Kind::Bucket;
        if !self.wants(kind) {
            return;
        }
        let Config { rules, region, .. } = self.config;
        let (names, failure) = buckets::list(self.clients, region, self.time).await;
        if failure.is_none() || !names.is_empty() {
            self.settle(kind, None);
        }
        if failure.is_some() {
            self.settle(kind, failure.as_ref());
        }
        let sizes = buckets::sizes(self.clients, &names, self.now.as_second(), self.time).await;
        let mut hangs = false;
        for (name, sizes) in names.into_iter().zip(sizes) {
            let sizes = match sizes {
                Ok(sizes) => sizes,
                Err(failure) => {
                    self.settle(kind, Some(&failure));
                    continue;
                }
            };
            self.found.measured.extend(sizes.measured(&name, &rules.prices, region));
            let Some((saving, why)) = sizes.saving(&rules.prices, region) else { continue };
            // If S3 did not answer for one bucket, it is not called again.
            if saving.max < rules.min_usd || hangs {
                continue;
            }
            match self.bucket_tags(&name).await {
                Ok(Some(tags)) if self.is_worth(&name, saving, &tags) => {
                    self.add(kind, name, saving, why);
                }
                Ok(_) => {}
                // Deleted after it was listed.
                Err(failure) if is_code(&failure, "NoSuchBucket") => {}
                Err(failure) => {
                    hangs = is_code(&failure, "Timeout");
                    self.settle(kind, Some(&failure));
                }
            }
        }
    }

    /// The tags of a bucket without a rule for Intelligent-Tiering.
    async fn bucket_tags(&self, bucket: &str) -> Result<Option<Tags>, CallFailure> {
        if buckets::has_tiering(self.clients, bucket, self.time).await? {
            return Ok(None);
        }
        buckets::tags(self.clients, bucket, self.time).await.map(Some)
    }

    async fn read_machines(&mut self) {
        let kind = Kind::Graviton;
        if !self.wants(kind) {
            return;
        }
        let Config { rules, cost_requests, .. } = self.config;
        let today = self.now.to_zoned(TimeZone::UTC).date();
        let read = machines::read(self.clients, *cost_requests, today, self.time).await;
        let costs = match read {
            Ok(costs) => costs,
            Err(failure) => return self.settle(kind, Some(&failure)),
        };
        self.settle(kind, None);
        let costs: Vec<_> =
            costs.into_iter().filter(|(_, cost)| cost.saving >= rules.min_usd).collect();
        let running = Running::read(self, &costs).await;
        for (machine, Cost { usd: cost, saving }) in costs {
            let now = running.of(&machine);
            let why = format!("{} in 30 days{now}", usd(cost));
            self.add(kind, machine.id(), Saving::of(saving), why);
        }
    }
}

fn out_of_time() -> CallFailure {
    failure("Deadline", "the other kinds need the time that is left")
}

/// How many machines run now; `None` if this was not requested or could not be read.
struct Running {
    instances: Option<BTreeMap<String, usize>>,
    databases: Option<BTreeMap<String, usize>>,
    functions: Option<usize>,
}

impl Running {
    /// Counts the running machines.
    async fn read(report: &mut Report<'_>, costs: &[(Machine, Cost)]) -> Self {
        let has = |is: fn(&Machine) -> bool| costs.iter().any(|(machine, _)| is(machine));
        let (clients, time) = (report.clients, report.time);
        let mut running = Self { instances: None, databases: None, functions: None };
        let mut failures = Vec::new();
        if has(|machine| matches!(machine, Machine::Instance(_))) {
            let read = machines::instances(clients, time).await;
            running.instances = read.map_err(|failure| failures.push(failure)).ok();
        }
        if has(|machine| matches!(machine, Machine::Database(_))) {
            let read = machines::databases(clients, time).await;
            running.databases = read.map_err(|failure| failures.push(failure)).ok();
        }
        if has(|machine| *machine == Machine::Function) {
            let read = machines::functions(clients, time).await;
            running.functions = read.map_err(|failure| failures.push(failure)).ok();
        }
        for failure in &failures {
            report.settle(Kind::Graviton, Some(failure));
        }
        running
    }

    /// Such as `; 2 there now`.
    fn of(&self, machine: &Machine) -> String {
        let count = |counts: &Option<BTreeMap<String, usize>>, name: &str| {
            counts.as_ref().map(|counts| counts.get(name).copied().unwrap_or_default())
        };
        let there = match machine {
            Machine::Instance(name) => count(&self.instances, name),
            Machine::Database(name) => count(&self.databases, name),
            Machine::Function => {
                let text = |count: usize| match count {
                    1 => "; 1 function with x86_64".to_owned(),
                    count => format!("; {count} functions with x86_64"),
                };
                return self.functions.map_or_else(String::new, text);
            }
        };
        there.map_or_else(String::new, |count| format!("; {count} there now"))
    }
}
