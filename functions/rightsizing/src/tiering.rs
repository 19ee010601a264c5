//! Intelligent-Tiering of a bucket: the rule that moves objects to it, and its archive tiers.

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, IntelligentTieringAccessTier,
    IntelligentTieringConfiguration, IntelligentTieringStatus, LifecycleRule,
    LifecycleRuleAndOperator, LifecycleRuleFilter, Tiering, Transition,
    TransitionDefaultMinimumObjectSize, TransitionStorageClass,
};
use serde_json::json;
use shared::aws::CallFailure;

use crate::bucket::Sizes;
use crate::buckets;
use crate::change::{Change, Changed, add_saving};
use crate::clients::{invalid, is_code, sent};
use crate::error::HandlerError;

/// The id of the rule.
const RULE: &str = "sluice-intelligent-tiering";
/// The id of the configuration of archive tiers.
const CONFIGURATION: &str = "sluice";
/// Smaller objects are not monitored.
const MIN_BYTES: i64 = 131_072;

/// The lifecycle of a bucket. S3 replaces it as a whole, and has no conditional writes for it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Lifecycle {
    rules: Vec<LifecycleRule>,
    minimum_size: Option<TransitionDefaultMinimumObjectSize>,
}

impl Lifecycle {
    /// Adds a rule, replacing one with the same id.
    fn with(mut self, rule: LifecycleRule) -> Self {
        match self.rules.iter_mut().find(|other| other.id == rule.id) {
            Some(other) => *other = rule,
            None => self.rules.push(rule),
        }
        self
    }

    /// A part of the written lifecycle that is missing in this one.
    fn lacks(&self, written: &Self) -> Option<String> {
        let lost = written.rules.iter().find(|rule| !self.rules.contains(rule));
        let lost = lost.map(|rule| format!("the rule {}", rule.id().unwrap_or("without an id")));
        let has_size = written.minimum_size.is_none() || self.minimum_size == written.minimum_size;
        lost.or_else(|| (!has_size).then(|| "the minimum size of its objects".to_owned()))
    }
}

/// Makes a bucket's lifecycle move its objects to Intelligent-Tiering.
pub(crate) async fn tier(
    change: Change<'_>,
    bucket: &str,
    prefix: Option<&str>,
) -> Result<Changed, HandlerError> {
    change.check_bucket(bucket).await?;
    let old = read(change, bucket).await?;
    let rule = rule(prefix).map_err(|error| invalid(&error.to_string()))?;
    let new = old.clone().with(rule);
    let changes = new != old && !change.is_dry_run;
    if changes {
        let written = write(change, bucket, &new).await;
        match (written, read(change, bucket).await) {
            (Ok(()), Err(CallFailure { code, message })) => {
                let message = format!("written, but not read again: {message}");
                return Err(CallFailure { code, message }.into());
            }
            (Ok(()), Ok(now)) => {
                if let Some(lost) = now.lacks(&new) {
                    return Err(HandlerError::LifecycleChanged(lost));
                }
            }
            // It was written, although the answer did not arrive.
            (Err(_), Ok(now)) if now.lacks(&new).is_none() => {}
            (Err(failure), _) => return Err(failure.into()),
        }
    }
    let ids: Vec<_> = new.rules.iter().map(|rule| rule.id().unwrap_or_default()).collect();
    let mut answer = json!({"bucket": bucket, "prefix": prefix, "rule": RULE, "rules": ids});
    let config = change.config;
    let sizes = sizes(change, bucket).await;
    let saving = sizes.and_then(|sizes| sizes.saving(&config.rules.prices, &config.region));
    if let Some((saving, _)) = saving {
        add_saving(&mut answer, saving);
    }
    Ok(("tiering", changes, answer))
}

/// The sizes of a bucket, if they can be read: a change does not depend on them.
async fn sizes(change: Change<'_>, bucket: &str) -> Option<Sizes> {
    let Change { clients, now, time, .. } = change;
    let sizes = buckets::sizes(clients, &[bucket.to_owned()], now.as_second(), time).await;
    sizes.into_iter().next()?.ok()
}

fn rule(prefix: Option<&str>) -> Result<LifecycleRule, BuildError> {
    let filter = LifecycleRuleFilter::builder();
    let filter = match prefix {
        Some(prefix) => filter.and(
            LifecycleRuleAndOperator::builder()
                .prefix(prefix)
                .object_size_greater_than(MIN_BYTES)
                .build(),
        ),
        None => filter.object_size_greater_than(MIN_BYTES),
    };
    let to = TransitionStorageClass::IntelligentTiering;
    LifecycleRule::builder()
        .id(RULE)
        .status(ExpirationStatus::Enabled)
        .filter(filter.build())
        .transitions(Transition::builder().days(0).storage_class(to).build())
        .build()
}

