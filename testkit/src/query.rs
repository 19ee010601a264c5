//! Scripted answers of services that use the Query protocol: requests are forms, answers are XML.

use std::collections::BTreeMap;

use local::account::xml;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{Call, Reply};

impl Call {
    /// The parameters of a form, such as `Action`; empty if the body is not a form.
    #[must_use]
    pub fn form(&self) -> BTreeMap<String, String> {
        let body = std::str::from_utf8(&self.body).unwrap_or_default().replace('+', " ");
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
    }

    /// The region and the service in the signature, such as `eu-west-1` and `ec2`.
    #[must_use]
    pub fn scope(&self) -> (String, String) {
        let signature = self.headers["authorization"].to_str().unwrap();
        let parts: Vec<_> = signature.split('/').collect();
        (parts[2].to_owned(), parts[3].to_owned())
    }
}

impl Reply {
    /// The answer to an EC2 operation: see [`xml::ec2`].
    #[must_use]
    pub fn ec2(action: &str, members: &Value) -> Self {
        Self::new(200, "text/xml", xml::ec2(action, members))
    }

    /// The answer to an operation of RDS or Elastic Load Balancing: see [`xml::query`].
    #[must_use]
    pub fn query(action: &str, members: &Value) -> Self {
        Self::new(200, "text/xml", xml::query(action, members))
    }

    /// An XML answer whose lists are repeated elements, as in S3.
    #[must_use]
    pub fn xml(root: &str, members: &Value) -> Self {
        Self::new(200, "application/xml", xml::document(root, members))
    }
}
