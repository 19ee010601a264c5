//! OpenSearch: as the function is told of it, and as it answers here.

use shared::opensearch::{Auth, Place, SigningService};

use super::function;
use crate::doctor::facts::{Answer, Facts, OpenSearch, Template};
use crate::doctor::finding::Finding;

/// What the hosts of a service end in, and the service.
const HOSTS: [(&str, SigningService); 2] = [
    (".es.amazonaws.com", SigningService::Domain),
    (".aoss.amazonaws.com", SigningService::Serverless),
];

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    if let Some(opensearch) = &facts.opensearch {
        check_answer(opensearch, findings);
    }
    let Some(function) = &facts.function else { return };
    let settings = function.environment.as_ref().map(function::settings);
    let Some(Ok(settings)) = settings else { return };
    let Place::Endpoint(endpoint) = &settings.opensearch.place else { return };
    let endpoint = endpoint.as_str();
    let mut wrong = |problem: String, remedy: &str| {
        findings.push(Finding::error("opensearch_endpoint", &function.name, problem, remedy));
    };
    let service = HOSTS.iter().find(|(suffix, _)| host(endpoint).ends_with(suffix));
    if let Some((_, service)) = service {
        if !endpoint.starts_with("https://") {
            wrong(
                format!("OPENSEARCH_ENDPOINT is {endpoint}: Amazon's answer over https only."),
                "Begin it with https://.",
            );
        }
        if let Auth::SigV4(signed_for) = &settings.opensearch.auth
            && signed_for != service
        {
            wrong(
                format!("Requests to {endpoint} are signed for {}.", signed_for.name()),
                &format!("Set OPENSEARCH_SERVICE to {}.", service.name()),
            );
        }
    }
    if endpoint.contains("/_dashboards") || endpoint.contains("/_plugin") {
        wrong(
            format!("OPENSEARCH_ENDPOINT is {endpoint}: a page for people, not the endpoint."),
            "Take the path away.",
        );
    }
    if let Some(OpenSearch { url, .. }) = &facts.opensearch
        && host(url) != host(endpoint)
    {
        wrong(
            format!("The function writes to {endpoint}, and you named {url}."),
            "Set OPENSEARCH_ENDPOINT, or name the other one.",
        );
    }
}

fn check_answer(opensearch: &OpenSearch, findings: &mut Vec<Finding>) {
    let url = &opensearch.url;
    match &opensearch.answer {
        Answer::Up { health, index, template, .. } => {
            if health == "red" {
                findings.push(Finding::error(
                    "opensearch_health",
                    url,
                    "The cluster is red: some documents cannot be written.",
                    "Repair it before messages are moved back.",
                ));
            }
            let problem = match template {
                Template::Fits => None,
                Template::Unfit(fields) => Some(format!(
                    "The index template of {index} does not fit the documents: {}.",
                    fields.join(", ")
                )),
                Template::Missing => Some(format!(
                    "No index template maps {index}: a new index maps fields as they come, and \
                     refuses documents that differ from the first."
                )),
                Template::Unknown(status) => Some(format!(
                    "The index template of {index} is not known: OpenSearch answered {status}."
                )),
            };
            if let Some(problem) = problem {
                let remedy = format!(
                    "cargo sluice setup --opensearch {url}, with --index and --mapping as INDEX and \
                     MAPPING of the function; indices that exist keep their mapping."
                );
                findings.push(Finding::warning("index_template", url, problem, remedy));
            }
        }
        Answer::Refused(status) => findings.push(Finding::error(
            "opensearch_refused",
            url,
            format!("It answers {status}: it does not let you in."),
            "Of you it takes es:ESHttpGet, of the function's role es:ESHttpPost, in the domain's \
             access policy; with fine-grained access control, map user or role to one of the \
             domain's. Whether the function is let in, its log tells: `denied`.",
        )),
        Answer::Other(what) => findings.push(Finding::error(
            "opensearch_endpoint",
            url,
            format!("What answers is no OpenSearch: {what}."),
            "Give the endpoint as the domain's page shows it.",
        )),
        Answer::Silent(why) => findings.push(Finding::error(
            "opensearch_endpoint",
            url,
            format!("It does not answer: {why}."),
            "Is it up, and are host, port and https right? A domain inside a VPC cannot be \
             reached from outside.",
        )),
    }
}

/// In lower case, without port and path.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase()
}
