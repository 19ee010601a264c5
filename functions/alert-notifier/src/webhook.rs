//! The webhook's URL of a Google Chat space. Its key allows everyone to post in the space.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The allowed values of a webhook's URL.
pub(crate) const ALLOWED: &str = "the URL of a Google Chat webhook: \
                           https://chat.googleapis.com/v1/spaces/…/messages?key=…&token=…";

/// Parameters that this function sets itself.
const OWN: [&str; 2] = ["messageReplyOption", "requestId"];

/// A webhook's URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The URL without its query.
    base: String,
    /// The parameters of its query.
    parameters: Vec<String>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Webhook(…)")
    }
}

impl Webhook {
    /// Parses a URL: https, or http on this machine. White space around it, as in secrets, is
    /// removed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let uri: Uri = text.parse().ok()?;
        let host = uri.host().filter(|host| !host.is_empty())?;
        let authority = uri.authority()?.as_str();
        let secure = uri.scheme_str() == Some("https");
        if !(secure || uri.scheme_str() == Some("http") && is_loopback(host))
            || authority.contains('@')
            || authority != host && uri.port_u16().is_none()
        {
            return None;
        }
        let parameters = query.split('&').filter(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default();
            !name.is_empty() && !OWN.contains(&name)
        });
        Some(Self { base: base.to_owned(), parameters: parameters.map(str::to_owned).collect() })
    }

    /// Returns the URL that a message is posted to. A message with a thread starts that thread or
    /// replies in it; Google Chat refuses the option for a message without a thread. Posting again
    /// under the same id posts nothing (source: Google Chat API, `spaces.messages.create`).
    pub(crate) fn address(&self, request_id: &str, has_thread: bool) -> Option<Uri> {
        let in_thread =
            has_thread || self.parameters.iter().any(|own| own.starts_with("threadKey="));
        let reply =
            in_thread.then(|| "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD".to_owned());
        let id = format!("requestId={}", encoded(request_id));
        let query = self.parameters.iter().chain(&reply).chain([&id]);
        let query = query.map(String::as_str).collect::<Vec<_>>().join("&");
        format!("{}?{query}", self.base).parse().ok()
    }

    /// Returns the parts that must never be shown.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let value = |parameter: &String| Some(parameter.split_once('=')?.1.to_owned());
        self.parameters.iter().filter_map(value).filter(|value| value.len() >= 8).collect()
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Percent-encodes everything but letters, digits and `-_.~` (RFC 3986, unreserved).
pub(crate) fn encoded(text: &str) -> String {
    const UNRESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str =
        "https://chat.googleapis.com/v1/spaces/AAA/messages?key=AIzaSyKey&token=tokentoken%3D";

    #[test]
    fn the_parameters_of_the_url_are_kept() {
        let address = Webhook::parse(URL).unwrap().address("a b", true).unwrap().to_string();
        let expected = "https://chat.googleapis.com/v1/spaces/AAA/messages?key=AIzaSyKey\
                        &token=tokentoken%3D\
                        &messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&requestId=a%20b";
        assert_eq!(address, expected);
        let twice = format!(" {URL}&requestId=x&messageReplyOption=Y&threadKey=t#f\n");
        let address = Webhook::parse(&twice).unwrap().address("i", false).unwrap().to_string();
        assert_eq!(address.matches("requestId=").count(), 1);
        assert_eq!(address.matches("messageReplyOption=").count(), 1);
        assert!(address.contains("&threadKey=t&") && !address.contains('#'), "{address}");
        let bare = Webhook::parse("http://127.0.0.1:80").unwrap();
        assert_eq!(bare.address("i", true).unwrap().query().unwrap().split('&').count(), 2);
        assert_eq!(bare.address("i", false).unwrap().query(), Some("requestId=i"));
    }

    #[test]
    fn the_reply_option_is_for_threads_only() {
        let option = |url: &str, has_thread| {
            let address = Webhook::parse(url).unwrap().address("i", has_thread).unwrap();
            address.query().unwrap().contains("messageReplyOption")
        };
        assert!(option(URL, true));
        assert!(!option(URL, false));
        assert!(!option(&format!("{URL}&messageReplyOption=REPLY_MESSAGE_OR_FAIL"), false));
        // The URL itself can name a thread.
        assert!(option(&format!("{URL}&threadKey=alerts"), false));
    }

    #[test]
    fn only_https_and_http_on_this_machine_are_allowed() {
        for url in [URL, "http://127.0.0.1:9/x?key=k", "http://localhost/x", "http://[::1]:9/"] {
            assert!(Webhook::parse(url).is_some(), "{url}");
        }
        for url in [
            "",
            "chat.googleapis.com/v1",
            "http://chat.googleapis.com/v1/spaces/A/messages?key=k",
            "http://localhost.example/x",
            "https://",
            "https://user:password@chat.googleapis.com/",
            "ftp://127.0.0.1/",
            "https://h/a\tb",
            "https://h/a b",
            "https://h:65536/a",
            "https://h:/a",
        ] {
            assert_eq!(Webhook::parse(url), None, "{url}");
        }
    }

    #[test]
    fn the_url_is_not_in_debug_output() {
        let webhook = Webhook::parse(URL).unwrap();
        assert_eq!(format!("{webhook:?}"), "Webhook(…)");
        assert_eq!(webhook.secrets(), ["AIzaSyKey", "tokentoken%3D"]);
    }
}
