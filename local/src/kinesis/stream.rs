//! A data stream in memory, without a server, with the caller's clock.
//!
//! Source: Amazon Kinesis Data Streams developer guide, "Amazon Kinesis Data Streams terminology and
//! concepts" and "Reshard a stream", and API reference, `SplitShard` and `MergeShards`.

use std::ops::RangeInclusive;

use bytes::Bytes;
use md5::{Digest, Md5};

use crate::runtime_api::{ACCOUNT, REGION};

/// A stream, which keeps its records forever.
#[derive(Clone, Debug)]
pub struct Stream {
    name: String,
    shards: Vec<Shard>,
    /// Number of records that were put.
    count: u64,
}

/// A shard; its index in [`Stream::shards`] never changes.
#[derive(Clone, Debug)]
pub struct Shard {
    /// `shardId-` and twelve digits.
    pub id: String,
    /// The range of hash keys whose records it accepts.
    pub hash_keys: RangeInclusive<u128>,
    /// The indexes of its parents: none, one (split) or two (merge).
    pub parents: Vec<usize>,
    /// Whether it was split or merged and accepts no more records.
    pub is_closed: bool,
    pub(super) records: Vec<Stored>,
}

/// A record in a shard.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "their names are those of Kinesis")]
pub struct Stored {
    pub partition_key: String,
    pub sequence_number: String,
    pub data: Bytes,
    /// Arrival time, in milliseconds since 1970.
    pub arrived_ms: u64,
}

/// The shard and the sequence number of a record that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of Kinesis")]
pub struct Put {
    pub shard_id: String,
    pub sequence_number: String,
}

/// Why a stream cannot be resharded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The shard does not exist.
    #[error("ResourceNotFoundException: no such shard")]
    NoShard,
    /// The shard was already split or merged.
    #[error("ResourceInUseException: the shard is closed")]
    Closed,
    /// The hash key would leave one of the children without hash keys.
    #[error("InvalidArgumentException: NewStartingHashKey does not divide the shard's hash keys")]
    HashKey,
    /// The hash keys of the two shards are not adjacent.
    #[error("InvalidArgumentException: the shards are not adjacent")]
    NotAdjacent,
}

impl Stream {
    /// A stream with this number of shards, at least one, which share the hash keys evenly.
    #[must_use]
    pub fn new(name: impl Into<String>, shards: u32) -> Self {
        let mut stream = Self { name: name.into(), shards: Vec::new(), count: 0 };
        let count = u128::from(shards.max(1));
        let width = u128::MAX / count;
        for number in 0..count {
            let start = number * width + u128::from(number > 0);
            let end = if number + 1 == count { u128::MAX } else { (number + 1) * width };
            stream.open(start..=end, Vec::new());
        }
        stream
    }

    /// The stream's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{}", self.name)
    }

    /// The shards, including closed ones, in the order of their creation.
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Number of records that were put.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Puts a record, at this time in milliseconds since 1970, into the open shard whose range
    /// contains the MD5 of its partition key.
    pub fn put(&mut self, partition_key: &str, data: impl Into<Bytes>, now_ms: u64) -> Put {
        let hash_key = hash_key(partition_key);
        self.count += 1;
        // 56 increasing digits, as in the service.
        let sequence_number = format!("496{:053}", self.count);
        let mut put = Put { shard_id: String::new(), sequence_number };
        let takes = |shard: &&mut Shard| !shard.is_closed && shard.hash_keys.contains(&hash_key);
        // There is always one: the open shards cover all hash keys.
        if let Some(shard) = self.shards.iter_mut().find(takes) {
            put.shard_id.clone_from(&shard.id);
            shard.records.push(Stored {
                partition_key: partition_key.to_owned(),
                sequence_number: put.sequence_number.clone(),
                data: data.into(),
                arrived_ms: now_ms,
            });
        }
        put
    }

    /// Splits a shard: `SplitShard` with this `NewStartingHashKey`, the first hash key of the
    /// second child. Returns the indexes of the children.
    ///
    /// # Errors
    /// [`StreamError`], and nothing has changed.
    pub fn split(&mut self, shard: usize, hash_key: u128) -> Result<[usize; 2], StreamError> {
        let range = self.of_open(shard)?;
        if hash_key <= *range.start() || hash_key > *range.end() {
            return Err(StreamError::HashKey);
        }
        self.shards[shard].is_closed = true;
        let first = self.open(*range.start()..=hash_key - 1, vec![shard]);
        Ok([first, self.open(hash_key..=*range.end(), vec![shard])])
    }

    /// Splits a shard into halves.
    ///
    /// # Errors
    /// [`StreamError`], and nothing has changed.
    pub fn split_evenly(&mut self, shard: usize) -> Result<[usize; 2], StreamError> {
        let range = self.of_open(shard)?;
        self.split(shard, u128::midpoint(*range.start(), *range.end()) + 1)
    }

    /// Merges two shards: `MergeShards`. Returns the index of the child.
    ///
    /// # Errors
    /// [`StreamError`], and nothing has changed.
    pub fn merge(&mut self, shard: usize, adjacent: usize) -> Result<usize, StreamError> {
        let (one, other) = (self.of_open(shard)?, self.of_open(adjacent)?);
        let (low, high) = if one.start() < other.start() { (one, other) } else { (other, one) };
        if low.end().checked_add(1) != Some(*high.start()) {
            return Err(StreamError::NotAdjacent);
        }
        self.shards[shard].is_closed = true;
        self.shards[adjacent].is_closed = true;
        Ok(self.open(*low.start()..=*high.end(), vec![shard, adjacent]))
    }

    /// The hash keys of an open shard.
    fn of_open(&self, shard: usize) -> Result<RangeInclusive<u128>, StreamError> {
        let shard = self.shards.get(shard).ok_or(StreamError::NoShard)?;
        if shard.is_closed { Err(StreamError::Closed) } else { Ok(shard.hash_keys.clone()) }
    }

    fn open(&mut self, hash_keys: RangeInclusive<u128>, parents: Vec<usize>) -> usize {
        let place = self.shards.len();
        let id = format!("shardId-{place:012}");
        let shard = Shard { id, hash_keys, parents, is_closed: false, records: Vec::new() };
        self.shards.push(shard);
        place
    }
}

