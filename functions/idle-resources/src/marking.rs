//! Marks: the tag with the day on which a volume or an address was found idle.

use jiff::civil::Date;
use shared::aws::CallFailure;
use shared::aws::query::{EC2, Parameters};

use crate::found::{Finding, Found, Markable};
use crate::outcome::Outcome;
use crate::region::Region;
use crate::rules::{IDLE_SINCE, Tags, marked};

/// The idle resources without a valid mark.
pub(crate) fn to_mark(found: &Found) -> Vec<&Markable> {
    let unmarked =
        |(markable, is_idle): &(&Markable, bool)| *is_idle && marked(&markable.tags).is_none();
    found.markable().filter(unmarked).map(|(markable, _)| markable).collect()
}

/// The resources that have a mark and are in use again.
pub(crate) fn to_unmark(found: &Found) -> Vec<&Markable> {
    let used = |markable: &&Markable| markable.is_in_use && markable.tags.contains_key(IDLE_SINCE);
    found.markable.iter().filter(used).collect()
}

/// The resources to remove: idle, with `remove_tag` = `true`, and marked for `grace_days`. The most
/// expensive first, at most `max`.
pub(crate) fn due(
    found: &Found,
    today: Date,
    remove_tag: &str,
    grace_days: i64,
    max: usize,
) -> Vec<Finding> {
    let is_due = |finding: &&Finding| {
        let mut same = found.markable.iter();
        let same = same.find(|markable| markable.is_of(finding));
        same.is_some_and(|markable| may_remove(&markable.tags, today, remove_tag, grace_days))
    };
    found.findings.iter().filter(is_due).take(max).cloned().collect()
}

/// Whether the tags of an idle resource allow its removal.
pub(crate) fn may_remove(tags: &Tags, today: Date, remove_tag: &str, grace_days: i64) -> bool {
    let days = |since: Date| i64::from((today - since).get_days());
    tags.get(remove_tag).is_some_and(|value| value == "true")
        && marked(tags).is_some_and(|since| days(since) >= grace_days)
}

/// Sets and removes marks, each in a separate call, so that a failure does not affect others.
pub(crate) async fn apply(region: &Region, found: &Found, today: Date, outcome: &mut Outcome) {
    let here = |markable: &&Markable| markable.region == region.name;
    for markable in to_mark(found).into_iter().filter(here) {
        let value = Some(today.to_string());
        match tag(region, "CreateTags", &markable.id, value).await {
            Ok(()) => outcome.marked.push(markable.id.clone()),
            Err(failure) => note(markable, &failure, outcome),
        }
    }
    for markable in to_unmark(found).into_iter().filter(here) {
        match tag(region, "DeleteTags", &markable.id, None).await {
            Ok(()) => outcome.unmarked.push(markable.id.clone()),
            Err(failure) => note(markable, &failure, outcome),
        }
    }
}

async fn tag(
    region: &Region,
    action: &str,
    id: &str,
    value: Option<String>,
) -> Result<(), CallFailure> {
    let parameters = Parameters::new().list("ResourceId", [id]).with("Tag.1.Key", IDLE_SINCE);
    let parameters = match value {
        Some(value) => parameters.with("Tag.1.Value", value),
        None => parameters,
    };
    region.call(EC2, action, parameters).await.map(drop)
}

fn note(markable: &Markable, failure: &CallFailure, outcome: &mut Outcome) {
    let Markable { id, region, .. } = markable;
    tracing::error!(id, region, %failure, "failed to change a mark");
    outcome.mark_failures += 1;
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::kind::Kind;
    use crate::rules::Bound;
    use crate::rules::tests::tags;

    const REMOVE: (&str, &str) = ("sluice:remove-if-idle", "true");

    /// A volume with these tags, in use, found idle, or neither.
    fn add(
        found: &mut Found,
        id: &str,
        tags_of_it: &[(&str, &str)],
        is_in_use: bool,
        is_idle: bool,
    ) {
        let (kind, region) = (Kind::Volume, "us-east-1".to_owned());
        if is_idle {
            found.findings.push(Finding {
                kind,
                id: id.to_owned(),
                name: None,
                region: region.clone(),
                usd: 1.0,
                bound: Bound::Exactly,
                why: String::new(),
                since: None,
            });
        }
        let (id, tags) = (id.to_owned(), tags(tags_of_it));
        found.markable.push(Markable { kind, id, region, tags, is_in_use });
    }

    fn ids(markable: &[&Markable]) -> Vec<String> {
        markable.iter().map(|markable| markable.id.clone()).collect()
    }

    #[test]
    fn what_is_idle_gets_a_mark_and_what_is_in_use_loses_it() {
        let mut found = Found::default();
        let mark = [(IDLE_SINCE, "2026-11-01")];
        add(&mut found, "idle", &[], false, true);
        add(&mut found, "idle-marked", &mark, false, true);
        add(&mut found, "idle-odd", &[(IDLE_SINCE, "soon")], false, true);
        add(&mut found, "used", &[], true, false);
        add(&mut found, "used-marked", &mark, true, false);
        add(&mut found, "used-odd", &[(IDLE_SINCE, "soon")], true, false);
        add(&mut found, "kept-marked", &mark, false, false);
        assert_eq!(ids(&to_mark(&found)), ["idle", "idle-odd"]);
        assert_eq!(ids(&to_unmark(&found)), ["used-marked", "used-odd"]);
    }

    #[test]
    fn a_removal_is_due_after_its_days_of_grace_where_it_is_allowed() {
        let mut found = Found::default();
        let old = (IDLE_SINCE, "2026-11-14");
        add(&mut found, "due", &[old, REMOVE], false, true);
        add(&mut found, "due-too", &[(IDLE_SINCE, "2025-11-14"), REMOVE], false, true);
        add(&mut found, "new", &[(IDLE_SINCE, "2026-11-15"), REMOVE], false, true);
        add(&mut found, "future", &[(IDLE_SINCE, "2027-11-15"), REMOVE], false, true);
        add(&mut found, "odd", &[(IDLE_SINCE, "soon"), REMOVE], false, true);
        add(&mut found, "unmarked", &[REMOVE], false, true);
        add(&mut found, "not-allowed", &[old], false, true);
        add(&mut found, "denied", &[old, (REMOVE.0, "True")], false, true);
        add(&mut found, "not-idle", &[old, REMOVE], false, false);
        let due = |max| {
            let due = due(&found, date(2026, 11, 28), REMOVE.0, 14, max);
            due.into_iter().map(|finding| finding.id).collect::<Vec<_>>()
        };
        assert_eq!(due(10), ["due", "due-too"]);
        assert_eq!(due(1), ["due"]);
        assert!(due(0).is_empty());
    }
}
