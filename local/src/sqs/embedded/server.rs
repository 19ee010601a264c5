//! Reads requests, waits for messages, and fails on demand.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::Instant;

use super::error::{error, invalid_parameter, of_protocol};
use super::operations::{Call, Operation};
use super::{Fault, State};
use crate::aws_json::{self, Failure, Version};
use crate::faults::Faults;
use crate::server::{BodyError, locked, read_body};

/// Maximum size of a request, in bytes: a batch of 1 MiB, escaped, with base64.
const BODY_LIMIT_BYTES: usize = 16 << 20;

/// How often a waiting poll checks whether the clock has made a message visible.
const TICK: Duration = Duration::from_millis(20);

type Answer = Response<Full<Bytes>>;

/// Answers one request. An error closes the connection without an answer.
pub(super) async fn answer(state: Arc<State>, request: Request<Incoming>) -> io::Result<Answer> {
    let answered = answered(&state, request).await?;
    Ok(match answered {
        Ok(body) => aws_json::answer(Version::V1_0, &body),
        Err(failure) => failure.response(Version::V1_0),
    })
}

async fn answered(state: &State, request: Request<Incoming>) -> io::Result<Result<Value, Failure>> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(Operation::of_target);
    let Some(operation) = operation.filter(|_| request.method() == Method::POST) else {
        return Ok(Err(of_protocol("UnknownOperationException", "no such operation here")));
    };
    let body = match read_body(request.into_body(), BODY_LIMIT_BYTES).await {
        Ok(body) => body,
        Err(BodyError::Broken) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Err(BodyError::TooLarge) => return Ok(Err(invalid_parameter("The request is too large."))),
    };
    *locked(&state.calls).entry(operation).or_default() += 1;
    let fault = locked(&state.faults).get_mut(&operation).and_then(Faults::next);
    let members = serde_json::from_slice::<Value>(&body).ok().filter(Value::is_object);
    let Some(members) = members else {
        let message = "The request is not a JSON object.";
        return Ok(Err(of_protocol("SerializationException", message)));
    };
    let refused = match &fault {
        Some(Fault::Throttle) => error("RequestThrottled", "Request is throttled."),
        Some(Fault::Deny) => {
            let message = "User: local is not authorized to perform this action on this resource.";
            error("AccessDeniedException", message)
        }
        Some(Fault::Fail) => Failure::new("InternalFailure", "We encountered an internal error."),
        Some(Fault::Drop) => return Err(io::ErrorKind::ConnectionReset.into()),
        _ => {
            let failing =
                if let Some(Fault::Entries(failing)) = &fault { &failing[..] } else { &[] };
            let answer = done(state, operation, &members, failing).await;
            match fault {
                Some(Fault::DropAfterDoing) => return Err(io::ErrorKind::ConnectionReset.into()),
                Some(Fault::Slow(while_)) => tokio::time::sleep(while_).await,
                _ => {}
            }
            return Ok(answer);
        }
    };
    Ok(Err(refused))
}

async fn done(
    state: &State,
    operation: Operation,
    members: &Value,
    failing: &[usize],
) -> Result<Value, Failure> {
    let call =
        || Call { operation, members, url: &state.url, now: state.clock.milliseconds(), failing };
    let wait = match operation {
        Operation::ReceiveMessage => call().wait_seconds(),
        _ => 0,
    };
    let until = Instant::now() + Duration::from_secs(wait);
    loop {
        let changed = state.changed.notified();
        let answer = call().answer(&mut locked(&state.store))?;
        if operation != Operation::ReceiveMessage {
            state.changed.notify_waiters();
            return Ok(answer);
        }
        if answer.get("Messages").is_some() || Instant::now() >= until {
            return Ok(answer);
        }
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}
