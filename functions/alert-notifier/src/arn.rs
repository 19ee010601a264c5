//! The ARN of an alarm, which identifies it in every form of event.

use std::fmt::{self, Display, Formatter};

/// `arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AlarmArn {
    pub(crate) partition: String,
    /// The region's code; empty if unknown.
    pub(crate) region: String,
    /// The account's id; empty if unknown.
    pub(crate) account: String,
    pub(crate) name: String,
}

impl AlarmArn {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        let ["arn", partition, "cloudwatch", region, account, "alarm", name] = parts[..] else {
            return None;
        };
        if name.is_empty() || !is_region(region) || !is_word(partition) || !is_word(account) {
            return None;
        }
        Some(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl Display for AlarmArn {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name } = self;
        write!(out, "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}")
    }
}

/// Whether a text is the code of a region. Endpoints and links are made with it, so that no other
/// text may get into them.
pub(crate) fn is_region(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (6..=32).contains(&text.len())
        && text.bytes().all(is_allowed)
        && text.contains('-')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_digit())
}

/// Returns partition and region of any ARN.
pub(crate) fn place(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':');
    let ("arn", partition, _, region) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?)
    else {
        return None;
    };
    (is_word(partition) && is_region(region)).then_some((partition, region))
}

fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arns_of_alarms_are_parsed() {
        let text = "arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:a:b c";
        let arn = AlarmArn::parse(text).unwrap();
        assert_eq!((&*arn.partition, &*arn.region), ("aws-cn", "cn-north-1"));
        assert_eq!((&*arn.account, &*arn.name), ("123456789012", "a:b c"));
        assert_eq!(arn.to_string(), text);
        for text in [
            "",
            "arn:aws:sns:eu-west-1:123456789012:topic",
            "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:",
            "arn:aws:cloudwatch:evil.example/:123456789012:alarm:a",
            "arn:aws:cloudwatch:eu-west-1#1:123456789012:alarm:a",
        ] {
            assert_eq!(AlarmArn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn regions() {
        for region in ["eu-west-1", "us-gov-west-1", "ap-southeast-7", "us-isob-east-1"] {
            assert!(is_region(region), "{region}");
        }
        for text in ["", "EU (Ireland)", "eu-west", "evil.com#1", "eu-west-1/", "1-1-11"] {
            assert!(!is_region(text), "{text}");
        }
        assert_eq!(place("arn:aws:sns:eu-west-1:1:t"), Some(("aws", "eu-west-1")));
        assert_eq!(place("arn:aws:sns::1:t"), None);
    }
}
