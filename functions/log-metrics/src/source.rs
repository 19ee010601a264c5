//! Which function a log stream is of, and where to read it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in a link.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Returns the name of the function that writes to this log stream.
///
/// Where functions share a log group, whatever its name, the streams name them:
/// `2024/03/01/<function>[<version>]<environment>`. Lambda's own log groups are named by their
/// function. `None` where neither names one.
///
/// Source: "Configuring CloudWatch log groups", AWS Lambda Developer Guide.
pub(crate) fn function_name<'a>(log_group: &'a str, log_stream: &'a str) -> Option<&'a str> {
    let by_group = log_group.strip_prefix("/aws/lambda/").filter(|name| !name.is_empty());
    by_stream(log_stream).or(by_group)
}

fn by_stream(log_stream: &str) -> Option<&str> {
    let mut parts = log_stream.splitn(4, '/');
    for digits in [4, 2, 2] {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(())?;
    }
    let (name, version) = parts.next()?.split_once('[')?;
    (!name.is_empty() && version.contains(']')).then_some(name)
}

/// A link to the log stream in the console of the region.
pub(crate) fn link(region: &str, log_group: &str, log_stream: &str) -> String {
    let domain = match region {
        region if region.starts_with("cn-") => "amazonaws.cn",
        region if region.starts_with("us-gov-") => "amazonaws-us-gov.com",
        _ => "aws.amazon.com",
    };
    // The console decodes twice, and wants `$` for the outer percent sign.
    let encoded = |name| utf8_percent_encode(name, PLAIN).to_string().replace('%', "$25");
    let (group, stream) = (encoded(log_group), encoded(log_stream));
    format!(
        "https://{region}.console.{domain}/cloudwatch/home?region={region}\
         #logsV2:log-groups/log-group/{group}/log-events/{stream}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_named_by_the_stream_or_else_by_the_group() {
        let stream = "2024/03/01/[$LATEST]0123456789abcdef0123456789abcdef";
        let named = "2024/03/01/plays[42]0123456789abcdef0123456789abcdef";
        for (group, stream, name) in [
            ("/aws/lambda/plays", stream, Some("plays")),
            ("/aws/lambda/us-east-1.edge", stream, Some("us-east-1.edge")),
            // The stream wins: functions can share a group below /aws/lambda/, too.
            ("/aws/lambda/likes", named, Some("plays")),
            ("/aws/lambda/team/shared", "2024/03/01/us-east-1.edge[7]a", Some("us-east-1.edge")),
            ("/aws/lambda/likes", "2024/03/01/plays", Some("likes")),
            ("/aws/lambda/likes", "plays[$LATEST]a", Some("likes")),
            ("/music/prod", named, Some("plays")),
            ("/aws/lambda/", named, Some("plays")),
            ("/music/prod", "2024/03/01/plays[$LATEST]a", Some("plays")),
            ("/music/prod", stream, None),
            ("/music/prod", "plays[$LATEST]a", None),
            ("/music/prod", "24/03/01/plays[$LATEST]a", None),
            ("/music/prod", "2024/03/01/plays", None),
            ("/music/prod", "2024/03/01/plays[$LATEST", None),
            ("/music/prod", "2024/3a/01/plays[1]a", None),
            ("", "", None),
        ] {
            assert_eq!(function_name(group, stream), name, "{group} {stream}");
        }
    }

    #[test]
    fn links_are_escaped_twice_and_lead_to_the_regions_own_console() {
        assert_eq!(
            link("eu-west-1", "/aws/lambda/plays", "2024/03/01/[$LATEST]01ab"),
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1\
             #logsV2:log-groups/log-group/$252Faws$252Flambda$252Fplays\
             /log-events/2024$252F03$252F01$252F$255B$2524LATEST$255D01ab"
        );
        let china = "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1\
                     #logsV2:log-groups/log-group/a_b.c-d/log-events/$25C3$25A9";
        assert_eq!(link("cn-north-1", "a_b.c-d", "é"), china);
        assert!(link("us-gov-west-1", "a", "b").contains(".console.amazonaws-us-gov.com/"));
    }
}
