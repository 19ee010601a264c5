//! A Lambda that tells of one function, as scripted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Answers by path and query, status and body; all others are 404.
pub(crate) struct Lambda {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Lambda {
    pub(crate) async fn start<const N: usize>(answers: [(&str, u16, Value); N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: BTreeMap<_, _> = answers
            .into_iter()
            .map(|(path, status, body)| (path.to_owned(), (status, body.to_string())))
            .collect();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let head = answer(connection, &answers).await;
                seen.lock().unwrap().push(head);
            }
        });
        Self { url, heads }
    }

    /// The first line and the headers of each request.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn answer(mut connection: TcpStream, answers: &BTreeMap<String, (u16, String)>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let not_found = (404, r#"{"Type":"User","Message":"Function not found: there"}"#.to_owned());
    let (status, body) = answers.get(path).unwrap_or(&not_found);
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} \r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    connection.write_all(answer.as_bytes()).await.unwrap();
    head
}
