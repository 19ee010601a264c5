//! The URL of a service.

#[cfg(feature = "opensearch")]
use http::uri::PathAndQuery;
use http::uri::Uri;

/// The base URL of requests: scheme, host, and a path prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Without a trailing slash.
    base: String,
    /// In lower case, without its port.
    host: String,
}

impl Url {
    /// Reads `http[s]://host[:port][/path]`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') || rest.contains(['?', '#']) {
            return None;
        }
        // Clients omit the default port from the header `Host`, which a signature covers.
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let base = format!("{scheme}://{authority}{}", path.trim_end_matches('/'));
        let uri = base.parse::<Uri>().ok()?;
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        Some(Self { base, host })
    }

    /// The URL as given, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// The region in the host of an Amazon service, as in `{domain}.{region}.es.amazonaws.com`.
    #[cfg(feature = "opensearch")]
    pub(crate) fn region(&self) -> Option<&str> {
        let services = [".es.amazonaws.com", ".aoss.amazonaws.com"];
        let before = services.iter().find_map(|service| self.host.strip_suffix(service))?;
        before.rsplit_once('.').map(|(_, region)| region)
    }

    /// The URL of a path.
    #[cfg(feature = "opensearch")]
    pub(crate) fn join(&self, path: &PathAndQuery) -> Option<Uri> {
        format!("{}{path}", self.base).parse().ok()
    }
}
