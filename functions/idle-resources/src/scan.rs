//! Reads the services of a region, kind by kind. A resource that cannot be read is never considered
//! idle.

mod buckets;
mod compute;
mod data;
mod network;

use std::collections::BTreeSet;

use shared::aws::CallFailure;

use crate::found::Found;
use crate::kind::Kind;
use crate::region::{List, Region};
use crate::rules::Scope;

pub(crate) use compute::{addresses, snapshots, volumes};

/// The scan of one region.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    pub(crate) kinds: &'a BTreeSet<Kind>,
    pub(crate) scope: Scope<'a>,
    pub(crate) region: &'a Region,
    pub(crate) found: &'a mut Found,
}

impl Scan<'_> {
    /// Looks for idle resources of all kinds except buckets.
    pub(crate) async fn run(&mut self) {
        self.scan_compute().await;
        self.scan_nat_gateways().await;
        self.scan_load_balancers().await;
        self.scan_databases().await;
        self.scan_log_groups().await;
    }

    fn wants(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.kinds.contains(kind))
    }

    /// Notes that a list of this kind was read, and why items may be missing.
    fn settle<T>(&mut self, kind: Kind, list: &List<T>) {
        if list.is_read() {
            self.found.settle(kind, self.scope.region, None);
        }
        self.unread(kind, list.failure.as_ref());
    }

    fn unread(&mut self, kind: Kind, failure: Option<&CallFailure>) {
        if failure.is_some() {
            self.found.settle(kind, self.scope.region, failure);
        }
    }
}