impl Shard {
    /// The records, oldest first.
    #[must_use]
    pub fn records(&self) -> &[Stored] {
        &self.records
    }
}

/// The hash key of a partition key: its MD5 as a number.
pub(super) fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(stream: &Stream) -> Vec<(u128, u128)> {
        let open = stream.shards().iter().filter(|shard| !shard.is_closed);
        let mut ranges: Vec<_> =
            open.map(|shard| (*shard.hash_keys.start(), *shard.hash_keys.end())).collect();
        ranges.sort_unstable();
        ranges
    }

    /// Whether the open shards cover all hash keys without gaps.
    fn is_whole(stream: &Stream) -> bool {
        let ranges = ranges(stream);
        let joined = ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0);
        joined && ranges[0].0 == 0 && ranges[ranges.len() - 1].1 == u128::MAX
    }

    #[test]
    fn open_shards_share_all_hash_keys_before_and_after_splits_and_merges() {
        for shards in 1..6 {
            assert!(is_whole(&Stream::new("s", shards)), "{shards}");
        }
        let mut stream = Stream::new("s", 2);
        assert_eq!(stream.split_evenly(0), Ok([2, 3]));
        assert_eq!(stream.split(1, u128::MAX), Ok([4, 5]));
        assert!(is_whole(&stream));
        assert_eq!(ranges(&stream)[3], (u128::MAX, u128::MAX));
        assert_eq!(stream.merge(4, 3), Ok(6), "also the other way around");
        assert!(is_whole(&stream));
        let parents: Vec<_> = stream.shards().iter().map(|shard| shard.parents.clone()).collect();
        assert_eq!(parents, [vec![], vec![], vec![0], vec![0], vec![1], vec![1], vec![4, 3]]);
    }

    #[test]
    fn a_wrong_reshard_changes_nothing() {
        let mut stream = Stream::new("s", 2);
        let [_, second] = stream.split_evenly(0).unwrap();
        let before = ranges(&stream);
        let start = *stream.shards()[second].hash_keys.start();
        for (result, expected) in [
            (stream.split(9, 1).map(drop), StreamError::NoShard),
            (stream.split(0, 1).map(drop), StreamError::Closed),
            (stream.split(second, start).map(drop), StreamError::HashKey),
            (stream.split(second, u128::MAX).map(drop), StreamError::HashKey),
            (stream.merge(second, 0).map(drop), StreamError::Closed),
            (stream.merge(1, 2).map(drop), StreamError::NotAdjacent),
        ] {
            assert_eq!(result, Err(expected));
        }
        assert_eq!(ranges(&stream), before);
    }

    #[test]
    fn a_record_goes_to_the_shard_of_its_hash_key_and_numbers_grow() {
        // The MD5 of `a` begins with 0c, that of `b` with 92.
        let mut stream = Stream::new("s", 2);
        let puts = ["a", "b", "a"].map(|key| stream.put(key, key, 7));
        let ids = puts.each_ref().map(|put| put.shard_id.as_str());
        assert_eq!(ids, ["shardId-000000000000", "shardId-000000000001", "shardId-000000000000"]);
        assert!(puts.is_sorted_by(|one, other| one.sequence_number < other.sequence_number));
        assert!(puts.iter().all(|put| put.sequence_number.len() == 56));
        stream.split_evenly(0).unwrap();
        assert_eq!(stream.put("a", "later", 8).shard_id, "shardId-000000000002");
        let counts: Vec<_> = stream.shards().iter().map(|shard| shard.records().len()).collect();
        assert_eq!((counts, stream.count()), (vec![2, 1, 1, 0], 4));
    }
}
