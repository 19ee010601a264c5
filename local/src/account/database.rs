//! Databases and clusters of RDS.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::xml::{element, optional, tags, text};
use super::{Account, Form, Refusal, Tags};

/// RDS starts databases and clusters that were stopped for this long.
const MAX_STOP: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A database or a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Database {
    /// Whether it is a database or a cluster.
    pub kind: DatabaseKind,
    /// Its identifier.
    pub id: String,
    /// Its status, such as `available`, `stopping`, `stopped` or `starting`.
    pub status: String,
    /// Its engine, such as `postgres`.
    pub engine: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// `AutomaticRestartTime`: when RDS starts it again.
    pub restart: Option<Timestamp>,
    /// Its events, with their messages.
    pub events: Vec<(Timestamp, String)>,
    /// Additional members, such as `EngineMode`; if its name ends with `Identifiers`, a member is a
    /// list.
    pub members: BTreeMap<String, String>,
    /// The error code with which it rejects being started or stopped.
    pub refuses: Option<String>,
}

/// Whether it is a database or a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    /// A DB instance.
    #[default]
    Instance,
    /// A DB cluster.
    Cluster,
}

impl DatabaseKind {
    /// Its names in RDS operations, events and errors.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Instance => ("DBInstance", "DB instance", "InvalidDBInstanceState"),
            Self::Cluster => ("DBCluster", "DB cluster", "InvalidDBClusterStateFault"),
        }
    }

    const fn source_type(self) -> &'static str {
        match self {
            Self::Instance => "db-instance",
            Self::Cluster => "db-cluster",
        }
    }
}

impl Database {
    /// Completes a change, or starts it as RDS does.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let (_, named, _) = self.kind.names();
        match &*self.status {
            "stopping" => {
                "stopped".clone_into(&mut self.status);
                self.events.push((now, format!("{named} stopped")));
                self.restart = now.checked_add(MAX_STOP).ok();
            }
            "starting" => {
                "available".clone_into(&mut self.status);
                self.events.push((now, format!("{named} started")));
                self.restart = None;
            }
            "stopped" if self.restart.is_some_and(|restart| restart <= now) => {
                "starting".clone_into(&mut self.status);
                let why = "it exceeding the maximum allowed time being stopped.";
                self.events.push((now, format!("{named} is being started due to {why}")));
            }
            _ => {}
        }
    }

    fn xml(&self) -> String {
        let (name, ..) = self.kind.names();
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let (status, created) = match self.kind {
            DatabaseKind::Instance => ("DBInstanceStatus", "InstanceCreateTime"),
            DatabaseKind::Cluster => ("Status", "ClusterCreateTime"),
        };
        let member = |(name, value): (&String, &String)| {
            let is_list = name.ends_with("Identifiers");
            if is_list { element(name, &text("member", value)) } else { text(name, value) }
        };
        let parts = [
            text(&format!("{name}Identifier"), &self.id),
            text(status, &self.status),
            text("Engine", &self.engine),
            optional(created, time(self.created).as_deref()),
            optional("AutomaticRestartTime", time(self.restart).as_deref()),
            self.members.iter().map(member).collect(),
            element("TagList", &tags(&self.tags, ["Tag", "Key", "Value"])),
        ];
        element(name, &parts.concat())
    }
}

impl Account {
    pub(super) fn describe_databases(&self, form: &Form, kind: DatabaseKind) -> String {
        let databases = self.databases.iter().filter(|database| database.kind == kind).collect();
        let (databases, next) = self.page(databases, form.get("Marker"));
        let items: String = databases.into_iter().map(Database::xml).collect();
        let (name, ..) = kind.names();
        element(&format!("{name}s"), &items) + &optional("Marker", next.as_deref())
    }

    /// The events of one machine: those of the last hour, unless the request asks for a longer
    /// time.
    pub(super) fn describe_events(&self, form: &Form, now: Timestamp) -> String {
        let (id, source_type) = (form.get("SourceIdentifier"), form.get("SourceType"));
        let minutes = form.get("Duration").parse().unwrap_or(60);
        let is_asked =
            |database: &&Database| database.id == id && database.kind.source_type() == source_type;
        let events = self.databases.iter().filter(is_asked).flat_map(|database| &database.events);
        let is_recent = |(at, _): &&(Timestamp, String)| {
            now.duration_since(*at) <= SignedDuration::from_mins(minutes)
        };
        let (events, next) = self.page(events.filter(is_recent).collect(), form.get("Marker"));
        let event = |(at, message): &(Timestamp, String)| {
            let parts = [
                text("SourceIdentifier", id),
                text("SourceType", source_type),
                text("Message", message),
                text("Date", &at.to_string()),
            ];
            element("Event", &parts.concat())
        };
        let items: String = events.into_iter().map(event).collect();
        element("Events", &items) + &optional("Marker", next.as_deref())
    }

    /// Starts or stops a database or cluster.
    pub(super) fn change_database(
        &mut self,
        form: &Form,
        kind: DatabaseKind,
    ) -> Result<String, Refusal> {
        let (name, _, wrong_state) = kind.names();
        let id = form.get(&format!("{name}Identifier"));
        let mut databases = self.databases.iter_mut();
        let database = databases.find(|database| database.kind == kind && database.id == id);
        let database = database.ok_or_else(|| Refusal::new(&format!("{name}NotFound")))?;
        if let Some(code) = &database.refuses {
            return Err(Refusal::new(code));
        }
        let is_start = form.get("Action").starts_with("Start");
        let (from, to) = if is_start { ("stopped", "starting") } else { ("available", "stopping") };
        if database.status != from {
            return Err(Refusal::new(wrong_state));
        }
        to.clone_into(&mut database.status);
        Ok(database.xml())
    }
}
