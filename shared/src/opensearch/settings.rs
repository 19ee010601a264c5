//! The endpoint of OpenSearch, and how to sign in.

use std::fmt;

use http::HeaderValue;

use crate::aws::Service;
use crate::config::{ConfigError, Environment};
use crate::secrets::{SECRETS_MANAGER, basic};
use crate::url::Url;

/// The variables that [`Settings::from_environment`] reads.
pub const VARIABLES: &[&str] = &[
    "OPENSEARCH_ENDPOINT",
    "OPENSEARCH_DOMAIN",
    "OPENSEARCH_AUTH",
    "OPENSEARCH_SERVICE",
    "OPENSEARCH_USERNAME",
    "OPENSEARCH_PASSWORD",
    "OPENSEARCH_SECRET_ARN",
];

/// The variables that [`Auth::from_environment`] reads.
pub const AUTH_VARIABLES: &[&str] = &[
    "OPENSEARCH_AUTH",
    "OPENSEARCH_SERVICE",
    "OPENSEARCH_USERNAME",
    "OPENSEARCH_PASSWORD",
    "OPENSEARCH_SECRET_ARN",
];

/// The services that are called to look up the domain and the password.
pub const SERVICES: &[Service] = &["OPENSEARCH", SECRETS_MANAGER];

const URL_FORM: &str = "a URL such as https://search-music-abc123.eu-west-1.es.amazonaws.com, \
                        without user, password and query";

/// The settings for calling OpenSearch.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The endpoint or the domain of OpenSearch.
    pub place: Place,
    /// The authentication for OpenSearch.
    pub auth: Auth,
}

/// The endpoint or the domain of OpenSearch.
#[derive(Clone, Debug)]
pub enum Place {
    /// `OPENSEARCH_ENDPOINT`
    Endpoint(Url),
    /// `OPENSEARCH_DOMAIN`: a domain of Amazon OpenSearch Service, whose endpoint is looked up.
    Domain(String),
}

/// The authentication for OpenSearch.
#[derive(Clone)]
pub enum Auth {
    /// Requests are signed with the function's own credentials.
    SigV4(SigningService),
    /// User and password, as the header that contains them.
    Basic(HeaderValue),
    /// User and password, from the secret with this ARN.
    Secret(String),
    /// Requests are sent without credentials.
    None,
}

/// The service for which a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningService {
    /// A domain of Amazon OpenSearch Service.
    Domain,
    /// A collection of Amazon OpenSearch Serverless.
    Serverless,
}

impl SigningService {
    /// The service's name in a signature.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Domain => "es",
            Self::Serverless => "aoss",
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SigV4(service) => out.debug_tuple("SigV4").field(service).finish(),
            Self::Basic(_) => out.write_str("Basic(…)"),
            Self::Secret(arn) => out.debug_tuple("Secret").field(arn).finish(),
            Self::None => out.write_str("None"),
        }
    }
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for an invalid or missing value. It never shows a password.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let domain = environment.get("OPENSEARCH_DOMAIN").filter(|value| !value.is_empty());
        let place = match (endpoint(environment, "OPENSEARCH_ENDPOINT")?, domain) {
            (Some(url), _) => Place::Endpoint(url),
            (None, Some(domain)) => Place::Domain(domain_name(domain)?),
            (None, None) => {
                let allowed = format!("{URL_FORM}, or else OPENSEARCH_DOMAIN must name a domain");
                return Err(ConfigError::new("OPENSEARCH_ENDPOINT", "", allowed));
            }
        };
        Ok(Self { place, auth: Auth::from_environment(environment)? })
    }

    /// Reads the settings of an OpenSearch whose URL is in `variable`; `None` if that is not set.
    ///
    /// # Errors
    /// As [`Settings::from_environment`].
    pub fn at(environment: &Environment, variable: &str) -> Result<Option<Self>, ConfigError> {
        let Some(url) = endpoint(environment, variable)? else { return Ok(None) };
        let auth = Auth::from_environment(environment)?;
        Ok(Some(Self { place: Place::Endpoint(url), auth }))
    }
}

