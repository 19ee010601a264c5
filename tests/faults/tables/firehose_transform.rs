//! The calls of firehose-transform: records that do not fit into the answer are put back.

use crate::table::Expected::{Counts, CountsNo};
use crate::table::{Call, Expected, Function, Scene};

const DONE: &[Expected] = &[Counts("RecordsReingested"), CountsNo("RecordsFailed")];
const FAILED: &[Expected] = &[Counts("RecordsFailed"), CountsNo("RecordsReingested")];

/// Five events, some of which do not fit.
const DIRECT: &str = r#"{"invocationId":"i","region":"us-east-1","deliveryStreamArn":"arn:aws:firehose:us-east-1:123456789012:deliverystream/plays","records":[{"recordId":"r0","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImUwIiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0="},{"recordId":"r1","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImUxIiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0="},{"recordId":"r2","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImUyIiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0="},{"recordId":"r3","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImUzIiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0="},{"recordId":"r4","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImU0IiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0="}]}"#;
const KINESIS: &str = r#"{"invocationId":"i","region":"us-east-1","deliveryStreamArn":"arn:aws:firehose:us-east-1:123456789012:deliverystream/plays","sourceKinesisStreamArn":"arn:aws:kinesis:us-east-1:123456789012:stream/plays","records":[{"recordId":"r0","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImUwIiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0=","kinesisRecordMetadata":{"sequenceNumber":"0","partitionKey":"p","shardId":"shardId-0","subsequenceNumber":0,"approximateArrivalTimestamp":1709296496000}},{"recordId":"r1","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImUxIiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0=","kinesisRecordMetadata":{"sequenceNumber":"1","partitionKey":"p","shardId":"shardId-0","subsequenceNumber":0,"approximateArrivalTimestamp":1709296496000}},{"recordId":"r2","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImUyIiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0=","kinesisRecordMetadata":{"sequenceNumber":"2","partitionKey":"p","shardId":"shardId-0","subsequenceNumber":0,"approximateArrivalTimestamp":1709296496000}},{"recordId":"r3","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImUzIiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0=","kinesisRecordMetadata":{"sequenceNumber":"3","partitionKey":"p","shardId":"shardId-0","subsequenceNumber":0,"approximateArrivalTimestamp":1709296496000}},{"recordId":"r4","approximateArrivalTimestamp":1709296496000,"data":"eyJldmVudF9pZCI6ImU0IiwidHMiOjE3MDkyOTY0OTYsIngiOiJCb2R5TWFya2VyIn0=","kinesisRecordMetadata":{"sequenceNumber":"4","partitionKey":"p","shardId":"shardId-0","subsequenceNumber":0,"approximateArrivalTimestamp":1709296496000}}]}"#;

pub(crate) const FUNCTION: Function = Function {
    name: "firehose-transform",
    seconds: 5,
    variables: &[("RESPONSE_BUDGET_BYTES", "1000")],
    scenes: &[
        Scene {
            name: "a delivery stream that is put to",
            event: DIRECT,
            variables: &[],
            answers: &[(
                "firehose:PutRecordBatch",
                r#"{"FailedPutCount":0,"RequestResponses":[{"RecordId":"1"},{"RecordId":"2"},{"RecordId":"3"},{"RecordId":"4"}]}"#,
            )],
            healthy: DONE,
            late: FAILED,
            calls: &[Call::new("firehose:PutRecordBatch", "records failed", FAILED)],
        },
        Scene {
            name: "a data stream",
            event: KINESIS,
            variables: &[],
            answers: &[(
                "kinesis:PutRecords",
                r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"},{"SequenceNumber":"2","ShardId":"s"},{"SequenceNumber":"3","ShardId":"s"},{"SequenceNumber":"4","ShardId":"s"}]}"#,
            )],
            healthy: DONE,
            late: FAILED,
            calls: &[Call::new("kinesis:PutRecords", "records failed", FAILED)],
        },
    ],
};
