//! The notices about findings and removals.

use jiff::Timestamp;
use shared::cost::{Prices, shortened, usd};
use shared::notice::{Fact, Notice, State};
use shared::text::shown;

use crate::found::{Finding, Found};
use crate::outcome::Outcome;
use crate::rules::{Bound, counted};

/// The name of this function.
const SOURCE: &str = "idle-resources";

/// An id has at most 26 characters, and a fact 800.
const IDS_IN_FACT: usize = 25;

/// The shared parts of both notices of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) account: &'a str,
    pub(crate) at: Timestamp,
}

impl Frame<'_> {
    fn notice(&self, kind: &str, state: State, title: String) -> Notice {
        Notice {
            source: SOURCE.to_owned(),
            kind: kind.to_owned(),
            state,
            title,
            thread: format!("{SOURCE}/{}", self.account),
            at: self.at.to_string(),
            since: None,
            text: None,
            facts: Vec::new(),
            lines: Vec::new(),
            links: Vec::new(),
        }
    }
}

/// The notice of a scan, with at most `lines` findings in addition to those that will be removed.
pub(crate) fn of_scan(
    frame: Frame<'_>,
    found: &Found,
    removing: &[Finding],
    prices: &Prices,
    regions: &[&str],
    lines: usize,
) -> Notice {
    let state = if !found.unread.is_empty() || !removing.is_empty() {
        State::Alarm
    } else if found.findings.is_empty() {
        State::Ok
    } else {
        State::Info
    };
    let mut notice = frame.notice(SOURCE, state, title(found));
    notice.facts = facts(found, removing, prices, regions);
    let is_removed = |finding: &&Finding| removing.contains(finding);
    let others: Vec<_> = found.findings.iter().filter(|finding| !is_removed(finding)).collect();
    let shown = lines.saturating_sub(removing.len()).min(others.len());
    let removed = removing.iter().map(|finding| format!("{} · removing", line(finding)));
    notice.lines = removed.chain(others[..shown].iter().map(|finding| line(finding))).collect();
    shortened(notice, others.len() - shown)
}

fn title(found: &Found) -> String {
    let total = found.total();
    let unread = match found.unread.kinds() {
        0 => String::new(),
        kinds => format!("; {} not read", counted(kinds, "kind")),
    };
    match total.resources {
        0 => format!("No idle resources{unread}"),
        count => {
            let resources = counted(count, "idle resource");
            format!("{resources}, about {} a month{unread}", usd(total.usd))
        }
    }
}

fn facts(found: &Found, removing: &[Finding], prices: &Prices, regions: &[&str]) -> Vec<Fact> {
    let amount = |count: usize, amount: f64| format!("{count} · {}", usd(amount));
    let total = found.total();
    let mut kinds: Vec<_> = found.kinds().into_iter().collect();
    kinds.retain(|(_, sum)| sum.resources > 0);
    kinds.sort_by(|(_, one), (_, other)| other.usd.total_cmp(&one.usd));
    let kinds = kinds.iter();
    let kinds = kinds.map(|(kind, sum)| Fact::new(kind.name(), amount(sum.resources, sum.usd)));
    let mut facts = vec![Fact::new("In all", amount(total.resources, total.usd))];
    facts.extend(kinds);
    if found.protected > 0 {
        facts.push(Fact::new("Protected", found.protected.to_string()));
    }
    if !removing.is_empty() {
        // Facts are cut at their own limit and lines at that of the notice, so all ids are listed
        // in facts.
        let ids: Vec<_> = removing.iter().map(|finding| shown(&finding.id)).collect();
        facts.extend(ids.chunks(IDS_IN_FACT).map(|ids| Fact::new("Removing", ids.join(", "))));
    }
    if !found.unread.is_empty() {
        facts.push(Fact::new("Not read", found.unread.described()));
    }
    facts.push(Fact::new("Prices", prices.described(regions.iter().copied())));
    facts
}

/// `31.20 USD · volume vol-1 (scratch) in us-east-1 · attached to nothing, …`
fn line(finding: &Finding) -> String {
    let Finding { kind, id, name, region, bound, why, .. } = finding;
    let bound = match bound {
        Bound::Exactly => "",
        Bound::AtMost => " at most",
        Bound::AtLeast => " at least",
    };
    let name = name.as_ref().map(|name| format!(" ({})", shown(name))).unwrap_or_default();
    let (amount, id) = (usd(finding.usd), shown(id));
    format!("{amount}{bound} · {} {id}{name} in {region} · {why}", kind.name())
}

