//! Runs a history on a paused clock, then without faults until the queues are empty, and checks
//! where every event is.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::functions::{Idle, consume, redrive};
use crate::history::{Action, History, Place, Plan, Redrive};
use crate::message::Kind;
use crate::world::World;

/// Longer than any message is hidden.
const REST: Duration = Duration::from_hours(1);

/// Maximum number of rests until the queue is empty.
const RESTS: usize = 40;

/// Maximum number of redrives at the end.
const REDRIVES: usize = 3;

/// The result of a history.
pub(crate) struct Ended {
    /// The violation, if any.
    pub(crate) broken: Option<String>,
    pub(crate) seen: BTreeMap<&'static str, u64>,
    /// The trace, if requested.
    pub(crate) trace: Vec<String>,
}

/// Runs a history; with `forgets`, OpenSearch forgets every nth event.
pub(crate) fn run(history: &History, forgets: Option<usize>, traces: bool) -> Ended {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (broken, seen, trace) = runtime.block_on(LocalSet::new().run_until(async {
        let world = Rc::new(World::new(history.setup, traces));
        world.state().search.forgets = forgets;
        let idle = Rc::new(Idle::default());
        happen(&world, &idle, history).await;
        if !world.is_broken() {
            come_to_rest(&world, &idle).await;
        }
        if !world.is_broken() {
            look(&world);
        }
        drop(idle);
        Rc::into_inner(world).unwrap().end()
    }));
    Ended { broken, seen, trace }
}

/// Runs the steps of the history.
async fn happen(world: &Rc<World>, idle: &Rc<Idle>, history: &History) {
    let mut processes = Vec::new();
    for step in &history.steps {
        sleep(Duration::from_millis(step.after_ms)).await;
        if world.is_broken() {
            break;
        }
        let (world, idle) = (Rc::clone(world), Rc::clone(idle));
        match step.action.clone() {
            Action::Send(message) => world.produce(&message),
            Action::SendAgain(which) => world.produce_again(which.into()),
            Action::OpenSearch(down) => world.state().search.down = down,
            Action::Consume(most, plan) => processes.push(spawn_local(async move {
                consume(world, &idle, most.into(), &plan).await;
            })),
            Action::Redrive(order, plan) => processes.push(spawn_local(async move {
                redrive(world, &order, &plan).await;
            })),
        }
    }
    for process in processes {
        process.await.unwrap();
    }
}

/// Consumes and redrives without faults until the queues are empty.
async fn come_to_rest(world: &Rc<World>, idle: &Idle) {
    world.trace(|| "no more faults".to_owned());
    world.state().search.down = None;
    let order = Redrive::default();
    let most = 10;
    for _ in 0..REDRIVES {
        let mut rests = 0;
        while !world.state().queue(Place::Main).is_empty() {
            rests += 1;
            if rests > RESTS || world.is_broken() {
                return world.broke("the queue does not become empty");
            }
            sleep(REST).await;
            while consume(Rc::clone(world), idle, most, &Plan::default()).await > 0 {}
        }
        if world.state().queue(Place::Dlq).is_empty() {
            break;
        }
        sleep(REST).await;
        redrive(Rc::clone(world), &order, &Plan::default()).await;
    }
    while !world.state().queue(Place::Main).is_empty() && !world.is_broken() {
        sleep(REST).await;
        while consume(Rc::clone(world), idle, most, &Plan::default()).await > 0 {}
    }
}

/// Checks where every event is at the end.
fn look(world: &World) {
    let state = world.state();
    for event in 0..state.ledger.events.len() {
        let kind = state.ledger.kind(event).unwrap();
        let is_in = |place| state.is_in(place, event);
        let is_kept = if kind.can_be_indexed() {
            let wrongly = state.ledger.refused_wrongly.contains(&event);
            // It is blocked by an invalid event of its group.
            let is_behind = world.setup.fifo && !world.setup.quarantine && is_in(Place::Dlq);
            state.ledger.is_indexed(event) || wrongly && is_in(Place::Quarantine) || is_behind
        } else {
            is_in(if world.setup.quarantine { Place::Quarantine } else { Place::Dlq })
        };
        // The parking queue keeps what was redriven too often.
        if !is_kept && !is_in(Place::Parking) {
            let places = Place::ALL.into_iter().filter(|place| is_in(*place));
            let places: Vec<_> = places.collect();
            world.broke(format!("event {event} ({kind:?}) ends in {places:?}"));
        }
        world.saw(end_of(kind, state.ledger.is_indexed(event)));
    }
    let is_dead = |event: &usize| world.setup.quarantine && state.is_in(Place::Dlq, *event);
    if let Some(event) = (0..state.ledger.events.len()).find(is_dead) {
        world.broke(format!("event {event} is in the dead-letter queue at the end"));
    }
}

const fn end_of(kind: Kind, is_indexed: bool) -> &'static str {
    match (kind.can_be_indexed(), is_indexed) {
        (_, true) => "indexed",
        (true, false) => "good, and kept for a person",
        (false, false) => "refused, and kept",
    }
}