/// The URL in a variable, if it is set.
fn endpoint(environment: &Environment, variable: &str) -> Result<Option<Url>, ConfigError> {
    let Some(text) = environment.get(variable).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    // It may contain a password.
    let shown = if text.contains('@') { "…@…" } else { text };
    Url::parse(text).map(Some).ok_or_else(|| ConfigError::new(variable, shown, URL_FORM))
}

impl Auth {
    /// Reads [`AUTH_VARIABLES`].
    ///
    /// # Errors
    /// [`ConfigError`] for an invalid or missing value. It never shows a password.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        match environment.get("OPENSEARCH_AUTH") {
            None | Some("sigv4") => Ok(Self::SigV4(signing_service(environment)?)),
            Some("basic") => match (
                get("OPENSEARCH_USERNAME"),
                get("OPENSEARCH_PASSWORD"),
                get("OPENSEARCH_SECRET_ARN"),
            ) {
                (Some(user), Some(password), _) => {
                    basic(user, password).map(Self::Basic).ok_or_else(|| {
                        ConfigError::new("OPENSEARCH_USERNAME", "…", "a name without a colon")
                    })
                }
                (_, _, Some(arn)) => Ok(Self::Secret(arn.to_owned())),
                _ => Err(ConfigError::new(
                    "OPENSEARCH_AUTH",
                    "basic",
                    "sigv4 or none, or OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD or \
                     OPENSEARCH_SECRET_ARN must be set",
                )),
            },
            Some("none") => Ok(Self::None),
            Some(other) => Err(ConfigError::new("OPENSEARCH_AUTH", other, "sigv4, basic or none")),
        }
    }
}

/// A domain's name: 3 to 28 lower-case letters, digits and hyphens, with a letter first
/// (source: Amazon OpenSearch Service API reference, `CreateDomain`).
fn domain_name(name: &str) -> Result<String, ConfigError> {
    let taken = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let well_formed = (3..=28).contains(&name.len())
        && name.bytes().all(taken)
        && name.starts_with(|first: char| first.is_ascii_lowercase());
    let allowed = "a domain's name: 3 to 28 lower-case letters, digits and hyphens, a letter first";
    if well_formed {
        Ok(name.to_owned())
    } else {
        Err(ConfigError::new("OPENSEARCH_DOMAIN", name, allowed))
    }
}

