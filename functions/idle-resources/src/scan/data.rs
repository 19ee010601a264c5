//! Databases and log groups.

use aws_sdk_cloudwatchlogs::types::{LogGroup as SdkLogGroup, LogGroupClass};
use shared::aws::CallFailure;

use super::Scan;
use crate::found::{Resource, worth};
use crate::kind::Kind;
use crate::region::{List, Pages, deduplicate, invalid, is_gone};
use crate::rules::Tags;
use crate::rules::database::Database;
use crate::rules::log_group::LogGroup;
use crate::traffic::{Query, read};

/// Maximum page size (source: Amazon CloudWatch Logs API reference, `DescribeLogGroups`).
const PAGE: i32 = 50;

impl Scan<'_> {
    pub(super) async fn scan_databases(&mut self) {
        let kind = Kind::Database;
        if !self.wants(&[kind]) {
            return;
        }
        let path = ["DBInstances"];
        let list =
            self.region.rds("DescribeDBInstances", &path, "DBInstanceIdentifier", Database::read);
        let list = list.await;
        let candidates = list.items.iter().filter(|database| database.is_candidate(&self.scope));
        let candidates: Vec<_> = candidates.collect();
        let query = |database: &&Database| Query {
            namespace: "AWS/RDS",
            metric: "DatabaseConnections",
            statistic: "Maximum",
            dimension: "DBInstanceIdentifier",
            resource: database.id.clone(),
        };
        let queries: Vec<_> = candidates.iter().map(query).collect();
        let values = read(self.region, &queries, self.window()).await;
        self.settle(kind, &list);
        for (database, values) in candidates.into_iter().zip(values) {
            match values {
                Ok(connections) => {
                    let Database { id, tags, .. } = database;
                    let idle = database.idle(&self.scope, &connections);
                    let resource = Resource { kind, id, own_name: None, tags };
                    self.found.add(&self.scope, resource, idle);
                }
                Err(failure) => self.unread(kind, Some(&failure)),
            }
        }
    }

    pub(super) async fn scan_log_groups(&mut self) {
        let kind = Kind::LogGroup;
        if !self.wants(&[kind]) {
            return;
        }
        let list = self.log_groups().await;
        self.settle(kind, &list);
        for group in &list.items {
            let Some(idle) = worth(&self.scope, group.idle(&self.scope)) else { continue };
            match self.log_group_tags(group).await {
                Ok(tags) => {
                    let (id, tags) = (&*group.name, &tags);
                    let resource = Resource { kind, id, own_name: None, tags };
                    self.found.add(&self.scope, resource, Some(idle));
                }
                Err(failure) if is_gone(&failure) => {}
                Err(failure) => self.unread(kind, Some(&failure)),
            }
        }
    }

    async fn log_groups(&self) -> List<LogGroup> {
        let mut list = List::default();
        let mut token = None;
        let mut pages = Pages::default();
        loop {
            let call = self.region.logs().describe_log_groups().limit(PAGE);
            let call = call.set_next_token(token);
            let page = match self.region.sent("DescribeLogGroups", call.send()).await {
                Ok(page) => page,
                Err(failure) => return List { failure: Some(failure), ..list },
            };
            let groups = page.log_groups.unwrap_or_default();
            let listed = list.items.len() + groups.len();
            list.items.extend(groups.into_iter().filter_map(log_group));
            let is_odd = list.items.len() < listed;
            deduplicate(&mut list.items, |group| Some(&group.name));
            token = match pages.next(page.next_token) {
                Ok(_) if is_odd => {
                    return List { failure: Some(invalid("a log group has no name")), ..list };
                }
                Ok(token) if list.continues(token.is_some()) => token,
                Ok(_) => return list,
                Err(failure) => return List { failure: Some(failure), ..list },
            };
        }
    }

    async fn log_group_tags(&self, group: &LogGroup) -> Result<Tags, CallFailure> {
        let call = self.region.logs().list_tags_for_resource().resource_arn(&group.arn);
        let answer = self.region.sent("ListTagsForResource", call.send()).await?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }
}

fn log_group(group: SdkLogGroup) -> Option<LogGroup> {
    let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
    Some(LogGroup {
        name: group.log_group_name?,
        arn: arn.strip_suffix(":*").unwrap_or(&arn).to_owned(),
        // Groups of the class DELIVERY keep everything for a day, and have no retention.
        has_retention: group.retention_in_days.is_some()
            || group.log_group_class == Some(LogGroupClass::Delivery),
        stored_bytes: group.stored_bytes.and_then(|bytes| u64::try_from(bytes).ok()),
    })
}
