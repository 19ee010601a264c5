use super::*;

const SHARED: &str = "AccessShareLock";
const WRITE: &str = "ShareRowExclusiveLock";
const ALL: &str = "AccessExclusiveLock";

/// A lock of a session on a table of the database `dev`; its transaction began in that minute.
fn lock(session: i64, minute: u32, relation: i64, mode: &str, is_granted: bool) -> Lock {
    let text = |text: String| Cell::Text(text);
    Lock::read(&[
        Cell::Long(session * 10),
        Cell::Long(session),
        text(format!("user{session} ")),
        text("dev".to_owned()),
        text(format!("2026-11-28 06:{minute:02}:00.5")),
        text(mode.to_owned()),
        Cell::Long(relation),
        text(format!("table{relation}")),
        text(if is_granted { "t" } else { "f" }.to_owned()),
    ])
    .unwrap()
}

/// Roots with their waiters, in order; no root is 0.
fn roots(locks: &[Lock]) -> Vec<(i64, Vec<i64>)> {
    let locks = Locks::new(locks, |_| None);
    let blockages = locks.blockages().into_iter();
    blockages
        .map(|Blockage { root, waiters }| {
            let root = root.first().map_or(0, |lock| lock.session);
            (root, waiters.iter().map(|waiter| waiter.lock.session).collect())
        })
        .collect()
}

#[test]
fn modes_exclude_each_other_as_redshift_has_it() {
    for (one, other, expected) in [
        (SHARED, SHARED, false),
        (SHARED, WRITE, false),
        (SHARED, ALL, true),
        (WRITE, WRITE, true),
        (WRITE, ALL, true),
        (ALL, ALL, true),
        ("RowExclusiveLock", SHARED, true),
        ("RowExclusiveLock", "RowExclusiveLock", true),
    ] {
        assert_eq!(are_exclusive(one, other), expected, "{one} {other}");
        assert_eq!(are_exclusive(other, one), expected, "{other} {one}");
    }
}

#[test]
fn only_holders_whose_mode_conflicts_block() {
    let locks = [
        lock(1, 0, 100, SHARED, true),
        lock(2, 1, 100, WRITE, true),
        lock(3, 2, 100, WRITE, false),
    ];
    assert_eq!(roots(&locks), [(2, vec![3])]);
}

#[test]
fn locks_of_other_tables_and_databases_do_not_block() {
    let elsewhere = Lock { database: "prod".to_owned(), ..lock(1, 0, 100, ALL, true) };
    let locks = [elsewhere, lock(2, 1, 101, ALL, true), lock(3, 2, 100, SHARED, false)];
    // The blocking session is not in the view.
    assert_eq!(roots(&locks), [(0, vec![3])]);
}

#[test]
fn a_session_does_not_block_itself() {
    let locks =
        [lock(1, 0, 100, SHARED, true), lock(1, 0, 100, ALL, false), lock(2, 1, 100, SHARED, true)];
    assert_eq!(roots(&locks), [(2, vec![1])]);
}

#[test]
fn who_waits_behind_one_that_waits_has_its_roots() {
    let locks = [
        lock(1, 0, 100, SHARED, true),
        lock(2, 1, 100, ALL, false),
        // Session 1 would let them in, but 2 comes first.
        lock(3, 2, 100, SHARED, false),
        lock(4, 3, 100, WRITE, false),
    ];
    assert_eq!(roots(&locks), [(1, vec![2, 3, 4])]);
}

#[test]
fn a_chain_over_several_tables_ends_at_its_root() {
    let locks = [
        lock(1, 0, 100, ALL, true),
        lock(2, 1, 100, SHARED, false),
        lock(2, 1, 101, WRITE, true),
        lock(3, 2, 101, WRITE, false),
        lock(4, 3, 102, ALL, true),
        lock(5, 4, 102, ALL, false),
    ];
    assert_eq!(roots(&locks), [(1, vec![2, 3]), (4, vec![5])]);
}

