//! Credentials for Google.

use serde_json::json;

/// The private key of a service account that exists only in tests.
pub const GOOGLE_KEY: &str = include_str!("google-key.pem");

/// The JSON key of a service account whose tokens come from `/token` of this endpoint.
#[must_use]
pub fn google_credentials(url: &str) -> String {
    json!({
        "type": "service_account",
        "client_email": "watch@music.iam.gserviceaccount.com",
        "private_key": GOOGLE_KEY,
        "private_key_id": "key-1",
        "token_uri": format!("{url}/token"),
    })
    .to_string()
}