async fn read(change: Change<'_>, bucket: &str) -> Result<Lifecycle, CallFailure> {
    let call = change.clients.s3().get_bucket_lifecycle_configuration().bucket(bucket);
    match sent(change.time, call.send()).await {
        Ok(answer) => Ok(Lifecycle {
            minimum_size: answer.transition_default_minimum_object_size,
            rules: answer.rules.unwrap_or_default(),
        }),
        Err(failure) if is_code(&failure, "NoSuchLifecycleConfiguration") => {
            Ok(Lifecycle::default())
        }
        Err(failure) => Err(failure),
    }
}

async fn write(change: Change<'_>, bucket: &str, lifecycle: &Lifecycle) -> Result<(), CallFailure> {
    let configuration = BucketLifecycleConfiguration::builder();
    let configuration = configuration.set_rules(Some(lifecycle.rules.clone())).build();
    let configuration = configuration.map_err(|error| invalid(&error.to_string()))?;
    let call = change
        .clients
        .s3()
        .put_bucket_lifecycle_configuration()
        .bucket(bucket)
        .lifecycle_configuration(configuration)
        .set_transition_default_minimum_object_size(lifecycle.minimum_size.clone());
    sent(change.time, call.send()).await.map(drop)
}

/// Makes Intelligent-Tiering archive objects that are not read for these days.
pub(crate) async fn archive(
    change: Change<'_>,
    bucket: &str,
    archive_days: Option<i32>,
    deep_archive_days: Option<i32>,
) -> Result<Changed, HandlerError> {
    change.check_bucket(bucket).await?;
    let tier = |days: Option<i32>, tier: IntelligentTieringAccessTier| {
        days.map(|days| Tiering::builder().days(days).access_tier(tier).build())
    };
    let tiers = [
        tier(archive_days, IntelligentTieringAccessTier::ArchiveAccess),
        tier(deep_archive_days, IntelligentTieringAccessTier::DeepArchiveAccess),
    ];
    let tiers = tiers.into_iter().flatten().collect::<Result<Vec<_>, _>>();
    let configuration = tiers.and_then(|tiers| {
        IntelligentTieringConfiguration::builder()
            .id(CONFIGURATION)
            .status(IntelligentTieringStatus::Enabled)
            .set_tierings(Some(tiers))
            .build()
    });
    let configuration = configuration.map_err(|error| invalid(&error.to_string()))?;
    let Change { config, clients, time, is_dry_run, .. } = change;
    let call = clients.s3().get_bucket_intelligent_tiering_configuration();
    let old = match sent(time, call.bucket(bucket).id(CONFIGURATION).send()).await {
        Ok(answer) => answer.intelligent_tiering_configuration,
        Err(failure) if is_code(&failure, "NoSuchConfiguration") => None,
        Err(failure) => return Err(failure.into()),
    };
    let changes = old.as_ref() != Some(&configuration) && !is_dry_run;
    if changes {
        let call = clients.s3().put_bucket_intelligent_tiering_configuration().bucket(bucket);
        let call = call.id(CONFIGURATION).intelligent_tiering_configuration(configuration);
        sent(time, call.send()).await?;
    }
    let mut answer = json!({
        "bucket": bucket, "configuration": CONFIGURATION,
        "archiveDays": archive_days, "deepArchiveDays": deep_archive_days,
        "note": "Objects in these tiers must be restored before they can be read: that takes hours.",
    });
    if let Some(sizes) = sizes(change, bucket).await {
        let is_deep = deep_archive_days.is_some();
        add_saving(&mut answer, sizes.archived(is_deep, &config.rules.prices, &config.region));
    }
    Ok(("archive", changes, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_replaces_only_itself() {
        let other = |id: &str| {
            let rule = LifecycleRule::builder().id(id).status(ExpirationStatus::Disabled);
            rule.build().unwrap()
        };
        let old =
            Lifecycle { rules: vec![other("a"), other(RULE), other("b")], minimum_size: None };
        let new = old.with(rule(Some("raw/")).unwrap());
        let ids: Vec<_> = new.rules.iter().map(|rule| rule.id().unwrap()).collect();
        assert_eq!(ids, ["a", RULE, "b"]);
        assert_eq!(new.rules[1], rule(Some("raw/")).unwrap());
        let minimum_size = Some(TransitionDefaultMinimumObjectSize::VariesByStorageClass);
        let sized = Lifecycle { minimum_size, ..new.clone() };
        for (now, written, lost) in [
            (&new, &new, None),
            (&sized, &new, None),
            (&new, &sized, Some("the minimum size of its objects".to_owned())),
            (&Lifecycle::default(), &new, Some("the rule a".to_owned())),
        ] {
            assert_eq!(now.lacks(written), lost);
        }
        let first = Lifecycle::default().with(rule(None).unwrap());
        assert_eq!(first.rules, [rule(None).unwrap()]);
        assert_eq!(first.clone().with(rule(None).unwrap()), first);
    }
}
