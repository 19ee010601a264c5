//! The requests to Prefect's API, and the notices for any answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Reply, published};

use crate::support::outside::{
    API_SECRET_ARN, Act, MakeAct, Outside, Prefect, SECRETS, api_calls, secret_reads,
};
use crate::{PATIENCE, Scene, answered, fixture, metrics};

/// A recorded request to Prefect's API with its answer.
fn recorded(name: &str) -> (Value, Value) {
    let path = format!("{}/tests/recorded/api-{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    (recorded["request"].take(), recorded["answer"].take())
}

#[tokio::test]
async fn the_api_is_asked_as_a_real_one_was() {
    for (call, request, path) in [
        ("flow-run-failed", "logs-filter", "/api/logs/filter"),
        ("flow-run-completed", "flow-runs-filter-by-flow", "/api/flow_runs/filter"),
        ("recovery-of-the-run-itself", "flow-runs-filter-by-deployment", "/api/flow_runs/filter"),
    ] {
        let (mut request, answer) = recorded(request);
        let prefect =
            Prefect { logs: answer.clone(), runs: answer, states: json!([]), ..Prefect::default() };
        let mut scene = Scene::new(Outside { prefect, ..Outside::default() }, true, &[]).await;
        let event = fixture(call).event;
        scene.invoke(event).await;
        let calls = api_calls(&scene.endpoint);
        let last = calls.last().unwrap();
        let mut sent = last.json();
        // The recorded requests belong to other runs.
        for body in [&mut request, &mut sent] {
            if !body["flow_runs"].is_null() {
                assert!(body["flow_runs"]["end_time"]["before_"].take().is_string());
            }
        }
        assert_eq!((&*last.path, sent), (path, request), "{call}");
        assert_eq!(last.headers["content-type"], "application/json");
        assert!(!last.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_task_run_has_its_own_log_of_as_many_lines_as_set() {
    let logs = recorded("logs-filter").1;
    for (limit, calls) in [("2", 2), ("0", 0)] {
        let prefect = Prefect { logs: logs.clone(), ..Prefect::default() };
        let outside = Outside { prefect, ..Outside::default() };
        let mut scene = Scene::new(outside, true, &[("ERROR_LINES", limit)]).await;
        scene.invoke(fixture("task-run-failed").event).await;
        let asked = api_calls(&scene.endpoint);
        assert_eq!(asked.len(), calls);
        if let Some(call) = asked.first() {
            let id = "01a21d54-ab30-7a97-96c9-21e8946a5d63";
            assert_eq!(call.json()["logs"]["task_run_id"], json!({"any_": [id]}));
            assert_eq!(call.json()["limit"], 2);
        }
        let lines = published(&scene.endpoint)[0].notice["lines"].clone();
        let lines = lines.as_array().map_or(0, Vec::len);
        // Prefect returned more than was requested.
        assert_eq!(lines, calls, "the last lines only");
    }
}

fn record(message: &str, level: u8) -> Value {
    json!({"message": message, "level": level, "timestamp": "2026-11-27T14:06:57.851600Z"})
}

#[tokio::test]
async fn the_log_is_asked_for_until_it_is_complete() {
    let [first, second] = [record("first", 40), record("second", 50)];
    let (part, whole) = (json!([first]), json!([second, first]));
    for (answers, wait_ms, expected, asked) in [
        (vec![json!([]), json!([]), part.clone(), whole.clone(), whole.clone()], "2500", 2, 5),
        (vec![json!([]), part.clone(), part.clone()], "2500", 1, 3),
        // Published with the available data.
        (vec![json!([]); 9], "1200", 0, 3),
        (vec![json!([]), part.clone(), whole.clone()], "700", 1, 2),
        (vec![whole.clone(), whole.clone()], "0", 2, 1),
        // Neither the levels nor the number are as requested.
        (vec![json!([record("c", 30), record("b", 40), record("a", 40)]); 2], "600", 2, 2),
    ] {
        let api = answers.iter().map(Act::json).collect();
        let outside = Outside { api, ..Outside::default() };
        let variables = [("LOGS_WAIT_MS", wait_ms), ("ERROR_LINES", "3")];
        let mut scene = Scene::new(outside, true, &variables).await;
        let started = Instant::now();
        let observed = scene.invoke(fixture("flow-run-failed").event).await;
        let most = Duration::from_millis(wait_ms.parse::<u64>().unwrap() + 700);
        assert!(started.elapsed() < most, "{:?}", started.elapsed());
        assert_eq!(metrics(&observed), [1, 1, 0, 0, 0, 0, 0]);
        let notice = &published(&scene.endpoint)[0].notice;
        assert_eq!(notice["lines"].as_array().map_or(0, Vec::len), expected, "{notice}");
        assert_eq!(api_calls(&scene.endpoint).len(), asked, "{notice}");
    }
}

#[tokio::test]
async fn whatever_the_api_does_the_call_is_answered_in_time() {
    let elsewhere = Outside::default().start().await;
    let location = format!("{}/api/logs/filter", elsewhere.url);
    let redirect = || Act::Reply(Reply::new(307, "a/b", "").with_header("location", &location));
    let acts: [(&str, MakeAct); 8] = [
        ("the time was up", || Act::Reply(Reply::Never)),
        ("did not answer", || Act::Reply(Reply::Close)),
        ("answered 500", || Act::status(500)),
        ("answered 429", || Act::status(429)),
        ("answered 401", || Act::status(401)),
        ("answered 422", || Act::status(422)),
        ("not understood", || Act::Reply(Reply::new(200, "text/html", "<html>hush"))),
        ("not understood", || Act::json(&json!([{"message": 7, "level": "hush"}]))),
    ];
    let mut cases: Vec<(&str, Vec<Act>)> = acts
        .into_iter()
        .map(|(error, act)| (error, std::iter::repeat_with(act).take(40).collect()))
        .collect();
    cases.push(("answered 307", vec![redirect()]));
    let cases = cases.into_iter().map(|(expected, api)| async move {
        let is_final =
            ["401", "422", "307", "understood"].iter().any(|end| expected.ends_with(end));
        let mut scene = Scene::new(Outside { api, ..Outside::default() }, true, &[]).await;
        // The log of a failure, the previous run, and the run of a message cannot be read.
        for (name, outcome) in [
            ("flow-run-failed", "published"),
            ("recovery-of-the-run-before", "ignored"),
            ("custom-webhook-block", "published"),
        ] {
            if expected.contains("307") && name != "flow-run-failed" {
                continue;
            }
            let before = api_calls(&scene.endpoint).len();
            let started = Instant::now();
            let observed = scene.invoke(fixture(name).event).await;
            assert!(started.elapsed() < PATIENCE, "{name}: {expected}: {:?}", started.elapsed());
            assert_eq!(answered(&observed), (200, outcome.to_owned()), "{name}: {expected}");
            let published = u64::from(outcome == "published");
            let expected_metrics = [1, published, 0, 1 - published, 0, 0, 1];
            assert_eq!(metrics(&observed), expected_metrics, "{name}: {expected}");
            let log = observed.log();
            let warnings: Vec<_> = log.iter().filter(|line| line["level"] == "WARN").collect();
            let [warning] = warnings[..] else { panic!("{warnings:?}") };
            assert!(warning["error"].as_str().unwrap().contains(expected), "{warning}");
            // Answers other than 429 and 5xx end the requests.
            let asked = api_calls(&scene.endpoint).len() - before;
            assert!(!is_final || asked == 1, "{name}: {expected}: {asked}");
        }
        let all = published(&scene.endpoint);
        assert!(all.iter().all(|one| one.notice["lines"].is_null()), "{all:?}");
        assert_eq!(all[0].notice["state"], "ALARM");
        // Without the API, the state of a message is unchanged.
        assert!(all.get(1).is_none_or(|one| one.notice["state"] == "INFO"));
    });
    let cases: Vec<_> = cases.map(tokio::spawn).collect();
    for case in cases {
        case.await.unwrap();
    }
    assert!(elsewhere.calls().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn what_came_before_the_api_failed_is_told() {
    let api = vec![Act::json(&json!([record("first", 40)])), Act::status(404)];
    let mut scene = Scene::new(Outside { api, ..Outside::default() }, true, &[]).await;
    let observed = scene.invoke(fixture("flow-run-failed").event).await;
    assert_eq!(metrics(&observed), [1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(published(&scene.endpoint)[0].notice["lines"], json!(["14:06:57 first"]));
}

#[tokio::test]
async fn the_api_is_given_a_user_or_a_key_that_is_read_once() {
    for (secret, expected) in
        [("ada:hush-hush", "Basic YWRhOmh1c2gtaHVzaA=="), ("pnu_hush\n", "Bearer pnu_hush")]
    {
        let api_secret = Some(secret.to_owned());
        let outside = Outside { api_secret, ..Outside::default() };
        let variables = [("PREFECT_API_SECRET_ARN", API_SECRET_ARN), ("LOGS_WAIT_MS", "0")];
        let mut scene = Scene::new(outside, true, &variables).await;
        for name in ["flow-run-failed", "flow-run-crashed"] {
            scene.invoke(fixture(name).event).await;
        }
        let calls = api_calls(&scene.endpoint);
        assert_eq!(calls.len(), 2);
        assert!(calls.iter().all(|call| call.headers["authorization"] == expected));
        // The secret of the callers and that of the API.
        assert_eq!(secret_reads(&scene.endpoint), 2);
    }
    let variables = [("PREFECT_API_SECRET_ARN", API_SECRET_ARN)];
    let mut scene = Scene::new(Outside::default(), true, &variables).await;
    let observed = scene.invoke(fixture("flow-run-failed").event).await;
    assert_eq!(metrics(&observed), [1, 1, 0, 0, 0, 0, 1]);
    assert!(api_calls(&scene.endpoint).is_empty());
    let error = "failed to read PREFECT_API_SECRET_ARN: AccessDeniedException: no";
    assert!(observed.log().iter().any(|line| line["error"] == error), "{:?}", observed.log());
}

/// A flow run that ended at this time.
fn ended(id: u8, state_type: &str, at: &str) -> Value {
    let id = format!("fb1424a4-9c94-414f-ace3-0e8ae6b3e0{id:02}");
    let at = format!("2026-11-27T14:{at}Z");
    json!({"id": id, "name": "before", "state_type": state_type, "state_name": "Ended", "end_time": at})
}

#[tokio::test]
async fn a_recovery_is_told_only_after_a_failure() {
    const SELF: &str = "5f0150f2-d0c4-43fa-80cd-6f33ab8ec230";
    let event = |run_count: &str, related: &Value| {
        json!({
            "event": "prefect.flow-run.Completed", "occurred": "2026-11-27T14:07:01Z",
            "resource": {
                "prefect.resource.id": format!("prefect.flow-run.{SELF}"),
                "prefect.state-type": "COMPLETED", "prefect.run-count": run_count,
            },
            "related": related,
        })
    };
    let flow = json!([{"prefect.resource.id": "prefect.flow.1", "prefect.resource.role": "flow"}]);
    let mut own = ended(0, "COMPLETED", "07:01");
    own["id"] = json!(SELF);
    let [failed, crashed, completed] =
        ["FAILED", "CRASHED", "COMPLETED"].map(|state| ended(1, state, "05:00"));
    let state = |kind: &str, at: &str| json!({"type": kind, "name": kind, "timestamp": at});
    let [early, late] = ["2026-11-27T14:06:00Z", "2026-11-27T14:08:00Z"];
    let waiting = state("SCHEDULED", early);
    for (run_count, related, runs, states, since) in [
        ("1", &flow, json!([own, failed]), json!(null), Some("2026-11-27T14:05:00Z")),
        ("1", &flow, json!([crashed]), json!(null), Some("2026-11-27T14:05:00Z")),
        ("1", &flow, json!([]), json!(null), None),
        ("1", &flow, json!([own]), json!(null), None),
        ("1", &flow, json!([own, completed]), json!(null), None),
        ("1", &flow, json!([completed, failed]), json!(null), None),
        // Without a flow and a deployment, there is no previous run.
        ("1", &json!([]), json!([failed]), json!(null), None),
        ("2", &json!([]), json!([]), json!([waiting, state("FAILED", early)]), Some(early)),
        ("2", &json!([]), json!([]), json!([waiting, state("CRASHED", early)]), Some(early)),
        // Its retry was not a failure, but the previous run was one.
        ("2", &flow, json!([own, failed]), json!([waiting]), Some("2026-11-27T14:05:00Z")),
        // A later failure is not the one it recovered from.
        ("2", &json!([]), json!([]), json!([waiting, state("FAILED", late)]), None),
    ] {
        let prefect = Prefect { runs: runs.clone(), states, ..Prefect::default() };
        let mut scene = Scene::new(Outside { prefect, ..Outside::default() }, true, &[]).await;
        let body = event(run_count, related).to_string();
        let call = json!({
            "headers": {"x-sluice-secret": SECRETS[0]}, "body": body,
            "requestContext": {"http": {"method": "POST"}},
        });
        let observed = scene.invoke(call.to_string()).await;
        let told = published(&scene.endpoint);
        let found = told.first().map(|one| one.notice["since"].as_str().unwrap());
        assert_eq!(found, since, "{run_count} {related} {runs}");
        let outcome = if since.is_some() { "published" } else { "ignored" };
        assert_eq!(answered(&observed).1, outcome);
        // Not an error, but an answer.
        assert_eq!(metrics(&observed)[6], 0);
    }
}
