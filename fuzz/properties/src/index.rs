//! An OpenSearch in memory that creates every document.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use shared::opensearch::{Answer, Error, Search};

/// The documents of all requests, in order; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index(Rc<RefCell<Vec<Created>>>);

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Created {
    pub(crate) id: String,
    pub(crate) document: String,
}

impl Index {
    /// The documents since the last time.
    pub(crate) fn take(&self) -> Vec<Created> {
        self.0.take()
    }
}

impl Search for Index {
    async fn bulk(&self, body: &[u8]) -> Result<Answer, Error> {
        let text = std::str::from_utf8(body).unwrap();
        let lines: Vec<_> = text.strip_suffix('\n').unwrap().split('\n').collect();
        let item = |pair: &[&str]| {
            let [action, document] = pair else { panic!("a line without another: {text}") };
            let action: Value = serde_json::from_str(action).unwrap();
            let id = action["create"]["_id"].as_str().unwrap().to_owned();
            let created = json!({"create": {"_id": id, "status": 201}});
            self.0.borrow_mut().push(Created { id, document: (*document).to_owned() });
            created
        };
        let items: Vec<_> = lines.chunks(2).map(item).collect();
        Ok(Answer { status: 200, body: json!({"items": items}).to_string().into() })
    }
}
