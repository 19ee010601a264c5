//! A scripted Lambda.

use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};

/// A Lambda that answers these paths and queries with a status and body, and all others with 404.
pub(crate) async fn lambda<const N: usize>(answers: [(&str, u16, Value); N]) -> Endpoint {
    let answers = answers.map(|(path, status, body)| (path.to_owned(), status, body));
    let answer = move |call: &Call| {
        let asked = format!("{}?{}", call.path, call.query);
        let found = answers.iter().find(|(path, ..)| *path == asked.trim_end_matches('?'));
        found.map_or_else(
            || Reply::json(404, &json!({"Type": "User", "Message": "Function not found: there"})),
            |(_, status, body)| Reply::json(*status, body),
        )
    };
    Endpoint::start(answer).await
}
