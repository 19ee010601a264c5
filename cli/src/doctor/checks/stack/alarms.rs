//! Alarms, and the topic that they notify.

use super::{RESTORE, is_dead_letter_queue};
use crate::doctor::finding::Findings;
use crate::doctor::stack::facts::{Alarm, StackFacts, Topic};

/// New alarms have insufficient data for minutes.
const MAX_INSUFFICIENT_SECONDS: u64 = 3_600;

pub(super) fn check(facts: &StackFacts, findings: &mut Findings) {
    for topic in &facts.topics {
        check_topic(topic, findings);
    }
    let Some(alarms) = &facts.alarms else { return };
    for alarm in alarms {
        check_alarm(alarm, facts, findings);
    }
    let watched = |name: &str, metric: &str| {
        let is_of = |alarm: &&Alarm| alarm.dimensions.iter().any(|value| value == name);
        alarms.iter().filter(is_of).any(|alarm| alarm.metric == metric)
    };
    let functions = facts.functions.iter().map(|it| (&*it.function.name, "Errors"));
    let dead = facts.queues.iter().filter(|it| is_dead_letter_queue(facts, &it.queue.arn));
    let dead = dead.map(|it| (&*it.queue.name, "ApproximateNumberOfMessagesVisible"));
    for (name, metric) in functions.chain(dead).filter(|(name, metric)| !watched(name, metric)) {
        findings.warning(
            "no_alarm",
            name,
            format!("No alarm watches {metric}: nobody is notified."),
            RESTORE,
        );
    }
}

fn check_alarm(alarm: &Alarm, facts: &StackFacts, findings: &mut Findings) {
    let name = &alarm.name;
    if !alarm.actions_enabled {
        findings.error(
            "alarm_actions",
            name,
            "The alarm's actions are disabled: nobody is notified.",
            format!("aws cloudwatch enable-alarm-actions --alarm-names {name}"),
        );
    } else if !facts.topics.is_empty()
        && !facts.topics.iter().any(|topic| alarm.actions.contains(&topic.arn))
    {
        let problem = "The alarm does not notify the topic of the stack.";
        findings.error("alarm_actions", name, problem, RESTORE);
    }
    let insufficient = alarm.insufficient_seconds.unwrap_or_default();
    if insufficient > MAX_INSUFFICIENT_SECONDS {
        findings.warning(
            "alarm_data",
            name,
            format!("The alarm has had insufficient data for {} hours.", insufficient / 3_600),
            "Check that the metric's namespace, name and dimensions are those that are emitted.",
        );
    }
}

fn check_topic(topic: &Topic, findings: &mut Findings) {
    let arn = &topic.arn;
    let name = arn.rsplit(':').next().unwrap_or(arn);
    match topic.key.as_deref() {
        Some("") => findings.warning("encryption", name, "The topic is not encrypted.", RESTORE),
        // The policy of this key does not allow any service, and cannot be changed (source: Amazon
        // SNS Developer Guide, "Key management").
        Some(key) if key.ends_with("alias/aws/sns") => findings.error(
            "alarm_topic_key",
            name,
            "The topic is encrypted with alias/aws/sns, which CloudWatch may not use: no alarm \
             arrives.",
            RESTORE,
        ),
        _ => {}
    }
    let Some(subscriptions) = &topic.subscriptions else { return };
    for pending in subscriptions.iter().filter(|it| !it.is_confirmed) {
        // An e-mail address is not secret; other endpoints can be.
        let whose = if pending.protocol == "email" { &pending.endpoint } else { &pending.protocol };
        findings.warning(
            "subscription_unconfirmed",
            name,
            format!("The subscription of {whose} is not confirmed: it receives no alarms."),
            format!(
                "Open the link in the mail of AWS, within three days. For another: aws sns \
                 subscribe --topic-arn {arn} --protocol {} --notification-endpoint {}",
                pending.protocol,
                if pending.protocol == "email" { &*pending.endpoint } else { "ENDPOINT" }
            ),
        );
    }
    if !subscriptions.iter().any(|subscription| subscription.is_confirmed) {
        findings.warning(
            "no_subscriber",
            name,
            "Nobody receives alarms: the topic has no confirmed subscription.",
            "sam deploy --parameter-overrides AlarmEmail=YOU@EXAMPLE.COM; or ChatSecretArn",
        );
    }
}