#[test]
fn one_waiter_may_have_several_roots() {
    let locks =
        [lock(1, 0, 100, SHARED, true), lock(2, 1, 100, SHARED, true), lock(3, 2, 100, ALL, false)];
    assert_eq!(roots(&locks), [(1, vec![3]), (2, vec![3])]);
}

#[test]
fn circular_waits_have_no_root() {
    let locks = [
        lock(1, 0, 100, ALL, true),
        lock(1, 0, 101, ALL, false),
        lock(2, 1, 101, ALL, true),
        lock(2, 1, 100, ALL, false),
    ];
    assert_eq!(roots(&locks), [(0, vec![1, 2])]);
}

#[test]
fn who_waits_in_a_circle_and_for_another_has_its_root() {
    let locks = [
        lock(1, 0, 101, ALL, true),
        lock(1, 0, 100, ALL, false),
        lock(2, 1, 100, SHARED, true),
        lock(2, 1, 101, ALL, false),
        lock(9, 2, 100, SHARED, true),
    ];
    assert_eq!(roots(&locks), [(9, vec![1, 2])]);
}

#[test]
fn a_wait_begins_with_the_running_query_else_with_the_transaction() {
    let locks =
        [lock(1, 0, 100, ALL, true), lock(2, 1, 100, ALL, false), lock(3, 2, 100, ALL, false)];
    let start: Timestamp = "2026-11-28T06:30:00Z".parse().unwrap();
    let locks = Locks::new(&locks, |session| (session == 2).then_some(start));
    let [blockage] = &locks.blockages()[..] else { panic!("one root") };
    let waits = blockage.waiters.iter().map(|waiter| (waiter.lock.session, waiter.since));
    let transaction = "2026-11-28T06:02:00.5Z".parse().unwrap();
    assert_eq!(waits.collect::<Vec<_>>(), [(3, transaction), (2, start)]);
    assert_eq!(blockage.since(), Some(transaction));
    assert_eq!(locks.waiters().count(), 2);
}

#[test]
fn rows_are_read_whatever_the_type_of_granted() {
    let row = |is_granted, table| {
        let text = |text: &str| Cell::Text(text.to_owned());
        Lock::read(&[
            Cell::Long(10),
            Cell::Long(1),
            Cell::Null,
            text("prod"),
            text("2026-11-28 06:00:00"),
            text(ALL),
            Cell::Long(100),
            table,
            is_granted,
        ])
    };
    let lock = row(Cell::Bool(true), Cell::Null).unwrap();
    assert!(lock.is_granted && lock.user.is_none());
    assert_eq!(lock.table(), "relation 100 of prod");
    assert_eq!(row(Cell::Null, Cell::Null), None);
    assert_eq!(Lock::read(&[Cell::Null]), None);
}

/// Every waiter is under some root, and no root waits.
#[test]
fn every_waiter_has_a_root_or_none_is_in_the_view() {
    use proptest::prelude::*;
    let modes = prop::sample::select(vec![SHARED, WRITE, ALL]);
    let locks = (1..8_i64, 0..60_u32, 100..103_i64, modes, any::<bool>()).prop_map(
        |(session, minute, relation, mode, is_granted)| {
            lock(session, minute, relation, mode, is_granted)
        },
    );
    testkit::holds(500, &prop::collection::vec(locks, 0..20), |all| {
        let locks = Locks::new(&all, |_| None);
        let blockages = locks.blockages();
        let waiting: BTreeSet<_> = locks.waiters().map(|waiter| waiter.lock.session).collect();
        let mut blocked = BTreeSet::new();
        for blockage in &blockages {
            assert!(blockage.root.iter().all(|lock| !waiting.contains(&lock.session)));
            blocked.extend(blockage.waiters.iter().map(|waiter| waiter.lock.session));
        }
        assert_eq!(blocked, waiting);
    });
}
