//! A small account at one endpoint, with SNS, and with faults.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use local::account::{Account, Form};
use serde::Deserialize;
use serde_json::Value;
use testkit::{Call, Endpoint, Reply};

/// How calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// With this status and code.
    Error(u16, &'static str),
    /// Without an answer.
    Hangs,
    Closes,
    /// With an answer that is not XML.
    Garbage,
    /// With the answer of another operation.
    OfAnother,
    /// With this body.
    Answers(&'static str),
}

impl Fault {
    fn reply(self) -> Reply {
        match self {
            Self::Error(status, code) => Reply::query_error(status, code),
            Self::Hangs => Reply::Never,
            Self::Closes => Reply::Close,
            Self::Garbage => Reply::new(200, "text/xml", "<oops"),
            Self::OfAnother => Reply::new(200, "text/xml", "<GetResponse></GetResponse>"),
            Self::Answers(body) => Reply::new(200, "text/xml", body),
        }
    }
}

/// The services.
pub(crate) struct Outside {
    pub(crate) endpoint: Endpoint,
    state: Arc<Mutex<State>>,
}

struct State {
    account: Account,
    /// Faults of the calls of an operation; the last one is permanent.
    faults: Vec<(&'static str, VecDeque<Option<Fault>>)>,
}

impl Outside {
    pub(crate) async fn start(account: Account) -> Self {
        let state = Arc::new(Mutex::new(State { account, faults: Vec::new() }));
        let shared = Arc::clone(&state);
        let endpoint = Endpoint::start(move |call| shared.lock().unwrap().answer(call)).await;
        Self { endpoint, state }
    }

    /// Makes calls of an operation fail, one after the other; the last fault is permanent.
    pub(crate) fn fail(&self, operation: &'static str, faults: &[Option<Fault>]) {
        let faults = faults.iter().copied().collect();
        self.state.lock().unwrap().faults.push((operation, faults));
    }

    pub(crate) fn heal(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    pub(crate) fn account(&self) -> Account {
        self.state.lock().unwrap().account.clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.state.lock().unwrap().account);
    }

    pub(crate) fn settle(&self) {
        self.change(|account| account.settle(Timestamp::now()));
    }

    /// The calls since the last time that change something, with the ids of the machines.
    pub(crate) fn take_changes(&self) -> Vec<String> {
        let changes = self.endpoint.take_calls().into_iter().filter_map(|call| {
            let form = Form::parse(&call.body);
            let action = form.get("Action");
            let is_change = action.starts_with("Start") || action.starts_with("Stop");
            let names = ["DBInstanceIdentifier", "DBClusterIdentifier"].map(|name| form.get(name));
            let ids = names.into_iter().filter(|id| !id.is_empty()).chain(form.list("InstanceId"));
            is_change.then(|| [action].into_iter().chain(ids).collect::<Vec<_>>().join(" "))
        });
        changes.collect()
    }
}

impl State {
    fn answer(&mut self, call: &Call) -> Reply {
        let form = Form::parse(&call.body);
        let action = form.get("Action");
        for (operation, faults) in &mut self.faults {
            let fault = match (*operation == action, faults.len()) {
                (false, _) => None,
                (true, 1) => faults[0],
                (true, _) => faults.pop_front().flatten(),
            };
            if let Some(fault) = fault {
                return fault.reply();
            }
        }
        if action == "Publish" {
            return Reply::published();
        }
        let answer = self.account.answer(&form, Timestamp::now());
        let answer = answer.unwrap_or_else(|| panic!("unexpected call: {form:?}"));
        Reply::new(answer.status, "text/xml", answer.body)
    }
}

/// The schedules `on`, whose window began two hours ago, and `off`, whose window ended then.
pub(crate) fn schedules(now: Timestamp) -> String {
    let at = |hours| {
        let time = now + SignedDuration::from_hours(hours);
        time.strftime("%H:%M").to_string()
    };
    let window = |start, end| format!("Mon-Sun {}-{} UTC", at(start), at(end));
    serde_json::json!({"on": window(-2, 2), "off": window(-4, -2)}).to_string()
}

/// The account of a fixture, in whose texts `@-90` is 90 minutes ago, `@-90GMT` the same as EC2
/// writes it in reasons, and `@-90D` its day.
pub(crate) fn account(value: &Value, now: Timestamp) -> Account {
    Account::deserialize(resolved(value, now)).unwrap()
}

/// The same with `@…` replaced by times.
pub(crate) fn resolved(value: &Value, now: Timestamp) -> Value {
    match value {
        Value::String(text) => Value::String(with_times(text, now)),
        Value::Array(list) => list.iter().map(|item| resolved(item, now)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), resolved(value, now))).collect()
        }
        other => other.clone(),
    }
}

fn with_times(text: &str, now: Timestamp) -> String {
    let Some((before, rest)) = text.split_once('@') else { return text.to_owned() };
    let end = rest.find(|c: char| !c.is_ascii_digit() && !"+-".contains(c)).unwrap_or(rest.len());
    let (minutes, rest) = rest.split_at(end);
    let time = now + SignedDuration::from_mins(minutes.parse().unwrap());
    let forms = [("GMT", "%Y-%m-%d %H:%M:%S GMT"), ("D", "%Y-%m-%d"), ("", "%Y-%m-%dT%H:%M:%SZ")];
    let (form, rest) =
        forms.into_iter().find_map(|(end, form)| Some((form, rest.strip_prefix(end)?))).unwrap();
    format!("{before}{}{}", time.strftime(form), with_times(rest, now))
}

/// A value with `TIME` for every time in its texts.
pub(crate) fn without_times(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let words = text.split(' ').map(|word| {
                let bare = word.trim_end_matches([',', ':']);
                let is_time = bare.parse::<Timestamp>().is_ok();
                if is_time { word.replace(bare, "TIME") } else { word.to_owned() }
            });
            Value::String(words.collect::<Vec<_>>().join(" "))
        }
        Value::Array(list) => list.iter().map(without_times).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), without_times(value))).collect()
        }
        other => other.clone(),
    }
}
