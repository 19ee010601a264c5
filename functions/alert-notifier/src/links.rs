//! Links into the AWS console, and the runbook that a description names.

use crate::alarm::Place;
use crate::webhook::encoded;

/// Maximum size of a link, in bytes.
const MAX_BYTES: usize = 2_000;

/// Returns the page of an alarm.
pub(crate) fn alarm(place: &Place, name: &str) -> Option<String> {
    let link = format!("{}#alarmsV2:alarm/{}", console(place)?, encoded(name));
    (link.len() <= MAX_BYTES).then_some(link)
}

/// Returns the page of a log group.
pub(crate) fn logs(place: &Place, log_group: &str) -> Option<String> {
    // After `#`, the console encodes once more, with `$` for `%`.
    let group = encoded(&encoded(log_group)).replace('%', "$");
    Some(format!("{}#logsV2:log-groups/log-group/{group}", console(place)?))
}

fn console(place: &Place) -> Option<String> {
    let region = place.region.as_deref()?;
    let host = match place.partition.as_str() {
        "aws" => format!("{region}.console.aws.amazon.com"),
        "aws-cn" => "console.amazonaws.cn".to_owned(),
        "aws-us-gov" => "console.amazonaws-us-gov.com".to_owned(),
        _ => return None,
    };
    Some(format!("https://{host}/cloudwatch/home?region={region}"))
}

/// Returns the first URL in a text.
pub(crate) fn runbook(description: &str) -> Option<String> {
    let starts = ["https://", "http://"].iter().filter_map(|scheme| description.find(scheme));
    let url = &description[starts.min()?..];
    let url = &url[..url.find(ends_url).unwrap_or(url.len())];
    let mut url = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']);
    // A closing bracket belongs to the text around the URL, unless the URL has the opening one.
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(without) = url.strip_suffix(close)
            && !without.contains(open)
        {
            url = without.trim_end_matches(['.', ',']);
        }
    }
    is_url(url).then(|| url.to_owned())
}

/// Whether a text is a URL that a card can link to.
pub(crate) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let has_host =
        rest.is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '['));
    has_host && text.len() <= MAX_BYTES && !text.contains(ends_url)
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "<>\"'`|\\^{}".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: &str, region: &str) -> Place {
        Place {
            partition: partition.to_owned(),
            region: Some(region.to_owned()),
            ..Place::default()
        }
    }

    #[test]
    fn links_lead_to_the_console_of_the_region() {
        assert_eq!(
            alarm(&place("aws", "eu-west-1"), "a/b 재").unwrap(),
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1\
             #alarmsV2:alarm/a%2Fb%20%EC%9E%AC"
        );
        assert_eq!(
            logs(&place("aws-cn", "cn-north-1"), "/aws/lambda/plays").unwrap(),
            "https://console.amazonaws.cn/cloudwatch/home?region=cn-north-1\
             #logsV2:log-groups/log-group/$252Faws$252Flambda$252Fplays"
        );
        assert!(alarm(&place("aws-us-gov", "us-gov-west-1"), "a").unwrap().contains("us-gov.com/"));
        assert_eq!(alarm(&place("aws-iso", "us-iso-east-1"), "a"), None);
        assert_eq!(alarm(&Place { region: None, ..place("aws", "") }, "a"), None);
        assert_eq!(alarm(&place("aws", "eu-west-1"), &"a".repeat(3_000)), None);
    }

    #[test]
    fn the_first_url_of_a_description_is_the_runbook() {
        for (description, expected) in [
            ("See https://wiki.example/run?a=b#c.", Some("https://wiki.example/run?a=b#c")),
            ("(http://wiki.example/a_(b))", Some("http://wiki.example/a_(b))")),
            ("[see](https://wiki.example/a)", Some("https://wiki.example/a")),
            ("<https://wiki.example/a|here>", Some("https://wiki.example/a")),
            ("https://a.example https://b.example", Some("https://a.example")),
            ("런북:https://wiki.example/재생, 확인", Some("https://wiki.example/재생")),
            ("javascript://x", None),
            ("https://", None),
            ("none", None),
        ] {
            assert_eq!(runbook(description).as_deref(), expected, "{description}");
        }
    }
}
