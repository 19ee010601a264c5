//! The notice of a report.

use jiff::Timestamp;
use shared::cost::{Prices, cents, shortened, usd};
use shared::notice::{Fact, Notice, State};

use crate::found::{Finding, Found, Measured, Saving, Sum};

/// The name of this function.
const SOURCE: &str = "rightsizing";

/// Maximum number of measured buckets in a notice.
const MAX_MEASURED: usize = 20;

/// The notice of a report, with at most `lines` findings.
pub(crate) fn of_report(
    found: &Found,
    account: &str,
    at: Timestamp,
    prices: &Prices,
    region: &str,
    lines: usize,
) -> Notice {
    let state = if !found.unread.is_empty() {
        State::Alarm
    } else if found.findings.is_empty() {
        State::Ok
    } else {
        State::Info
    };
    let shown = lines.min(found.findings.len());
    let notice = Notice {
        source: SOURCE.to_owned(),
        kind: SOURCE.to_owned(),
        state,
        title: title(found),
        thread: format!("{SOURCE}/{account}"),
        at: at.to_string(),
        since: None,
        text: None,
        facts: facts(found, prices, region),
        lines: found.findings[..shown].iter().map(line).collect(),
        links: Vec::new(),
    };
    shortened(notice, found.findings.len() - shown)
}

/// Such as `40.10 USD`, or `40.10 to 96.00 USD`.
fn amount(saving: Saving) -> String {
    if saving.is_known() {
        usd(saving.usd)
    } else {
        format!("{} to {}", cents(saving.usd), usd(saving.max))
    }
}

fn title(found: &Found) -> String {
    let unread = match found.unread.kinds() {
        0 => String::new(),
        1 => "; 1 kind not read".to_owned(),
        kinds => format!("; {kinds} kinds not read"),
    };
    let Sum { resources, saving } = found.total();
    let savings = match resources {
        0 => return format!("No savings{unread}"),
        1 => "1 saving".to_owned(),
        count => format!("{count} savings"),
    };
    format!("{savings}, {} a month{unread}", amount(saving))
}

fn facts(found: &Found, prices: &Prices, region: &str) -> Vec<Fact> {
    let described = |Sum { resources, saving }: Sum| format!("{resources} · {}", amount(saving));
    let mut kinds: Vec<_> = found.kinds().into_iter().collect();
    kinds.retain(|(_, sum)| sum.resources > 0);
    kinds.sort_by(|(_, one), (_, other)| other.saving.max.total_cmp(&one.saving.max));
    let kinds = kinds.into_iter().map(|(kind, sum)| Fact::new(kind.name(), described(sum)));
    let mut facts = vec![Fact::new("In all", described(found.total()))];
    facts.extend(kinds);
    // A notice has room for only some; all are in the answer.
    facts.extend(found.measured.iter().take(MAX_MEASURED).map(measured));
    if !found.protected.is_empty() {
        facts.push(Fact::new("Protected", found.protected.len().to_string()));
    }
    if !found.unread.is_empty() {
        facts.push(Fact::new("Not read", found.unread.described()));
    }
    facts.push(Fact::new("Prices", prices.described([region])));
    facts
}

fn measured(Measured { bucket, usd: saved, percent }: &Measured) -> Fact {
    let saved = usd(*saved);
    let value = format!("{bucket}: {saved} a month saved by Intelligent-Tiering ({percent:.1} %)");
    Fact::new("Measured", value)
}

/// `2.00 USD · gp2-volume vol-1 in us-east-1 · gp2 of 100 GiB, …`
fn line(finding: &Finding) -> String {
    let Finding { kind, id, region, saving, why } = finding;
    format!("{} · {} {id} in {region} · {why}", amount(*saving), kind.name())
}
