//! The faults, and the required behavior of a function for each.

use testkit::Reply;

use crate::answers;

/// A fault of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Connections to the service are refused.
    Refused,
    /// The service has a self-signed certificate.
    SelfSigned,
    /// The service answers a TLS handshake without TLS.
    PlainText,
    /// The answer takes 300 ms.
    Slow,
    /// There is no answer; the connection stays open.
    Hangs,
    /// The connection is closed within the head of the answer.
    CutInHead,
    /// The connection is closed within the body of the answer.
    CutInBody,
    /// 403.
    Denied,
    /// 500.
    Fails,
    /// 302, to an address at which nothing listens.
    Moved,
    /// 200 with the body of an error.
    ErrorInOk,
    /// 200 with a page of HTML.
    Html,
    /// 200 with an empty answer in the right format.
    Partial,
    /// The service's error for throttling.
    Throttled,
    /// 429, with an hour as the time after which to retry.
    ThrottledForAnHour,
    /// The service rejects the time of the signature; its own clock is far off.
    Skewed,
}

/// A text in the bodies of answers and events, which must not be logged.
pub(crate) const MARKER: &str = "BodyMarker";

/// The faults of a whole service, for all its calls.
pub(crate) const OF_SERVICES: [Fault; 3] = [Fault::Refused, Fault::SelfSigned, Fault::PlainText];

/// The texts for a call whose time was up, because it was retried or the machine is busy.
pub(crate) const LATE: [&str; 6] =
    ["Deadline", "Timeout", "deadline", "in time", "no answer", "time was up"];

/// The faults of a call, each with the possible texts in the log or the error: one of these, or of
/// [`LATE`].
pub(crate) const OF_CALLS: [(Fault, &[&str]); 13] = [
    (Fault::Slow, &[]),
    (Fault::Hangs, &[]),
    (Fault::CutInHead, &[]),
    (Fault::CutInBody, &[]),
    (Fault::Denied, &["AccessDenied", "403"]),
    (Fault::Fails, &["InternalFailure", "500"]),
    (Fault::Moved, &["302"]),
    (Fault::ErrorInOk, &[]),
    (Fault::Html, &[]),
    (Fault::Partial, &[]),
    (Fault::Throttled, &["Throttling", "429", "503", "throttled"]),
    (Fault::ThrottledForAnHour, &["Throttling", "429", "503", "throttled"]),
    (Fault::Skewed, &["RequestTimeTooSkewed", "403"]),
];

impl Fault {
    /// The reply with this fault.
    pub(crate) fn distort(self, name: &str, reply: Reply) -> Reply {
        let error = |status, code| answers::error(name, status, code);
        match self {
            Self::Denied => error(403, "AccessDenied"),
            Self::Fails => error(500, "InternalFailure"),
            Self::Moved => {
                Reply::new(302, "text/plain", MARKER).with_header("location", "http://127.0.0.1:1/")
            }
            Self::ErrorInOk => error(200, "InternalFailure"),
            Self::Html => Reply::new(200, "text/html", format!("<html>{MARKER}</html>")),
            Self::Partial => answers::nothing(name),
            Self::Throttled => error(answers::throttling_status(name), "Throttling"),
            Self::ThrottledForAnHour => error(429, "Throttling").with_header("retry-after", "3600"),
            Self::Skewed => error(403, "RequestTimeTooSkewed")
                .with_header("date", "Thu, 01 Mar 2001 12:00:00 GMT"),
            _ => reply,
        }
    }
}
