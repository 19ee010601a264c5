//! Who may access what: TLS, buckets, roles, and the webhook of Google Chat.

use serde_json::Value;

use super::RESTORE;
use crate::doctor::finding::Findings;
use crate::doctor::stack::facts::{Chat, ChatState, StackFacts};

pub(super) fn check(facts: &StackFacts, findings: &mut Findings) {
    for bucket in &facts.buckets {
        check_tls("bucket", &bucket.name, bucket.policy.as_ref(), findings);
        if bucket.is_private == Some(false) {
            findings.error(
                "bucket_public",
                &bucket.name,
                "The bucket does not block public access.",
                format!(
                    "aws s3api put-public-access-block --bucket {} \
                     --public-access-block-configuration BlockPublicAcls=true,\
                     IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
                    bucket.name
                ),
            );
        }
    }
    for denied in &facts.denied {
        findings.error(
            "permission",
            &denied.subject,
            format!(
                "The role {} is not allowed to call {} for {}.",
                denied.role, denied.action, denied.resource
            ),
            RESTORE,
        );
    }
    if let Some(chat) = &facts.chat {
        check_chat(chat, findings);
    }
}

/// Checks that the policy denies requests without TLS, if it was read.
pub(super) fn check_tls(what: &str, name: &str, policy: Option<&Value>, findings: &mut Findings) {
    let Some(policy) = policy else { return };
    let statements = policy["Statement"]
        .as_array()
        .map_or_else(|| std::slice::from_ref(&policy["Statement"]), Vec::as_slice);
    let denies = |statement: &Value| {
        let secure = &statement["Condition"]["Bool"]["aws:SecureTransport"];
        let secure = secure.get(0).unwrap_or(secure);
        statement["Effect"] == "Deny" && (*secure == "false" || *secure == false)
    };
    if !statements.iter().any(denies) {
        findings.warning("tls", name, format!("The {what} accepts requests without TLS."), RESTORE);
    }
}

fn check_chat(chat: &Chat, findings: &mut Findings) {
    let put = format!(
        "aws secretsmanager put-secret-value --secret-id {} --secret-string 'THE WEBHOOK URL'",
        chat.name
    );
    match &chat.state {
        ChatState::Valid | ChatState::Posted => {}
        ChatState::NotAWebhook => findings.error(
            "chat_secret",
            &chat.name,
            "It is not the URL of a Google Chat webhook: no alarm is posted.",
            put,
        ),
        ChatState::Missing(reason) => findings.error(
            "chat_secret",
            &chat.name,
            format!("The secret with the webhook cannot be used: {reason}"),
            format!(
                "aws secretsmanager restore-secret --secret-id {}, or deploy with the ChatSecretArn \
                 of another",
                chat.name
            ),
        ),
        ChatState::Refused(reason) => findings.error(
            "chat_post",
            &chat.name,
            format!("The greeting was not posted: {reason}"),
            format!("Create a new webhook in the space, then: {put}"),
        ),
    }
}
