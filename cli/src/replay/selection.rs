//! The options that select failures.

use object_loader::Request;
use serde::Serialize;
use shared::event::Timestamp;

use super::REFUSED_EXTENSION;
use super::ledger::Until;
use super::source::Object;

/// The default folder of object-loader's refused records.
const LOADER_FOLDER: &str = "object-loader-failed/";

/// Which failures are replayed.
#[derive(Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Which failures")]
pub(super) struct Selection {
    /// The failure has this errorCode; repeat it for alternatives
    #[arg(long, value_name = "REASON")]
    reason: Option<Vec<String>>,
    /// What failed arrived at this time or later: RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<String>,
    /// What failed arrived before this time: RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<String>,
    /// The objects hold failures, whatever their names are
    #[arg(long)]
    failures: bool,
}

impl Selection {
    /// Whether not all failures are replayed.
    pub(super) const fn is_selective(&self) -> bool {
        self.reason.is_some() || self.from.is_some() || self.until.is_some()
    }

    /// The load request for an object.
    pub(super) fn request(&self, object: &Object, Until { offset, lists, .. }: Until) -> Request {
        let key = &object.place.key;
        let holds_failures = self.failures
            || key.contains(LOADER_FOLDER)
            || key.ends_with(&format!(".{REFUSED_EXTENSION}"));
        Request {
            bucket: object.place.bucket.clone(),
            key: key.clone(),
            etag: Some(object.etag.clone()),
            offset,
            lists,
            failures: holds_failures.then_some(true),
            reason: self.reason.clone(),
            from: self.from.clone(),
            until: self.until.clone(),
            ..Request::default()
        }
    }
}

fn time(text: &str) -> Result<String, String> {
    match Timestamp::from_rfc3339(text.as_bytes()) {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected an RFC 3339 time, such as 2024-03-01T12:00:00Z".to_owned()),
    }
}
