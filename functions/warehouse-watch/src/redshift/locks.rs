//! Finds the sessions that wait for locks, and those that block them.
//!
//! Source: Amazon Redshift Database Developer Guide, `SVV_TRANSACTIONS`; AWS re:Post, "How do I
//! detect and release locks in Amazon Redshift?" The queries published there consider every holder
//! of a lock a blocker; here, only holders with a conflicting mode count.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use shared::redshift::Cell;

use super::queries::{text, time};

/// A row of `sql/locks.sql`: a lock that is held or waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) session: i64,
    pub(crate) user: Option<String>,
    database: String,
    /// When its transaction began.
    pub(crate) transaction_start: Timestamp,
    pub(crate) mode: String,
    relation: i64,
    /// Only known in the current database.
    table: Option<String>,
    is_granted: bool,
}

impl Lock {
    /// `None` if the row lacks a value that every lock has.
    pub(crate) fn read(row: &[Cell]) -> Option<Self> {
        let [_transaction, session, user, database, start, mode, relation, table, is_granted] = row
        else {
            return None;
        };
        Some(Self {
            session: session.long()?,
            user: text(user),
            database: text(database)?,
            transaction_start: time(start)?,
            mode: text(mode)?,
            relation: relation.long()?,
            table: text(table),
            is_granted: is_granted.bool()?,
        })
    }

    /// The table's name, else its number and its database.
    pub(crate) fn table(&self) -> String {
        let unnamed = || format!("relation {} of {}", self.relation, self.database);
        self.table.clone().unwrap_or_else(unnamed)
    }

    /// Whether two sessions want the same table in conflicting modes.
    fn conflicts_with(&self, other: &Self) -> bool {
        self.session != other.session
            && (&*self.database, self.relation) == (&*other.database, other.relation)
            && are_exclusive(&self.mode, &other.mode)
    }
}

/// Whether two modes conflict.
fn are_exclusive(one: &str, other: &str) -> bool {
    const SHARED: &str = "AccessShareLock";
    const WRITE: &str = "ShareRowExclusiveLock";
    let is_known = |mode| [SHARED, WRITE].contains(&mode);
    // AccessExclusiveLock and unknown modes conflict with all.
    !is_known(one) || !is_known(other) || (one, other) == (WRITE, WRITE)
}

/// A session that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter<'a> {
    /// The lock that it waits for.
    pub(crate) lock: &'a Lock,
    pub(crate) since: Timestamp,
}

/// The sessions that wait because of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blockage<'a> {
    /// The locks of the session that blocks others and does not wait itself; empty if the view does
    /// not show it.
    pub(crate) root: Vec<&'a Lock>,
    /// The sessions that wait for the root, directly or indirectly; the longest wait first.
    pub(crate) waiters: Vec<Waiter<'a>>,
}

impl Blockage<'_> {
    /// When the first of the waiters began to wait.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.waiters.first().map(|waiter| waiter.since)
    }
}

/// All locks at one time.
#[derive(Debug)]
pub(crate) struct Locks<'a> {
    all: &'a [Lock],
    /// By session, because a session waits for one lock at a time.
    waiters: BTreeMap<i64, Waiter<'a>>,
}

impl<'a> Locks<'a> {
    /// `query_start` returns when the running query of a session began: a wait begins then, or else
    /// with its transaction.
    pub(crate) fn new(all: &'a [Lock], query_start: impl Fn(i64) -> Option<Timestamp>) -> Self {
        let mut waiters = BTreeMap::new();
        for lock in all.iter().filter(|lock| !lock.is_granted) {
            let since = query_start(lock.session).unwrap_or(lock.transaction_start);
            waiters.entry(lock.session).or_insert(Waiter { lock, since });
        }
        Self { all, waiters }
    }

    /// The sessions that wait, in no particular order.
    pub(crate) fn waiters(&self) -> impl Iterator<Item = Waiter<'a>> {
        self.waiters.values().copied()
    }

    /// The waiting sessions by their roots; the root with the longest wait first.
    pub(crate) fn blockages(&self) -> Vec<Blockage<'a>> {
        let mut by_root = BTreeMap::<Option<i64>, Vec<Waiter<'a>>>::new();
        let waiters = self.waiters.iter();
        let blockers =
            waiters.map(|(session, waiter)| (*session, self.blockers(*waiter))).collect();
        for (&session, &waiter) in &self.waiters {
            let roots = roots(session, &blockers);
            let hidden = roots.is_empty().then_some(None);
            for root in roots.into_iter().map(Some).chain(hidden) {
                by_root.entry(root).or_default().push(waiter);
            }
        }
        let mut blockages: Vec<_> = by_root
            .into_iter()
            .map(|(root, mut waiters)| {
                waiters.sort_by_key(|waiter| (waiter.since, waiter.lock.session));
                let is_of_root = |lock: &&Lock| lock.is_granted && Some(lock.session) == root;
                Blockage { root: self.all.iter().filter(is_of_root).collect(), waiters }
            })
            .collect();
        blockages.sort_by_key(Blockage::since);
        blockages
    }

    /// The sessions that block a session: the holders of its lock or, without any, the first
    /// session that also waits for it.
    fn blockers(&self, waiter: Waiter<'_>) -> BTreeSet<i64> {
        let holders = self.all.iter().filter(|lock| lock.is_granted);
        let holders = holders.filter(|lock| lock.conflicts_with(waiter.lock));
        let holders: BTreeSet<_> = holders.map(|lock| lock.session).collect();
        if !holders.is_empty() {
            return holders;
        }
        let others = self.waiters().filter(|other| other.lock.conflicts_with(waiter.lock));
        let first = others.min_by_key(|other| (other.since, other.lock.session));
        first.map(|other| other.lock.session).into_iter().collect()
    }
}

/// The sessions that a session ultimately waits for: those that do not wait themselves. Waits can
/// be circular.
fn roots(session: i64, blockers: &BTreeMap<i64, BTreeSet<i64>>) -> BTreeSet<i64> {
    let (mut roots, mut seen) = (BTreeSet::new(), BTreeSet::from([session]));
    let mut open = vec![session];
    while let Some(session) = open.pop() {
        match blockers.get(&session) {
            Some(blockers) => open.extend(blockers.iter().filter(|next| seen.insert(**next))),
            None => {
                roots.insert(session);
            }
        }
    }
    roots
}

#[cfg(test)]
mod tests;
