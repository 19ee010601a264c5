//! BigQuery with credentials from Secrets Manager, both from a scripted endpoint.

#![cfg(test)]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::config::Environment;
use shared::google::{BigQuery, GoogleError};
use shared::secrets::SECRETS_MANAGER;
use testkit::{Call, Endpoint, GOOGLE_KEY, Reply, google_credentials};
use tokio::time::Instant;

const SECRET_ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:google-AbCdEf";
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";
const LIMIT: Duration = Duration::from_secs(20);

/// The kind of credentials; both contain the URLs of the endpoint.
#[derive(Clone, Copy)]
enum Kind {
    ServiceAccount,
    Federation { is_impersonating: bool },
}

fn credentials(kind: Kind, url: &str) -> String {
    match kind {
        Kind::ServiceAccount => google_credentials(url),
        Kind::Federation { is_impersonating } => {
            let mut account = json!({
                "type": "external_account",
                "audience": "//iam.googleapis.com/projects/1/locations/global/x",
                "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
                "token_url": format!("{url}/sts"),
                "credential_source": {
                    "environment_id": "aws1",
                    "regional_cred_verification_url":
                        "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
                },
            });
            if is_impersonating {
                account["service_account_impersonation_url"] = json!(format!("{url}/impersonate"));
            }
            account.to_string()
        }
    }
}

/// A client and its endpoint, which answers requests to BigQuery with these replies.
async fn bigquery(kind: Kind, seconds: u64, replies: Vec<Reply>) -> (BigQuery, Endpoint) {
    let mut replies = VecDeque::from(replies);
    let mut tokens = 0;
    let mut url = None;
    let endpoint = Endpoint::start(move |call| {
        let url =
            url.get_or_insert_with(|| format!("http://{}", call.headers["host"].to_str().unwrap()));
        match &*call.path {
            "/" => Reply::json(200, &json!({"Name": "a", "SecretString": credentials(kind, url)})),
            "/token" | "/sts" => {
                tokens += 1;
                let token = format!("hush-{tokens}");
                Reply::json(200, &json!({"access_token": token, "expires_in": seconds}))
            }
            "/impersonate" => {
                let token = json!({"accessToken": "hush-as", "expireTime": "2100-01-01T00:00:00Z"});
                Reply::json(200, &token)
            }
            _ => replies.pop_front().unwrap_or_else(|| Reply::json(200, &json!({"jobs": []}))),
        }
    })
    .await;
    let environment: Environment = [
        ("AWS_ENDPOINT_URL", &*endpoint.url),
        ("BIGQUERY_ENDPOINT_URL", &endpoint.url),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_SESSION_TOKEN", "session"),
    ]
    .into_iter()
    .collect();
    let aws = Aws::from_environment(&environment, &[SECRETS_MANAGER]);
    let url = BigQuery::endpoint(&environment).unwrap();
    (BigQuery::new(url, SECRET_ARN.to_owned(), aws), endpoint)
}

fn until() -> Instant {
    Instant::now() + LIMIT
}

fn paths(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| &*call.path).collect()
}

fn form(call: &Call) -> BTreeMap<String, String> {
    assert_eq!(call.headers["content-type"], "application/x-www-form-urlencoded");
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = std::str::from_utf8(&call.body).unwrap().split('&');
    pairs
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn from_base64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

fn error(reason: &str) -> Value {
    json!({"error": {"message": "no", "errors": [{"reason": reason}]}})
}

#[tokio::test]
async fn a_service_account_signs_an_assertion_and_its_token_is_kept() {
    let (bigquery, endpoint) = bigquery(Kind::ServiceAccount, 3_599, vec![]).await;
    let parameters = [("pageToken", "a b&c"), ("allUsers", "true")];
    bigquery.get("/bigquery/v2/projects/p/jobs", &parameters, until()).await.unwrap();
    bigquery.post("/bigquery/v2/projects/p/queries", &json!({"q": 1}), until()).await.unwrap();
    let calls = endpoint.take_calls();
    assert_eq!(
        paths(&calls),
        ["/", "/token", "/bigquery/v2/projects/p/jobs", "/bigquery/v2/projects/p/queries"]
    );
    assert_eq!(calls[0].json(), json!({"SecretId": SECRET_ARN}));
    let form = form(&calls[1]);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&from_base64(header)).unwrap();
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    let claims: Value = serde_json::from_slice(&from_base64(claims)).unwrap();
    let issued = claims["iat"].as_u64().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((now - 60..=now).contains(&issued));
    assert_eq!(
        claims,
        json!({
            "iss": "watch@music.iam.gserviceaccount.com", "scope": SCOPE,
            "aud": "https://oauth2.googleapis.com/token", "iat": issued, "exp": issued + 3_600,
        })
    );
    let pem: String = GOOGLE_KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode_to_vec(pem).unwrap()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
    public.verify(signed.as_bytes(), &from_base64(signature)).unwrap();
    assert_eq!(
        (calls[2].method.as_str(), &*calls[2].query),
        ("GET", "pageToken=a%20b%26c&allUsers=true")
    );
    assert_eq!((calls[3].method.as_str(), calls[3].json()), ("POST", json!({"q": 1})));
    for call in &calls[2..] {
        assert_eq!(call.headers["authorization"], "Bearer hush-1");
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let (bigquery, endpoint) = bigquery(Kind::ServiceAccount, 299, vec![]).await;
    bigquery.get("/jobs", &[], until()).await.unwrap();
    bigquery.get("/jobs", &[], until()).await.unwrap();
    let calls = endpoint.take_calls();
    assert_eq!(paths(&calls), ["/", "/token", "/jobs", "/", "/token", "/jobs"]);
    assert_eq!(calls[5].headers["authorization"], "Bearer hush-2");
}

#[tokio::test]
async fn a_role_of_aws_is_exchanged_for_a_token() {
    let kind = Kind::Federation { is_impersonating: false };
    let (bigquery, endpoint) = bigquery(kind, 3_600, vec![]).await;
    bigquery.get("/jobs", &[], until()).await.unwrap();
    let calls = endpoint.take_calls();
    assert_eq!(paths(&calls), ["/", "/sts", "/jobs"]);
    let form = form(&calls[1]);
    let audience = "//iam.googleapis.com/projects/1/locations/global/x";
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token_type", "urn:ietf:params:aws:token-type:aws4_request"),
        ("audience", audience),
        ("scope", SCOPE),
    ] {
        assert_eq!(form[name], value);
    }
    // Percent-encoded twice: in itself, and as the value of a form.
    let token = percent_decode_str(&form["subject_token"]).decode_utf8().unwrap();
    let token: Value = serde_json::from_str(&token).unwrap();
    let url = "https://sts.eu-west-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!((&token["url"], &token["method"]), (&json!(url), &json!("POST")));
    let headers = token["headers"].as_array().unwrap().iter();
    let headers: BTreeMap<_, _> = headers
        .map(|header| (header["key"].as_str().unwrap(), header["value"].as_str().unwrap()))
        .collect();
    assert_eq!(headers["host"], "sts.eu-west-1.amazonaws.com");
    assert_eq!(headers["x-goog-cloud-target-resource"], audience);
    assert_eq!(headers["x-amz-security-token"], "session");
    let signed = "SignedHeaders=host;x-amz-date;x-amz-security-token;x-goog-cloud-target-resource";
    let authorization = headers["authorization"];
    assert!(authorization.contains("/eu-west-1/sts/aws4_request, "), "{authorization}");
    assert!(authorization.contains(signed), "{authorization}");
    assert_eq!(calls[2].headers["authorization"], "Bearer hush-1");
}

