//! The report: where everything ran, the notices, and the messages in Google Chat.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::Value;

use crate::demo::card::Card;
use crate::demo::notification::Notice;

/// The kinds of notices that the demo causes.
const CAUSED: [&str; 5] =
    ["prefect-failure", "redshift-long-query", "redshift-lock", "data-check", "bigquery-cost"];

#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// Where the flow failed.
    pub(super) pipelines: String,
    /// The engine that ran the statements for Redshift.
    pub(super) warehouses: String,
    /// The notices, in the order in which they were published.
    pub(super) notices: Vec<Notice>,
    /// The messages posted to Google Chat.
    pub(super) messages: Vec<Value>,
}

impl Report {
    /// Returns the problems that were caused but did not become a notice and a message.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let reported = |kind: &&str| {
            let mut of_kind = self.notices.iter().filter(|notice| notice.kind == *kind);
            of_kind.any(|notice| notice.posted(&self.messages).is_some())
        };
        CAUSED.into_iter().filter(|kind| !reported(kind)).collect()
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "Pipelines   {}", self.pipelines)?;
        writeln!(out, "Warehouses  {}, and the embedded BigQuery", self.warehouses)?;
        writeln!(out, "Notices     {}, in Google Chat:", self.notices.len())?;
        for message in &self.messages {
            write!(out, "\n{}", Card(message))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_notice_without_a_message_is_missing() {
        let notice = |kind: &str| Notice {
            kind: kind.to_owned(),
            title: kind.to_owned(),
            ..Notice::default()
        };
        let message = |title: &str| json!({"cardsV2": [{"card": {"header": {"title": title}}}]});
        let mut report = Report {
            pipelines: String::new(),
            warehouses: String::new(),
            notices: CAUSED.map(notice).to_vec(),
            messages: CAUSED[..4].iter().map(|kind| message(&format!("ALARM: {kind}"))).collect(),
        };
        assert_eq!(report.missing(), ["bigquery-cost"]);
        report.messages.push(message("ALARM: bigquery-cost"));
        assert_eq!(report.missing(), [""; 0]);
        report.notices.remove(0);
        assert_eq!(report.missing(), ["prefect-failure"]);
    }
}
