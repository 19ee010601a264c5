//! Where the server is, and who asks.

use super::ClientError;
use base64_simd::STANDARD;
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};

/// The server's address and, apart from it, the credentials.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Scheme, authority and prefix, without a slash at the end.
    url: String,
    https: bool,
    /// The host, without its port.
    host: String,
    authorization: Option<HeaderValue>,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, ClientError> {
        let (scheme, rest) = url.split_once("://").ok_or(ClientError::Url)?;
        let https = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(ClientError::Url),
        };
        let authority_end = rest.find('/').unwrap_or(rest.len());
        let (authority, prefix) = rest.split_at(authority_end);
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        if host.is_empty() || prefix.contains(['?', '#']) {
            return Err(ClientError::Url);
        }
        let url = format!("{scheme}://{host}{}", prefix.trim_end_matches('/'));
        let uri = url.parse::<Uri>().map_err(|_| ClientError::Url)?;
        let host = uri.host().ok_or(ClientError::Url)?.to_ascii_lowercase();
        let authorization = credentials.map(basic).transpose()?;
        Ok(Self { url, https, host, authorization })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn is_https(&self) -> bool {
        self.https
    }

    /// The host in lower case, without its port.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// Who asks, where that is basic authentication.
    pub(super) fn user_and_password(&self) -> Option<(String, String)> {
        let base64 = self.authorization.as_ref()?.to_str().ok()?.strip_prefix("Basic ")?;
        let credentials = String::from_utf8(STANDARD.decode_to_vec(base64).ok()?).ok()?;
        let (user, password) = credentials.split_once(':').unwrap_or((&credentials, ""));
        Some((user.to_owned(), password.to_owned()))
    }

    pub(super) fn uri(&self, path: &str) -> Result<Uri, ClientError> {
        path.parse::<PathAndQuery>().map_err(|_| ClientError::Path)?;
        format!("{}{path}", self.url).parse().map_err(|_| ClientError::Path)
    }
}

/// Basic authentication (RFC 7617) of `user:password`, each percent-encoded as in a URL.
fn basic(credentials: &str) -> Result<HeaderValue, ClientError> {
    let decoded = percent_decoded(credentials).ok_or(ClientError::Url)?;
    let header = format!("Basic {}", STANDARD.encode_to_string(decoded));
    let mut header = HeaderValue::from_str(&header).map_err(|_| ClientError::Url)?;
    header.set_sensitive(true);
    Ok(header)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
            digit(bytes.next()?)? << 4 | digit(bytes.next()?)?
        } else {
            byte
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_who_asks() {
        let asks = |url: &str| Target::parse(url).unwrap().user_and_password();
        let (user, password) = ("ada@example".to_owned(), "a:b".to_owned());
        assert_eq!(asks("http://ada%40example:a%3Ab@host"), Some((user, password)));
        assert_eq!(asks("http://host"), None);
    }

    #[test]
    fn keeps_credentials_out_of_the_url() {
        let target = Target::parse("https://ada:p%40ss:w%2Frd@search.example/prefix/").unwrap();
        assert_eq!(target.url(), "https://search.example/prefix");
        assert!(target.is_https());
        assert_eq!(target.host(), "search.example");
        // "ada:p@ss:w/rd"
        assert_eq!(target.authorization().unwrap(), "Basic YWRhOnBAc3M6dy9yZA==");
        assert!(!format!("{target:?}").contains("YWRh"));
        let uri = target.uri("/_bulk?refresh=true").unwrap();
        assert_eq!(uri, "https://search.example/prefix/_bulk?refresh=true");
    }

    #[test]
    fn takes_an_address_without_credentials() {
        let target = Target::parse("http://127.0.0.1:9200").unwrap();
        assert_eq!(target.host(), "127.0.0.1");
        assert_eq!(target.authorization(), None);
        assert_eq!(target.uri("/").unwrap(), "http://127.0.0.1:9200/");
    }

    #[test]
    fn refuses_what_is_no_address() {
        for url in
            ["", "127.0.0.1:9200", "ftp://host", "http://", "http://a:%zz@host", "http://h/?q"]
        {
            assert!(matches!(Target::parse(url), Err(ClientError::Url)), "{url}");
        }
    }
}