/// The notice of removals.
pub(crate) fn of_removals(frame: Frame<'_>, outcome: &Outcome) -> Notice {
    let failed = outcome.removal_failures();
    let state = if failed > 0 { State::Alarm } else { State::Info };
    let saved: f64 = outcome.removed.iter().map(|finding| finding.usd).sum();
    let waiting = outcome.not_removed.len() - failed;
    let mut title = format!("Removed {}", counted(outcome.removed.len(), "idle resource"));
    if !outcome.removed.is_empty() {
        title = format!("{title}, about {} a month", usd(saved));
    }
    for (count, what) in [(failed, "failed"), (waiting, "waiting")] {
        if count > 0 {
            title = format!("{title}; {count} {what}");
        }
    }
    let mut notice = frame.notice("idle-removal", state, title);
    notice.facts = vec![
        Fact::new("Removed", outcome.removed.len().to_string()),
        Fact::new("Not removed", outcome.not_removed.len().to_string()),
    ];
    let not_removed = outcome.not_removed.iter();
    let not_removed = not_removed
        .map(|(finding, why)| format!("{} · not removed: {}", line(finding), why.code()));
    let removed = outcome.removed.iter().map(|finding| format!("{} · removed", line(finding)));
    notice.lines = not_removed.chain(removed).collect();
    shortened(notice, 0)
}

#[cfg(test)]
mod tests {
    use shared::aws::CallFailure;

    use super::*;
    use crate::kind::Kind;
    use crate::outcome::NotRemoved;

    fn finding(kind: Kind, id: &str, usd: f64, bound: Bound) -> Finding {
        Finding {
            kind,
            id: id.to_owned(),
            name: (id == "vol-1").then(|| "scratch".to_owned()),
            region: "us-east-1".to_owned(),
            usd,
            bound,
            why: "unused".to_owned(),
            since: None,
        }
    }

    fn found() -> Found {
        let findings = vec![
            finding(Kind::LoadBalancer, "arn", 16.425, Bound::Exactly),
            finding(Kind::Volume, "vol-1", 10.0, Bound::Exactly),
            finding(Kind::Snapshot, "snap-1", 8.0, Bound::AtMost),
            finding(Kind::Volume, "vol-2", 7.0, Bound::Exactly),
        ];
        Found { findings, ..Found::default() }
    }

    fn of_scan(found: &Found, removing: &[Finding], lines: usize) -> Notice {
        let at = "2026-11-30T00:00:00Z".parse().unwrap();
        let frame = Frame { account: "123456789012", at };
        super::of_scan(frame, found, removing, &Prices::default(), &["us-east-1"], lines)
    }

    fn facts(notice: &Notice) -> Vec<(&str, &str)> {
        notice.facts.iter().map(|fact| (&*fact.label, &*fact.value)).collect()
    }

    #[test]
    fn a_scan_is_reported_with_its_kinds_the_dearest_first() {
        let notice = of_scan(&found(), &[], 3);
        assert_eq!((notice.state, &*notice.at), (State::Info, "2026-11-30T00:00:00Z"));
        assert_eq!(notice.title, "4 idle resources, about 41.43 USD a month");
        assert_eq!(notice.thread, "idle-resources/123456789012");
        let expected = [
            ("In all", "4 · 41.43 USD"),
            ("volume", "2 · 17.00 USD"),
            ("load-balancer", "1 · 16.43 USD"),
            ("snapshot", "1 · 8.00 USD"),
            ("Prices", "prices of us-east-1, August 2026"),
        ];
        assert_eq!(facts(&notice), expected);
        let expected = [
            "16.43 USD · load-balancer arn in us-east-1 · unused",
            "10.00 USD · volume vol-1 (scratch) in us-east-1 · unused",
            "8.00 USD at most · snapshot snap-1 in us-east-1 · unused",
            "… and 1 more",
        ];
        assert_eq!(notice.lines, expected);
        assert_eq!(of_scan(&found(), &[], 0).lines, ["… and 4 more"]);
        let mut hostile = found();
        hostile.findings.truncate(1);
        hostile.findings[0].id = "a\nb".to_owned();
        hostile.findings[0].name = Some("c\n".repeat(1_000));
        let line = &of_scan(&hostile, &[], 3).lines[0];
        assert!(line.starts_with("16.43 USD · load-balancer a b (c c "), "{line}");
        assert!(!line.contains('\n') && line.chars().count() < 400, "{line}");
    }

