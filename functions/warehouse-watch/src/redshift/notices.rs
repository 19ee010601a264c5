//! The notices about a warehouse.

use jiff::{SignedDuration, Timestamp};
use shared::notice::{Fact, Notice, State};
use shared::time::duration;

use super::locks::{Blockage, Waiter};
use super::queries::{LongQuery, Query};
use crate::notices::{SOURCE, beginning, facts};
use crate::told::Told;
use crate::window::{Window, plus, seconds_between};

/// Maximum number of long queries with a separate notice.
const MAX_QUERIES: usize = 20;

const LONG_QUERY: &str = "redshift-long-query";
const LOCK: &str = "redshift-lock";

/// The long queries that one notice counts.
#[derive(Debug)]
pub(crate) struct Rest {
    /// The id of the notice that counts them.
    pub(crate) id: String,
    /// The ids of the notices that they would have had.
    pub(crate) counted: Vec<String>,
}

/// The notices of long queries that are not published yet, the longest first.
pub(crate) fn of_long_queries(
    long: &[LongQuery<'_>],
    warehouse: &str,
    told: &Told,
) -> (Vec<Notice>, Option<Rest>) {
    let due = long.iter().map(|long| (long.at, of_long_query(*long, warehouse)));
    let mut due: Vec<_> = due.filter(|(_, notice)| !told.has(&notice.id())).collect();
    let rest = due.split_off(due.len().min(MAX_QUERIES));
    // A time of the queries, so that a retry publishes the same notice.
    let more = rest.iter().map(|(at, _)| *at).max().map(|at| Notice {
        source: SOURCE.to_owned(),
        kind: LONG_QUERY.to_owned(),
        state: State::Info,
        title: format!("{} more long queries on {warehouse}", rest.len()),
        thread: format!("redshift/{warehouse}/queries"),
        at: at.to_string(),
        since: None,
        text: Some(format!("Only the {MAX_QUERIES} longest have a notice of their own.")),
        facts: Vec::new(),
        lines: Vec::new(),
        links: Vec::new(),
    });
    let counted = rest.iter().map(|(_, notice)| notice.id()).collect();
    let rest = more.as_ref().map(|more| Rest { id: more.id(), counted });
    (due.into_iter().map(|(_, notice)| notice).chain(more).collect(), rest)
}

fn of_long_query(long: LongQuery<'_>, warehouse: &str) -> Notice {
    let LongQuery { query, at, is_over, ran_seconds } = long;
    let (id, ran) = (query.id, duration(ran_seconds));
    let (state, title) = if is_over {
        // Not after a colon: the mask would consider the status the secret of a `monkey`.
        (State::Ok, format!("Query {id} ({}) took {ran} on {warehouse}", query.status))
    } else {
        (State::Alarm, format!("Query {id} has been running for {ran} on {warehouse}"))
    };
    Notice {
        source: SOURCE.to_owned(),
        kind: LONG_QUERY.to_owned(),
        state,
        title,
        thread: format!("redshift/{warehouse}/query/{id}"),
        at: at.to_string(),
        since: query.start.map(|start| start.to_string()),
        text: query.sql.as_deref().map(beginning),
        facts: facts([
            ("User", query.user.clone()),
            ("Database", query.database.clone()),
            ("Type", query.kind.clone()),
            ("Status", Some(query.status.clone())),
            ("Ran for", Some(ran)),
            ("Queued for", query.queued.map(|queued| duration(queued.as_secs()))),
            ("Session", query.session.map(|session| session.to_string())),
            ("Error", query.error.clone()),
        ]),
        lines: Vec::new(),
        links: Vec::new(),
    }
}

/// The limits for waiting for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockRule {
    pub(crate) seconds: i64,
    pub(crate) repeat: Option<SignedDuration>,
}

impl LockRule {
    pub(crate) fn is_too_long(self, wait_seconds: u64) -> bool {
        wait_seconds >= u64::try_from(self.seconds).unwrap_or_default()
    }
}

/// The queries that sessions run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Activity<'a> {
    pub(crate) queries: &'a [Query],
    /// Whether all queries are known, so that a session without one runs none.
    pub(crate) is_whole: bool,
}

