//! The parameters of a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that are not encoded in a form.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The parameters of a request, except `Action` and `Version`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a parameter, replacing any earlier value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, value.into()));
        self
    }

    /// Adds a list: `InstanceId.1`, `InstanceId.2` and so on. Elastic Load Balancing has lists such
    /// as `TargetGroupArns.member`.
    #[must_use]
    pub fn list<V: Into<String>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        let numbered = values.into_iter().zip(1..);
        numbered.fold(self, |parameters, (value, number)| {
            parameters.with(format!("{name}.{number}"), value)
        })
    }

    /// The body of a request.
    pub(super) fn form(&self, action: &str, version: &str) -> String {
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in &self.0 {
            form.push('&');
            form.extend(utf8_percent_encode(name, UNRESERVED));
            form.push('=');
            form.extend(utf8_percent_encode(value, UNRESERVED));
        }
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_encoded_as_a_form() {
        let parameters = Parameters::new()
            .with("NextToken", "a")
            .list("Filter.1.Value", ["sluice:hours", "재 +"])
            .with("NextToken", "b/=");
        assert_eq!(
            parameters.form("DescribeInstances", "2016-11-15"),
            "Action=DescribeInstances&Version=2016-11-15&Filter.1.Value.1=sluice%3Ahours\
             &Filter.1.Value.2=%EC%9E%AC%20%2B&NextToken=b%2F%3D"
        );
    }
}
