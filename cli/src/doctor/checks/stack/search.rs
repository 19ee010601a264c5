//! The disk space and shards of OpenSearch.

use crate::doctor::finding::Findings;
use crate::doctor::stack::facts::{IndexPolicy, Search};

/// The default of `cluster.routing.allocation.disk.watermark.low`, in percent: above, no shards are
/// allocated to a node (source: OpenSearch documentation, "Cluster settings").
const LOW_WATERMARK: u64 = 85;

/// The default of `…watermark.flood_stage`: above, indices are read-only.
const FLOOD_STAGE: u64 = 95;

/// Near the maximum number of shards, in percent.
const NEAR: u64 = 90;

pub(super) fn check(search: &Search, findings: &mut Findings) {
    let url = &search.url;
    if let Some((open, max)) = search.shards.filter(|(open, max)| open * 100 >= max * NEAR) {
        let problem = format!(
            "{open} of at most {max} shards are open: at the maximum no new index is created, and \
             documents for it are rejected."
        );
        let remedy = "Delete old indices: cargo sluice setup --retention-days DAYS; or add a node.";
        if open >= max {
            findings.error("opensearch_shards", url, problem, remedy);
        } else {
            findings.warning("opensearch_shards", url, problem, remedy);
        }
    }
    if let Some(percent) = search.disk_percent.filter(|percent| *percent >= LOW_WATERMARK) {
        let problem = format!(
            "A disk is {percent} % full: from {LOW_WATERMARK} % on a node receives no new shards, \
             from {FLOOD_STAGE} % on indices are read-only and documents are rejected."
        );
        let remedy = "Raise DomainVolumeGiB, or delete old indices: cargo sluice setup \
                      --retention-days DAYS";
        if percent >= FLOOD_STAGE {
            findings.error("opensearch_disk", url, problem, remedy);
        } else {
            findings.warning("opensearch_disk", url, problem, remedy);
        }
    }
    if let Some(rejected) = search.rejected.filter(|rejected| *rejected > 0) {
        findings.warning(
            "opensearch_rejected",
            url,
            format!(
                "OpenSearch has rejected {rejected} writes since its nodes started: its queue of \
                 writes was full. They are retried, and arrive late."
            ),
            "Lower ConsumerMaxConcurrency, or choose a larger DomainInstanceType.",
        );
    }
    match &search.policy {
        Some(IndexPolicy::None) => findings.warning(
            "retention_policy",
            url,
            "No policy deletes old indices: they fill the disk.",
            format!("cargo sluice setup --opensearch {url} --retention-days 90"),
        ),
        Some(IndexPolicy::Failed(index)) => findings.error(
            "retention_policy",
            url,
            format!("The policy of Index State Management failed for the index {index}."),
            format!("POST _plugins/_ism/retry/{index}"),
        ),
        Some(IndexPolicy::Managed) | None => {}
    }
}
