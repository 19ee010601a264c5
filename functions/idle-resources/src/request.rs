//! The request of an invocation.

use jiff::Timestamp;
use serde_json::{Map, Value};
use shared::cost::asks_dry_run;

use crate::error::HandlerError;

/// An event: any object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Whether nothing is marked or removed, whatever the setting.
    pub(crate) is_dry_run: bool,
    /// When the schedule fired: a retry has the same time.
    pub(crate) time: Option<Timestamp>,
}

impl Request {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, HandlerError> {
        let object: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_| HandlerError::InvalidRequest("it is not a JSON object"))?;
        let is_dry_run = asks_dry_run(&object).map_err(HandlerError::InvalidRequest)?;
        let time = object.get("time").and_then(Value::as_str);
        Ok(Self { is_dry_run, time: time.and_then(|time| time.parse().ok()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_object_is_a_request() {
        let time = "2026-11-30T00:00:00Z".parse().ok();
        for (event, is_dry_run, time) in [
            ("{}", false, None),
            (r#"{"dryRun":true}"#, true, None),
            (r#"{"dryrun":true}"#, true, None),
            (r#"{"dryRun":false,"other":[1]}"#, false, None),
            (r#"{"source":"aws.events","time":"2026-11-30T00:00:00Z"}"#, false, time),
            (r#"{"time":7}"#, false, None),
            (r#"{"time":"soon"}"#, false, None),
        ] {
            assert_eq!(
                Request::parse(event.as_bytes()),
                Ok(Request { is_dry_run, time }),
                "{event}"
            );
        }
        let dry_run = Err(HandlerError::InvalidRequest("dryRun is not true or false"));
        for wrong in [r#"{"dryRun":null}"#, r#"{"dryRun":"true"}"#, r#"{"dryRun":1}"#] {
            assert_eq!(Request::parse(wrong.as_bytes()), dry_run, "{wrong}");
        }
        let object = Err(HandlerError::InvalidRequest("it is not a JSON object"));
        for wrong in ["", "null", "[]", "\"{}\"", "{"] {
            assert_eq!(Request::parse(wrong.as_bytes()), object, "{wrong}");
        }
    }
}
