//! Why documents are sent again, and what a person has to change if waiting does not help.

use std::fmt::{self, Display, Formatter};

use super::Error;
use super::errors::KnownError;

/// Why documents are not in the index yet and are sent again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// OpenSearch is throttling: 429.
    Throttled,
    /// OpenSearch answered 5xx.
    Unavailable,
    /// No answer came.
    NoAnswer,
    /// The index does not exist and is not created.
    NoIndex,
    /// 401 or 403: the configuration is wrong.
    Denied,
    /// OpenSearch rejected the document for a reason that is about the configuration.
    SetUp(&'static KnownError),
    /// Another status of the whole request that means a wrong configuration.
    Rejected,
    /// The answer, or its item for this document, is invalid.
    OddAnswer,
}

impl Retry {
    /// The reason as in the log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::NoAnswer => "no_answer",
            Self::NoIndex => "no_such_index",
            Self::Denied => "denied",
            Self::SetUp(error) => error.name,
            Self::Rejected => "rejected",
            Self::OddAnswer => "odd_answer",
        }
    }

    /// The change that an operator must make, if waiting does not help.
    #[must_use]
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Throttled | Self::Unavailable => None,
            Self::Denied => Some(
                "OpenSearch does not let the function write: check OPENSEARCH_AUTH and its user or \
                 secret; give the function's role es:ESHttpPost on the domain \
                 (aoss:APIAccessAll and a data access policy on a collection), and map the role \
                 or user in OpenSearch to one that may create documents in the index",
            ),
            Self::SetUp(error) => Some(error.advice),
            Self::Rejected | Self::OddAnswer => Some(
                "what answers is not OpenSearch, or a proxy stands before it: check \
                 OPENSEARCH_ENDPOINT or OPENSEARCH_DOMAIN, and OPENSEARCH_SERVICE",
            ),
            Self::NoIndex => Some(
                "the index does not exist and is not created: check INDEX, create it, or let \
                 OpenSearch create it (action.auto_create_index)",
            ),
            Self::NoAnswer => Some(
                "OpenSearch cannot be reached or is too slow: check OPENSEARCH_ENDPOINT or \
                 OPENSEARCH_DOMAIN, the function's subnets and security groups, and the cluster",
            ),
        }
    }
}

/// A problem of OpenSearch as a whole, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No answer came.
    NoAnswer(Error),
    /// An answer with this status, and the type of the error if OpenSearch names one.
    Status(u16, Option<String>),
    /// Documents were rejected with an error of this type, which is not about them.
    Documents(String),
    /// An answer with this status that is not from OpenSearch.
    NotOpenSearch(u16),
}

impl Display for Trouble {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(error) => write!(out, "no answer to _bulk: {error}"),
            Self::Status(status, None) => write!(out, "OpenSearch refused _bulk: {status}"),
            Self::Status(status, Some(error_type)) => {
                write!(out, "OpenSearch refused _bulk: {status} {error_type}")
            }
            Self::Documents(error_type) => {
                write!(out, "OpenSearch refused documents: {error_type}")
            }
            Self::NotOpenSearch(status) => {
                write!(out, "the answer to _bulk, {status}, is not one of OpenSearch")
            }
        }
    }
}

impl Trouble {
    /// Logs the problem.
    pub fn log(&self, request_id: &str) {
        match self {
            Self::NoAnswer(error) => tracing::error!(request_id, %error, "no answer to _bulk"),
            Self::Status(status, error_type) => {
                tracing::error!(request_id, status, error_type, "OpenSearch refused _bulk");
            }
            Self::Documents(error_type) => {
                tracing::error!(request_id, error_type, "OpenSearch refused documents");
            }
            Self::NotOpenSearch(status) => {
                tracing::error!(request_id, status, "the answer to _bulk is not one of OpenSearch");
            }
        }
    }
}
