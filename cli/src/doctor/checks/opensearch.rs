//! The function's OpenSearch settings, and the OpenSearch of `--opensearch`.

use shared::event::DocumentForm;
use shared::opensearch::{Auth, Place, SigningService};

use crate::doctor::facts::{Facts, OpenSearch, OpenSearchReply, Template};
use crate::doctor::finding::Findings;
use crate::doctor::settings::Settings;

/// Host suffixes of the services.
const HOSTS: [(&str, SigningService); 2] = [
    (".es.amazonaws.com", SigningService::Domain),
    (".aoss.amazonaws.com", SigningService::Serverless),
];

pub(super) fn check(facts: &Facts, settings: Option<&Settings>, findings: &mut Findings) {
    if let Some(opensearch) = &facts.opensearch {
        let form = settings.map(|settings| settings.form).unwrap_or_default();
        check_reply(opensearch, form, findings);
    }
    let (Some(function), Some(settings)) = (&facts.function, settings) else { return };
    let Place::Endpoint(endpoint) = &settings.opensearch.place else { return };
    let endpoint = endpoint.as_str();
    let mut error = |problem: String, remedy: &str| {
        findings.error("opensearch_endpoint", &function.name, problem, remedy);
    };
    let service = HOSTS.iter().find(|(suffix, _)| host(endpoint).ends_with(suffix));
    if let Some((_, service)) = service {
        if !endpoint.starts_with("https://") {
            error(
                format!("OPENSEARCH_ENDPOINT is {endpoint}, but AWS accepts only https."),
                "Start it with https://.",
            );
        }
        if let Auth::SigV4(signed_for) = &settings.opensearch.auth
            && signed_for != service
        {
            error(
                format!("Requests to {endpoint} are signed for {}.", signed_for.name()),
                &format!("Set OPENSEARCH_SERVICE to {}.", service.name()),
            );
        }
    }
    if endpoint.contains("/_dashboards") || endpoint.contains("/_plugin") {
        error(
            format!("OPENSEARCH_ENDPOINT is {endpoint}: a web page, not the endpoint."),
            "Remove the path.",
        );
    }
    if let Some(OpenSearch { url, .. }) = &facts.opensearch
        && host(url) != host(endpoint)
    {
        error(
            format!("The function writes to {endpoint}, but --opensearch is {url}."),
            "Change OPENSEARCH_ENDPOINT or --opensearch.",
        );
    }
}

fn check_reply(opensearch: &OpenSearch, form: DocumentForm, findings: &mut Findings) {
    let url = &opensearch.url;
    match &opensearch.reply {
        OpenSearchReply::Up { health, index, template, .. } => {
            if health == "red" {
                findings.error(
                    "opensearch_health",
                    url,
                    "The cluster is red: some documents cannot be written.",
                    "Repair it before you move messages back.",
                );
            }
            check_template(url, index, template, form, findings);
        }
        OpenSearchReply::Rejected(status) => findings.error(
            "opensearch_refused",
            url,
            format!("It rejects your requests with status {status}."),
            "The domain's access policy must allow you es:ESHttpGet, and the function's role \
             es:ESHttpPost. With fine-grained access control, map user and role to a role of the \
             domain. The function logs `denied` if the domain rejects it.",
        ),
        OpenSearchReply::Other(reason) => findings.error(
            "opensearch_endpoint",
            url,
            format!("The server is not an OpenSearch: {reason}."),
            "Use the endpoint that the page of the domain shows.",
        ),
        OpenSearchReply::Unreachable(reason) => findings.error(
            "opensearch_endpoint",
            url,
            format!("It does not answer: {reason}."),
            "Check that it is running, and the host, the port and http or https. A domain inside \
             a VPC cannot be reached from outside.",
        ),
    }
}

fn check_template(
    url: &str,
    index: &str,
    template: &Template,
    form: DocumentForm,
    findings: &mut Findings,
) {
    let problem = match template {
        Template::Fits => return,
        Template::Unfit(fields) => format!(
            "The index template of {index} does not fit the documents: {}.",
            fields.join(", ")
        ),
        Template::Missing => format!(
            "{index} has no index template: a new index maps each field by its first value, and \
             rejects documents with other types."
        ),
        Template::Unknown(status) => {
            format!("Failed to read the index template of {index}: OpenSearch answered {status}.")
        }
    };
    let options = match form {
        DocumentForm::Mapped => ", with --index and --mapping as INDEX and MAPPING",
        DocumentForm::Passthrough => " --document passthrough, with --index as INDEX",
    };
    let remedy = format!(
        "cargo sluice setup --opensearch {url}{options} of the function. Existing indices keep \
         their mapping."
    );
    findings.warning("index_template", url, problem, remedy);
}

/// Returns the host of a URL in lower case.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase()
}
