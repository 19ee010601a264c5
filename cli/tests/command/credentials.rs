//! The source of the credentials of a request: its signature contains their key.

use std::fs;

use serde_json::json;
use tempfile::TempDir;
use testkit::{Call, Endpoint, Reply};

use super::support::{Finished, finish, sluice};

/// The profiles of the files of the AWS CLI.
const CONFIG: &str = "\
[profile keys]
aws_access_key_id = AKIDPROFILE
aws_secret_access_key = secret
region = eu-west-3

[profile role]
role_arn = arn:aws:iam::123456789012:role/operator
source_profile = keys
region = eu-west-3

[profile sso]
sso_session = sluice
sso_account_id = 123456789012
sso_role_name = operator
region = eu-west-3

[profile expired]
sso_session = expired
sso_account_id = 123456789012
sso_role_name = operator
region = eu-west-3

[profile process]
credential_process = echo '{\"Version\":1,\"AccessKeyId\":\"AKIDPROCESS\",\"SecretAccessKey\":\"secret\"}'
region = eu-west-3

[sso-session sluice]
sso_region = eu-west-3
sso_start_url = https://sluice.awsapps.com/start

[sso-session expired]
sso_region = eu-west-3
sso_start_url = https://sluice.awsapps.com/start
";

/// `sso/cache/sha1(sluice).json`
const TOKEN: &str = ".aws/sso/cache/bac9c3029ea6380aa37a31f0165084711ae0d44d.json";

/// Starts Lambda, STS, SSO and the instance metadata. Lambda has no functions.
async fn aws() -> Endpoint {
    let assumed = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <AssumeRoleResult><Credentials><AccessKeyId>AKIDROLE</AccessKeyId>\
        <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
        <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser>\
        <AssumedRoleId>A:b</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/a/b</Arn>\
        </AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>";
    let role = json!({"roleCredentials": {
        "accessKeyId": "AKIDSSO", "secretAccessKey": "secret", "sessionToken": "token",
        "expiration": 32_472_144_000_000_u64,
    }});
    let instance = json!({
        "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKIDINSTANCE",
        "SecretAccessKey": "secret", "Token": "token", "Expiration": "2999-01-01T00:00:00Z",
        "LastUpdated": "2024-03-01T00:00:00Z", "AccountId": "123456789012",
    });
    Endpoint::start(move |call| match &*call.path {
        "/" => Reply::new(200, "text/xml", assumed),
        "/federation/credentials" => Reply::json(200, &role),
        "/latest/api/token" => Reply::new(200, "text/plain", "token")
            .with_header("x-aws-ec2-metadata-token-ttl-seconds", "21600"),
        "/latest/meta-data/placement/region" => Reply::new(200, "text/plain", "eu-west-3"),
        path if path.trim_end_matches('/').ends_with("/operator") => Reply::json(200, &instance),
        path if path.contains("/security-credentials") => Reply::new(200, "text/plain", "operator"),
        _ => Reply::json(404, &json!({"Message": "Function not found"}))
            .with_header("x-amzn-errortype", "ResourceNotFoundException"),
    })
    .await
}

/// The user's folder.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config"), CONFIG).unwrap();
    let token = json!({"accessToken": "token", "expiresAt": "2999-01-01T00:00:00Z"});
    let path = home.path().join(TOKEN);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, token.to_string()).unwrap();
    home
}

/// Runs `doctor`, which reads a function that does not exist.
async fn doctor(aws: &Endpoint, options: &[&str], variables: &[(&str, &str)]) -> Finished {
    let home = home();
    let mut command = sluice(&[&["doctor", "--function", "consumer"], options].concat());
    command.env("HOME", home.path()).env("AWS_CONFIG_FILE", home.path().join("config"));
    for service in ["LAMBDA", "STS", "SSO"] {
        command.env(format!("AWS_ENDPOINT_URL_{service}"), &aws.url);
    }
    command.envs(variables.iter().copied());
    finish(command.spawn().unwrap()).await
}

/// Returns the key and the region of the signature of the request to Lambda.
fn signature(calls: &[Call]) -> String {
    let call = calls.iter().find(|call| call.path.contains("/functions/"));
    let authorization = call.unwrap().headers["authorization"].to_str().unwrap();
    let scope = authorization.split("Credential=").nth(1).unwrap();
    let parts: Vec<_> = scope.split('/').collect();
    format!("{} {}", parts[0], parts[2])
}

#[tokio::test]
async fn credentials_are_found_where_the_aws_cli_finds_them() {
    let aws = aws().await;
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let region = ("AWS_REGION", "us-east-2");
    let instance =
        [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*aws.url)];
    for (options, variables, expected) in [
        (&[][..], &[keys[0], keys[1], region][..], "AKIDENV us-east-2"),
        (&["--region", "us-west-1"], &[keys[0], keys[1], region], "AKIDENV us-west-1"),
        (&["--profile", "keys"], &[keys[0], keys[1]], "AKIDPROFILE eu-west-3"),
        (&["--profile", "keys"], &[region], "AKIDPROFILE us-east-2"),
        (&["--profile", "role"], &[], "AKIDROLE eu-west-3"),
        (&["--profile", "sso"], &[], "AKIDSSO eu-west-3"),
        (&["--profile", "process"], &[], "AKIDPROCESS eu-west-3"),
        (&[], &[("AWS_PROFILE", "keys")], "AKIDPROFILE eu-west-3"),
        (&[], &[("AWS_PROFILE", "keys"), keys[0], keys[1]], "AKIDENV eu-west-3"),
        (&[], &instance, "AKIDINSTANCE eu-west-3"),
    ] {
        let finished = doctor(&aws, options, variables).await;
        finished.assert_error(1, "Function not found");
        let found = signature(&aws.take_calls());
        assert_eq!(found, expected, "{options:?} {variables:?}");
    }
}

#[tokio::test]
async fn missing_credentials_are_reported_with_a_remedy() {
    let aws = aws().await;
    for (options, expected) in [
        (&[][..], "found no AWS credentials: set AWS_ACCESS_KEY_ID"),
        (
            &["--profile", "absent"],
            "found no AWS credentials of the profile absent: `aws configure list-profiles`",
        ),
        (&["--profile", "expired"], "`aws sso login --profile expired` renews"),
    ] {
        doctor(&aws, options, &[]).await.assert_error(1, expected);
    }
    assert!(aws.calls().is_empty());
    // An endpoint of AWS needs them too.
    let mut command = sluice(&["inspect", "music-dlq", "--region", "eu-west-1"]);
    let endpoint = "https://vpce-0a1b.sqs.eu-west-1.vpce.amazonaws.com";
    let command = command.env("AWS_ENDPOINT_URL_SQS", endpoint).spawn().unwrap();
    finish(command).await.assert_error(1, "found no AWS credentials: set AWS_ACCESS_KEY_ID");
    // Whatever the metadata of an instance are, the keys are what is missing.
    let denied = Endpoint::start(|_| Reply::new(403, "text/plain", "")).await;
    let instance = [
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*denied.url),
    ];
    doctor(&aws, &[], &instance).await.assert_error(1, "Or set AWS_ACCESS_KEY_ID");
}