fn signing_service(environment: &Environment) -> Result<SigningService, ConfigError> {
    let parse = |text: &str| match text {
        "es" => Some(SigningService::Domain),
        "aoss" => Some(SigningService::Serverless),
        _ => None,
    };
    let service = environment.parse_with("OPENSEARCH_SERVICE", "es or aoss", parse)?;
    Ok(service.unwrap_or(SigningService::Domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::from_environment(&variables.iter().copied().collect())
    }

    const HERE: (&str, &str) = ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200/");

    #[test]
    fn requests_are_signed_for_a_domain_unless_told_otherwise() {
        let Settings { place, auth } = settings(&[HERE]).unwrap();
        let Place::Endpoint(url) = place else { panic!("{place:?}") };
        assert_eq!(url.as_str(), "http://127.0.0.1:9200");
        assert!(matches!(auth, Auth::SigV4(SigningService::Domain)), "{auth:?}");
        let serverless = settings(&[HERE, ("OPENSEARCH_SERVICE", "aoss")]).unwrap();
        assert!(matches!(serverless.auth, Auth::SigV4(SigningService::Serverless)));
    }

    #[test]
    fn reads_every_way_to_sign_in() {
        let basic = ("OPENSEARCH_AUTH", "basic");
        let user = ("OPENSEARCH_USERNAME", "ada");
        let password = ("OPENSEARCH_PASSWORD", "p@ss:w/rd");
        let secret = ("OPENSEARCH_SECRET_ARN", "arn:secret");
        for variables in
            [&[HERE, basic, user, password][..], &[HERE, basic, user, password, secret]]
        {
            let Auth::Basic(header) = settings(variables).unwrap().auth else { panic!("basic") };
            // "ada:p@ss:w/rd"
            assert_eq!(header, "Basic YWRhOnBAc3M6dy9yZA==");
        }
        let auth = settings(&[HERE, basic, user, secret]).unwrap().auth;
        assert!(matches!(&auth, Auth::Secret(arn) if arn == "arn:secret"), "{auth:?}");
        let auth = settings(&[HERE, ("OPENSEARCH_AUTH", "none")]).unwrap().auth;
        assert!(matches!(auth, Auth::None), "{auth:?}");
    }

    #[test]
    fn a_domain_is_named_where_there_is_no_endpoint() {
        let domain = ("OPENSEARCH_DOMAIN", "music-events");
        let place = settings(&[domain]).unwrap().place;
        assert!(matches!(&place, Place::Domain(name) if name == "music-events"), "{place:?}");
        let place = settings(&[domain, HERE]).unwrap().place;
        assert!(matches!(place, Place::Endpoint(_)), "{place:?}");
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], "OPENSEARCH_ENDPOINT is \"\", but must be a URL such as "),
            (&[], "or else OPENSEARCH_DOMAIN must name a domain"),
            (&[("OPENSEARCH_ENDPOINT", "127.0.0.1:9200")], "\"127.0.0.1:9200\", but must be a URL"),
            (&[("OPENSEARCH_ENDPOINT", "https://a:hush@host")], "is \"…@…\", but must be a URL"),
            (
                &[("OPENSEARCH_DOMAIN", "Music")],
                "OPENSEARCH_DOMAIN is \"Music\", but must be a dom",
            ),
            (&[HERE, ("OPENSEARCH_AUTH", "SigV4")], "\"SigV4\", but must be sigv4, basic or none"),
            (&[HERE, ("OPENSEARCH_SERVICE", "s3")], "is \"s3\", but must be es or aoss"),
            (
                &[HERE, ("OPENSEARCH_AUTH", "basic"), ("OPENSEARCH_PASSWORD", "hush")],
                "OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD or OPENSEARCH_SECRET_ARN must be set",
            ),
            (
                &[
                    HERE,
                    ("OPENSEARCH_AUTH", "basic"),
                    ("OPENSEARCH_USERNAME", "a:hush"),
                    ("OPENSEARCH_PASSWORD", "hush"),
                ],
                "OPENSEARCH_USERNAME is \"…\", but must be a name without a colon",
            ),
        ];
        for (variables, expected) in cases {
            let error = settings(variables).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn passwords_are_in_no_debug_output() {
        let settings = settings(&[
            HERE,
            ("OPENSEARCH_AUTH", "basic"),
            ("OPENSEARCH_USERNAME", "ada"),
            ("OPENSEARCH_PASSWORD", "hush"),
        ]);
        let debug = format!("{:?}", settings.unwrap());
        assert!(!debug.contains("hush") && !debug.contains("YWRhOmh1c2g"), "{debug}");
    }

    #[test]
    fn an_address_may_have_a_path_before_all_others() {
        let url = Url::parse("https://Search.example:443/prefix/").unwrap();
        assert_eq!(url.as_str(), "https://Search.example/prefix");
        assert_eq!(url.join(&"/_bulk?a=b".parse().unwrap()).unwrap().path(), "/prefix/_bulk");
        for text in
            ["", "host", "ftp://host", "https://", "http://h/?q", "http://u@h", "http://h#f"]
        {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_amazon_host_tells_its_region() {
        let region = |host: &str| {
            let url = Url::parse(&format!("https://{host}")).unwrap();
            url.region().map(str::to_owned)
        };
        assert_eq!(region("a.EU-west-1.es.amazonaws.com").as_deref(), Some("eu-west-1"));
        assert_eq!(region("a.us-east-1.aoss.amazonaws.com").as_deref(), Some("us-east-1"));
        assert_eq!(region("search.example"), None);
        assert_eq!(region("a.es.amazonaws.com.example"), None);
    }
}