    #[test]
    fn the_state_and_the_title_report_what_was_not_read() {
        let nothing = Found::default();
        let notice = of_scan(&nothing, &[], 40);
        assert_eq!((notice.state, &*notice.title), (State::Ok, "No idle resources"));
        let mut partly = found();
        partly.findings.truncate(1);
        partly.protected = 2;
        let failure = CallFailure { code: Some("AccessDenied".to_owned()), message: String::new() };
        for (kind, region) in [("bucket", "us-east-1"), ("volume", "eu-west-1"), ("volume", "b")] {
            partly.unread.add(kind, region, &failure);
        }
        let notice = of_scan(&partly, &[], 40);
        assert_eq!(notice.state, State::Alarm);
        let title = "1 idle resource, about 16.43 USD a month; 2 kinds not read";
        assert_eq!(notice.title, title);
        let facts = facts(&notice);
        let unread = "bucket in us-east-1: AccessDenied; volume in b: AccessDenied; volume in \
                      eu-west-1: AccessDenied";
        assert_eq!(facts[2..4], [("Protected", "2"), ("Not read", unread)]);
    }

    #[test]
    fn what_is_to_be_removed_is_named_first() {
        let found = found();
        let notice = of_scan(&found, &found.findings[3..], 2);
        assert_eq!(notice.state, State::Alarm);
        let expected = [
            "7.00 USD · volume vol-2 in us-east-1 · unused · removing",
            "16.43 USD · load-balancer arn in us-east-1 · unused",
            "… and 2 more",
        ];
        assert_eq!(notice.lines, expected);
        assert!(facts(&notice).contains(&("Removing", "vol-2")));
        let many: Vec<_> = (0..60)
            .map(|number| Finding {
                id: format!("eipalloc-{number:017}"),
                ..found.findings[3].clone()
            })
            .collect();
        let notice = of_scan(&found, &many, 2);
        let named: Vec<_> = notice.facts.iter().filter(|fact| fact.label == "Removing").collect();
        assert_eq!(named.len(), 3);
        for Finding { id, .. } in &many {
            assert!(named.iter().any(|fact| fact.value.contains(id)), "{id}");
        }
        // All of them, whatever LINES is.
        assert_eq!(of_scan(&found, &found.findings[1..], 0).lines.len(), 4);
    }

    #[test]
    fn removals_are_reported_with_what_failed() {
        let at = "2026-11-30T00:00:00Z".parse().unwrap();
        let frame = Frame { account: "123456789012", at };
        let mut outcome =
            Outcome { removed: vec![found().findings[1].clone()], ..Outcome::default() };
        let notice = of_removals(frame, &outcome);
        assert_eq!((notice.state, &*notice.kind), (State::Info, "idle-removal"));
        assert_eq!(notice.title, "Removed 1 idle resource, about 10.00 USD a month");
        let failure = CallFailure { code: Some("VolumeInUse".to_owned()), message: String::new() };
        for (index, why) in [(3, NotRemoved::SnapshotPending), (2, NotRemoved::Failed(failure))] {
            outcome.not_removed.push((found().findings[index].clone(), why));
        }
        let notice = of_removals(frame, &outcome);
        assert_eq!(notice.state, State::Alarm);
        let title = "Removed 1 idle resource, about 10.00 USD a month; 1 failed; 1 waiting";
        assert_eq!(notice.title, title);
        assert!(notice.lines[0].ends_with(" · not removed: SnapshotPending"));
        assert!(notice.lines[1].ends_with(" · not removed: VolumeInUse"));
        assert!(notice.lines[2].ends_with(" · removed"));
        outcome.removed.clear();
        outcome.not_removed.truncate(1);
        let notice = of_removals(frame, &outcome);
        assert_eq!(
            (notice.state, &*notice.title),
            (State::Info, "Removed 0 idle resources; 1 waiting")
        );
    }
}