#[tokio::test]
async fn a_role_of_aws_impersonates_a_service_account() {
    let kind = Kind::Federation { is_impersonating: true };
    let (bigquery, endpoint) = bigquery(kind, 3_600, vec![]).await;
    bigquery.get("/jobs", &[], until()).await.unwrap();
    bigquery.get("/jobs", &[], until()).await.unwrap();
    let calls = endpoint.take_calls();
    assert_eq!(paths(&calls), ["/", "/sts", "/impersonate", "/jobs", "/jobs"]);
    assert_eq!(form(&calls[1])["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(calls[2].headers["authorization"], "Bearer hush-1");
    assert_eq!(calls[2].json(), json!({"scope": [SCOPE], "lifetime": "3600s"}));
    assert_eq!(calls[3].headers["authorization"], "Bearer hush-as");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_a_refused_token_is_replaced_once() {
    let replies = vec![
        Reply::json(503, &error("backendError")),
        Reply::json(429, &error("rateLimitExceeded")),
        Reply::Close,
        Reply::json(401, &error("authError")),
    ];
    let (bigquery, endpoint) = bigquery(Kind::ServiceAccount, 3_600, replies).await;
    bigquery.get("/jobs", &[], until()).await.unwrap();
    let calls = endpoint.take_calls();
    assert_eq!(calls[1..].iter().filter(|call| call.path == "/token").count(), 2);
    assert_eq!(calls.last().unwrap().headers["authorization"], "Bearer hush-2");
}

#[tokio::test]
async fn what_is_refused_for_good_is_an_error_with_its_reason() {
    let replies = vec![
        Reply::json(403, &error("accessDenied")),
        Reply::json(401, &error("authError")),
        Reply::json(401, &error("authError")),
    ];
    let (bigquery, endpoint) = bigquery(Kind::ServiceAccount, 3_600, replies).await;
    for (expected, calls) in [("accessDenied (403): no", 1), ("authError (401): no", 2)] {
        let refused = bigquery.get("/jobs", &[], until()).await.unwrap_err();
        assert_eq!(refused.to_string(), expected);
        let jobs = endpoint.take_calls().iter().filter(|call| call.path == "/jobs").count();
        assert_eq!(jobs, calls);
    }
}

#[tokio::test]
async fn no_answer_is_waited_for_until_the_deadline() {
    let (bigquery, _endpoint) = bigquery(Kind::ServiceAccount, 3_600, vec![Reply::Never]).await;
    let error = bigquery.get("/jobs", &[], Instant::now() + Duration::from_millis(300)).await;
    assert_eq!(error, Err(GoogleError::NoAnswer("the time was up".to_owned())));
}

#[test]
fn the_endpoint_is_a_url() {
    let endpoint = |value: &str| {
        BigQuery::endpoint(&[("BIGQUERY_ENDPOINT_URL", value)].into_iter().collect())
            .map(|url| url.as_str().to_owned())
            .map_err(|error| error.to_string())
    };
    let default = BigQuery::endpoint(&Environment::default()).unwrap();
    assert_eq!(default.as_str(), "https://bigquery.googleapis.com");
    assert_eq!(endpoint("http://127.0.0.1:9050/"), Ok("http://127.0.0.1:9050".to_owned()));
    let message = |shown: &str| {
        Err(format!(
            "BIGQUERY_ENDPOINT_URL is {shown:?}, but must be an http or https URL without user"
        ))
    };
    assert_eq!(endpoint("bigquery"), message("bigquery"));
    assert_eq!(endpoint("https://ada:hush@a.test"), message("…"));
}
