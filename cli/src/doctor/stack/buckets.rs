//! Reads the access to buckets from S3.

use object_loader::S3Objects;
use serde_json::Value;
use shared::sqs::Failure as SqsFailure;

use super::Reader;
use super::facts::Bucket;

pub(super) async fn read(reader: &Reader<'_>) -> Vec<Bucket> {
    let s3 = S3Objects::new(reader.aws.clone());
    let mut found = Vec::new();
    for resource in reader.of_kind("AWS::S3::Bucket") {
        let name = &*resource.physical_id;
        let policy = s3.client().get_bucket_policy().bucket(name).send().await;
        let policy = match policy.map_err(SqsFailure::from) {
            Ok(reply) => reply.policy.and_then(|policy| serde_json::from_str(&policy).ok()),
            Err(failure) if failure.code == "NoSuchBucketPolicy" => Some(Value::Null),
            failed => reader.noted("bucket", name, failed).map(|_| Value::Null),
        };
        let block = s3.client().get_public_access_block().bucket(name).send().await;
        let is_private = match block.map_err(SqsFailure::from) {
            Ok(reply) => Some(reply.public_access_block_configuration.is_some_and(|block| {
                let all = [
                    block.block_public_acls,
                    block.ignore_public_acls,
                    block.block_public_policy,
                    block.restrict_public_buckets,
                ];
                all.iter().all(|blocked| *blocked == Some(true))
            })),
            Err(failure) if failure.code == "NoSuchPublicAccessBlockConfiguration" => Some(false),
            // A missing bucket is noted above.
            Err(failure) if failure.code == "NoSuchBucket" => continue,
            failed => reader.noted("public access of the bucket", name, failed).map(|_| false),
        };
        found.push(Bucket { name: name.to_owned(), policy, is_private });
    }
    found
}
