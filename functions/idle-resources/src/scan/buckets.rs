//! Buckets of the function's own region. List requests cost money: those of a run are shared by the
//! buckets that need them.

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    ExpirationStatus, LifecycleRule, LifecycleRuleFilter, ObjectStorageClass, Tag,
};
use jiff::Timestamp;
use shared::aws::CallFailure;

use super::Scan;
use crate::found::{Resource, worth};
use crate::kind::Kind;
use crate::region::{List, Pages, deduplicate, invalid, is_gone};
use crate::rules::Tags;
use crate::rules::bucket::Listing;

impl Scan<'_> {
    /// Looks for old objects with at most this number of list requests.
    pub(crate) async fn scan_buckets(&mut self, mut requests: u32) {
        let kind = Kind::Bucket;
        if !self.wants(&[kind]) || requests == 0 {
            return;
        }
        let list = self.buckets().await;
        self.settle(kind, &list);
        let mut to_list = Vec::new();
        for bucket in &list.items {
            match self.has_lifecycle(bucket).await {
                Ok(true) => {}
                Ok(false) => to_list.push(bucket),
                Err(failure) if is_gone(&failure) => {}
                Err(failure) => self.unread(kind, Some(&failure)),
            }
        }
        for (index, bucket) in to_list.iter().enumerate() {
            let left = u32::try_from(to_list.len() - index).unwrap_or(u32::MAX);
            if requests == 0 {
                self.unread(kind, Some(&used_up()));
                return;
            }
            let mut share = (requests / left).max(1);
            requests -= share;
            self.find_bucket(bucket, &mut share).await;
            requests += share;
        }
    }

    /// Lists a bucket with at most `share` requests, and subtracts those that it used.
    async fn find_bucket(&mut self, bucket: &str, share: &mut u32) {
        let kind = Kind::Bucket;
        let mut listing = Listing::default();
        if let Err(failure) = self.list_objects(bucket, share, &mut listing).await {
            if is_gone(&failure) {
                return;
            }
            listing.is_unfinished = true;
            self.unread(kind, Some(&failure));
        }
        if worth(&self.scope, listing.idle(&self.scope)).is_none() {
            return;
        }
        if *share > 0 {
            *share -= 1;
            if let Err(failure) = self.list_uploads(bucket, &mut listing).await {
                self.unread(kind, Some(&failure));
            }
        }
        match self.bucket_tags(bucket).await {
            Ok(tags) => {
                let resource = Resource { kind, id: bucket, own_name: None, tags: &tags };
                self.found.add(&self.scope, resource, listing.idle(&self.scope));
            }
            Err(failure) if is_gone(&failure) => {}
            Err(failure) => self.unread(kind, Some(&failure)),
        }
    }

    async fn buckets(&self) -> List<String> {
        let region = &self.region.name;
        let mut list = List::default();
        let mut token = None;
        let mut pages = Pages::default();
        loop {
            let call = self.region.s3().list_buckets().bucket_region(region).max_buckets(1_000);
            let call = call.set_continuation_token(token);
            let page = match self.region.sent("ListBuckets", call.send()).await {
                Ok(page) => page,
                Err(failure) => return List { failure: Some(failure), ..list },
            };
            let here = page.buckets.unwrap_or_default().into_iter();
            let here =
                here.filter(|bucket| bucket.bucket_region().is_none_or(|there| there == region));
            list.items.extend(here.filter_map(|bucket| bucket.name));
            deduplicate(&mut list.items, |bucket| Some(bucket));
            token = match pages.next(page.continuation_token) {
                Ok(token) if list.continues(token.is_some()) => token,
                Ok(_) => return list,
                Err(failure) => return List { failure: Some(failure), ..list },
            };
        }
    }

    /// Whether an enabled rule for the whole bucket moves or expires its objects.
    async fn has_lifecycle(&self, bucket: &str) -> Result<bool, CallFailure> {
        let call = self.region.s3().get_bucket_lifecycle_configuration().bucket(bucket);
        match self.region.sent("GetBucketLifecycleConfiguration", call.send()).await {
            Ok(answer) => Ok(answer.rules().iter().any(is_for_all)),
            Err(failure) if is_code(&failure, "NoSuchLifecycleConfiguration") => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Lists objects, and leaves one request for uploads.
    async fn list_objects(
        &self,
        bucket: &str,
        share: &mut u32,
        listing: &mut Listing,
    ) -> Result<(), CallFailure> {
        let mut token = None;
        let last = u32::from(*share > 1);
        while *share > last {
            *share -= 1;
            let call = self.region.s3().list_objects_v2().bucket(bucket);
            let call = call.set_continuation_token(token);
            let page = self.region.sent("ListObjectsV2", call.send()).await?;
            for object in page.contents.unwrap_or_default() {
                if object.storage_class.is_none_or(|class| class == ObjectStorageClass::Standard) {
                    let bytes = object.size.and_then(|size| u64::try_from(size).ok());
                    let bytes = bytes.ok_or_else(|| invalid("the size of an object is odd"))?;
                    let modified = object.last_modified.as_ref().and_then(time);
                    listing.add_object(&self.scope, modified, bytes);
                }
            }
            token = page.next_continuation_token.filter(|token| !token.is_empty());
            if token.is_none() {
                listing.is_unfinished = page.is_truncated == Some(true);
                return Ok(());
            }
        }
        listing.is_unfinished = true;
        Ok(())
    }

    async fn list_uploads(&self, bucket: &str, listing: &mut Listing) -> Result<(), CallFailure> {
        let call = self.region.s3().list_multipart_uploads().bucket(bucket);
        let answer = self.region.sent("ListMultipartUploads", call.send()).await?;
        for upload in answer.uploads.unwrap_or_default() {
            listing.add_upload(&self.scope, upload.initiated.as_ref().and_then(time));
        }
        Ok(())
    }

    async fn bucket_tags(&self, bucket: &str) -> Result<Tags, CallFailure> {
        let call = self.region.s3().get_bucket_tagging().bucket(bucket);
        match self.region.sent("GetBucketTagging", call.send()).await {
            Ok(answer) => {
                Ok(answer.tag_set.into_iter().map(|Tag { key, value, .. }| (key, value)).collect())
            }
            Err(failure) if is_code(&failure, "NoSuchTagSet") => Ok(Tags::new()),
            Err(failure) => Err(failure),
        }
    }
}

fn is_code(failure: &CallFailure, code: &str) -> bool {
    failure.code.as_deref() == Some(code)
}

fn used_up() -> CallFailure {
    let message = "S3_LIST_REQUESTS are used up: buckets are not listed".to_owned();
    CallFailure { code: Some("ListRequestsUsedUp".to_owned()), message }
}

fn time(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(time.to_millis().ok()?).ok()
}

/// Whether a rule is enabled, has no filter, and moves or expires objects.
fn is_for_all(rule: &LifecycleRule) -> bool {
    #[expect(deprecated, reason = "rules of before 2018 have it")]
    let prefix = rule.prefix();
    let is_whole = |filter: &LifecycleRuleFilter| {
        filter.prefix().is_none_or(str::is_empty)
            && filter.tag().is_none()
            && filter.and().is_none()
            && filter.object_size_greater_than().is_none()
            && filter.object_size_less_than().is_none()
    };
    let expires = rule
        .expiration()
        .is_some_and(|expiration| expiration.days().is_some() || expiration.date().is_some());
    *rule.status() == ExpirationStatus::Enabled
        && prefix.is_none_or(str::is_empty)
        && rule.filter().is_none_or(is_whole)
        && (expires || !rule.transitions().is_empty())
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{LifecycleExpiration, Transition};

    use super::*;

    #[test]
    fn a_rule_is_for_the_whole_bucket_without_a_filter() {
        let days = || LifecycleExpiration::builder().days(30).build();
        let marker = || LifecycleExpiration::builder().expired_object_delete_marker(true).build();
        let filter = || LifecycleRuleFilter::builder();
        let tag = Tag::builder().key("a").value("b").build().unwrap();
        let rule = || LifecycleRule::builder().status(ExpirationStatus::Enabled);
        #[expect(deprecated, reason = "rules of before 2018 have it")]
        let by_prefix = rule().prefix("logs/").expiration(days());
        for (rule, expected) in [
            (rule().expiration(days()), true),
            (rule().transitions(Transition::builder().days(30).build()), true),
            (rule().filter(filter().prefix("").build()).expiration(days()), true),
            (rule().expiration(marker()), false),
            (rule(), false),
            (rule().status(ExpirationStatus::Disabled).expiration(days()), false),
            (by_prefix, false),
            (rule().filter(filter().prefix("logs/").build()).expiration(days()), false),
            (rule().filter(filter().tag(tag).build()).expiration(days()), false),
            (
                rule()
                    .filter(filter().object_size_greater_than(131_072).build())
                    .expiration(days()),
                false,
            ),
        ] {
            let rule = rule.build().unwrap();
            assert_eq!(is_for_all(&rule), expected, "{rule:?}");
        }
    }
}