/// The notice of the locks that sessions wait for too long, if one of the waits crossed the limit in
/// the window.
pub(crate) fn of_locks(
    blockages: &[Blockage<'_>],
    activity: Activity<'_>,
    rule: LockRule,
    window: Window,
    warehouse: &str,
) -> Option<Notice> {
    let limit = SignedDuration::from_secs(rule.seconds);
    let over: Vec<_> = blockages
        .iter()
        .filter_map(|blockage| Some((blockage, plus(blockage.since()?, limit))))
        .filter(|(_, crossed)| *crossed <= window.now)
        .collect();
    // The last one: if another root crosses the limit later, that is another notice.
    let at = over.iter().filter_map(|(_, crossed)| window.last_of(*crossed, rule.repeat)).max()?;
    let over: Vec<_> = over.into_iter().map(|(blockage, _)| blockage).collect();
    let mut waiters: Vec<_> = over.iter().flat_map(|blockage| &blockage.waiters).collect();
    waiters.sort_by_key(|waiter| (waiter.since, waiter.lock.session));
    // One that waits for several roots is in the list of each.
    waiters.dedup_by_key(|waiter| waiter.lock.session);
    let texts = over.iter().map(|blockage| text(blockage, activity, window.now));
    Some(Notice {
        source: SOURCE.to_owned(),
        kind: LOCK.to_owned(),
        state: State::Alarm,
        title: title(&over, waiters.len(), warehouse),
        thread: thread(warehouse),
        at: at.to_string(),
        since: over.first().and_then(|first| first.since()).map(|since| since.to_string()),
        text: Some(texts.collect::<Vec<_>>().join("\n")),
        facts: over.iter().flat_map(|blockage| facts_of(blockage)).collect(),
        lines: waiters.iter().map(|waiter| line(waiter, window.now)).collect(),
        links: Vec::new(),
    })
}

/// The notice that no session waits too long any more.
pub(crate) fn of_no_locks(rule: LockRule, now: Timestamp, warehouse: &str) -> Notice {
    let limit = duration(u64::try_from(rule.seconds).unwrap_or_default());
    Notice {
        source: SOURCE.to_owned(),
        kind: LOCK.to_owned(),
        state: State::Ok,
        title: format!("Long waits for locks on {warehouse} are over"),
        thread: thread(warehouse),
        at: now.to_string(),
        since: None,
        text: Some(format!("No session has been waiting for {limit} or longer.")),
        facts: Vec::new(),
        lines: Vec::new(),
        links: Vec::new(),
    }
}

/// The query that a session runs: the one that started last.
pub(crate) fn running_query(queries: &[Query], session: i64, now: Timestamp) -> Option<&Query> {
    let is_running = |query: &&Query| query.session == Some(session) && query.is_unfinished(now);
    let running = queries.iter().filter(is_running);
    running.max_by_key(|query| query.start)
}

fn thread(warehouse: &str) -> String {
    format!("redshift/{warehouse}/locks")
}

fn title(over: &[&Blockage<'_>], waiters: usize, warehouse: &str) -> String {
    let sessions = if waiters == 1 { "session waits" } else { "sessions wait" };
    let first = over.first().and_then(|blockage| blockage.root.first());
    let holder = first.map_or_else(
        || "a session that is not visible".to_owned(),
        |lock| session(lock.session, lock.user.as_deref()),
    );
    let more = match over.len() {
        0 | 1 => String::new(),
        roots => format!(" and {} more", roots - 1),
    };
    format!("{waiters} {sessions} for locks on {warehouse}, held by {holder}{more}")
}

fn session(id: i64, user: Option<&str>) -> String {
    format!("session {id} ({})", user.unwrap_or("unknown user"))
}

fn text(blockage: &Blockage<'_>, activity: Activity<'_>, now: Timestamp) -> String {
    let Some(lock) = blockage.root.first() else {
        return "The session that holds the lock is not visible: it needs SYSLOG ACCESS UNRESTRICTED."
            .to_owned();
    };
    let id = lock.session;
    match running_query(activity.queries, id, now) {
        Some(Query { sql: Some(sql), .. }) => format!("Session {id} runs: {}", beginning(sql)),
        Some(query) => format!("Session {id} runs query {}, whose SQL is unknown.", query.id),
        None if activity.is_whole => {
            format!("Session {id} runs no query: it is idle in a transaction.")
        }
        None => format!("What session {id} runs could not be read."),
    }
}

fn facts_of(blockage: &Blockage<'_>) -> Vec<Fact> {
    let Some(lock) = blockage.root.first() else { return Vec::new() };
    // After a table such as `user_tokens` and a blank, the mask would consider the text a secret.
    let tables: Vec<_> =
        blockage.root.iter().map(|lock| format!("{} on {}", lock.mode, lock.table())).collect();
    let since = lock.transaction_start.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    facts([
        ("Holds locks", Some(session(lock.session, lock.user.as_deref()))),
        ("Transaction open since", Some(since)),
        ("Tables", Some(tables.join(", "))),
    ])
}

fn line(waiter: &Waiter<'_>, now: Timestamp) -> String {
    let Waiter { lock, since } = waiter;
    format!(
        "{} has been waiting for {}: {} on {}",
        session(lock.session, lock.user.as_deref()),
        duration(seconds_between(*since, now)),
        lock.mode,
        lock.table(),
    )
}

#[cfg(test)]
mod tests {
    use shared::redshift::Cell;

    use super::*;

    #[test]
    fn a_name_that_sounds_like_a_secret_hides_nothing() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let mut row = vec![Cell::Null; 11];
        row[0] = Cell::Long(7);
        row[5] = text("success");
        row[7] = text("2026-11-28 07:00:00");
        let query = Query::read(&row).unwrap();
        let at = "2026-11-28T07:00:00Z".parse().unwrap();
        let long = LongQuery { query: &query, at, is_over: true, ran_seconds: 3_660 };
        let notice = of_long_query(long, "monkey").masked(&[]);
        assert_eq!(notice.title, "Query 7 (success) took 1 h 1 min on monkey");
    }
}
