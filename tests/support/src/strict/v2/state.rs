//! What a 2.x server holds.

use std::collections::BTreeMap;

use super::super::SECOND;
use super::super::tokens::Tokens;
use super::super::version::Version;
use super::shards::Shard;
use super::{Bucket2, ORG};
use crate::asked::Bucket;
use crate::points::Points;

/// Id of the organisation.
pub(super) const ORG_ID: &str = "00000000000000a1";

/// A bucket with its points.
pub(super) struct Held {
    pub(super) is: Bucket,
    /// By their beginning, in nanoseconds.
    pub(super) shards: BTreeMap<i64, Shard>,
    pub(super) points: Points,
}

impl Held {
    /// Where the shard begins that a time belongs to: one that there is, or one of the length that new ones have.
    pub(super) fn start_of(&self, time: i64) -> i64 {
        let before = self.shards.range(..=time).next_back();
        match before {
            Some((&start, shard)) if time < shard.end => start,
            _ => time.div_euclid(self.length()).saturating_mul(self.length()),
        }
    }

    /// Nanoseconds of a new shard.
    pub(super) fn length(&self) -> i64 {
        self.is.shard * SECOND
    }
}

pub(super) struct State {
    pub(super) version: Version,
    pub(super) tokens: Tokens,
    /// Ids of tokens that were made through the API, and the tokens.
    pub(super) made_tokens: Vec<(String, String)>,
    pub(super) buckets: Vec<Held>,
    /// Database, policy and bucket.
    pub(super) mappings: Vec<[String; 3]>,
    pub(super) disk_is_full: bool,
    pub(super) shards_are_deleted: bool,
    pub(super) trouble: Option<String>,
    ids: u64,
    shards: u64,
}

impl State {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            tokens: Tokens::default(),
            made_tokens: Vec::new(),
            buckets: Vec::new(),
            mappings: Vec::new(),
            disk_is_full: false,
            shards_are_deleted: false,
            trouble: None,
            ids: 0xb0,
            shards: 0,
        }
    }

    pub(super) fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("{:016x}", self.ids)
    }

    pub(super) fn new_shard(&mut self) -> u64 {
        self.shards += 1;
        self.shards
    }

    pub(super) fn create(&mut self, bucket: Bucket2) -> String {
        let id = self.new_id();
        self.buckets.push(Held {
            is: Bucket {
                org: ORG.to_owned(),
                org_id: ORG_ID.to_owned(),
                name: bucket.name,
                id: id.clone(),
                keeps: bucket.keeps,
                shard: i64::try_from(bucket.shard).expect("less than an age"),
            },
            shards: BTreeMap::new(),
            points: Points::default(),
        });
        id
    }

    pub(super) fn set_retention(&mut self, name: &str, keeps: u64, shard: u64) {
        let held = self.bucket_mut(name).expect("a bucket");
        held.is.keeps = keeps;
        held.is.shard = i64::try_from(shard).expect("less than an age");
    }

    /// By its id, then by its name.
    pub(super) fn place(&self, called: &str) -> Option<usize> {
        let by_id = self.buckets.iter().position(|held| held.is.id == called);
        let by_name = || self.buckets.iter().position(|held| held.is.name == called);
        by_id.or_else(by_name)
    }

    pub(super) fn bucket(&self, called: &str) -> Option<&Held> {
        self.place(called).map(|place| &self.buckets[place])
    }

    pub(super) fn bucket_mut(&mut self, called: &str) -> Option<&mut Held> {
        self.place(called).map(|place| &mut self.buckets[place])
    }

    /// The bucket of a database and a policy of 1.x: as it was mapped, or by its name alone.
    pub(super) fn mapped(&self, database: &str, policy: Option<&str>) -> Option<usize> {
        let is = |mapping: &&[String; 3]| {
            mapping[0] == database && policy.is_none_or(|policy| mapping[1] == policy)
        };
        if let Some([.., bucket]) = self.mappings.iter().find(is) {
            return self.place(bucket);
        }
        let name = match policy {
            None | Some("autogen") => database.to_owned(),
            Some(policy) => format!("{database}/{policy}"),
        };
        self.buckets.iter().position(|held| held.is.name == name)
    }

    /// What a start does.
    pub(super) fn reopen(&mut self) {
        for held in &mut self.buckets {
            held.shards.retain(|_, shard| shard.failed.is_none());
        }
    }
}
