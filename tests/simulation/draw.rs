//! Random histories. The first of several alternatives is the simplest one, to which a failing
//! history is reduced.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::history::{
    Action, Call, Failing, Fault, History, Place, Plan, Redrive, Reported, Setup, Step, What,
};
use crate::message::{Form, Kind, Message};

/// A history: of any steps, or of messages that circulate in a short time.
pub(crate) fn history() -> impl Strategy<Value = History> {
    let hours = 3_600_000;
    let long = vec![0, 0, 5, 15, 100, 5_000, 40_000, 200_000, 1_200_000, 13 * hours];
    let anything = (setup(), vec(step(long, 10), 1..20));
    let rounds = (setup(), failing(), vec(step(vec![22_000, 100, 0], 3), 1..20));
    prop_oneof![
        4 => anything.prop_map(|(setup, steps)| History { setup, steps }),
        1 => rounds.prop_map(|(setup, failing, mut steps)| {
            let down = Action::OpenSearch(Some(failing));
            steps.insert(0, Step { after_ms: 0, action: down });
            History { setup: Setup { max_receives: 1, visibility_seconds: 20, ..setup }, steps }
        }),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let visibility = select(vec![180, 20]);
    let documents = (1..=8_usize, select(vec![100_usize, 1, 2, 3]));
    (any::<bool>(), weighted(0.85, Just(())), any::<bool>(), 1..=4_u32, visibility, documents)
        .prop_map(|(fifo, quarantine, daily, max_receives, visibility_seconds, documents)| Setup {
            fifo,
            quarantine: quarantine.is_some(),
            daily,
            max_receives,
            visibility_seconds,
            bulk_documents: documents.0,
            takes_documents: documents.1,
        })
}

/// A step after one of these times; `sends` of `sends + 17` steps send a message.
fn step(after_ms: Vec<u64>, sends: u32) -> impl Strategy<Value = Step> {
    (select(after_ms), action(sends)).prop_map(|(after_ms, action)| Step { after_ms, action })
}

fn action(sends: u32) -> impl Strategy<Value = Action> {
    let most = select(vec![10_u8, 10, 10, 2, 1]);
    prop_oneof![
        sends => message().prop_map(Action::Send),
        10 => (most, plan(16)).prop_map(|(most, plan)| Action::Consume(most, plan)),
        5 => (redrive(), plan(30)).prop_map(|(redrive, plan)| Action::Redrive(redrive, plan)),
        1 => any::<u8>().prop_map(Action::SendAgain),
        1 => weighted(0.5, failing()).prop_map(Action::OpenSearch),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    use Kind::{Good, Large, Malformed, Refused, Timeless, Toxic, Underived};
    let form =
        select(vec![Form::Alone, Form::Lines, Form::Array, Form::Notification, Form::Detail]);
    let other = [Underived, Timeless, Malformed, Refused, Toxic, Large];
    let kind = select([&[Good; 4][..], &other].concat());
    let attributes = select(vec![0_u8, 1, 10]);
    (form, vec(kind, 1..5), 0..2_u8, attributes)
        .prop_map(|(form, events, group, attributes)| Message { form, events, group, attributes })
}

fn redrive() -> impl Strategy<Value = Redrive> {
    let from = select(vec![Place::Dlq, Place::Dlq, Place::Quarantine, Place::Parking]);
    let canary = weighted(0.2, (1..4_u8, select(vec![0_u8, 5, 50])));
    let options = (
        weighted(0.2, 0..10_u8),
        weighted(0.2, 0..5_u8),
        weighted(0.2, select(vec![100_u8, 5, 1])),
        weighted(0.4, 0..3_u8),
        canary,
    );
    (from, weighted(0.15, Just(())), weighted(0.05, Just(())), options).prop_map(
        |(from, native, dry_run, options)| Redrive {
            from,
            native: native.is_some(),
            only: options.0,
            max_messages: options.1,
            rate_per_second: options.2,
            max_redrives: options.3,
            canary: options.4,
            dry_run: dry_run.is_some(),
        },
    )
}

/// The faults of a process with this number of awaits.
fn plan(awaits: u8) -> impl Strategy<Value = Plan> {
    let shuffle = select(vec![0_u8, 1, 2, 3]);
    (vec(fault(), 0..4), weighted(0.3, 0..awaits), shuffle)
        .prop_map(|(faults, crash, shuffle)| Plan { faults, crash, shuffle })
}

fn fault() -> impl Strategy<Value = Fault> {
    let fault = |call, what: BoxedStrategy<What>, calls: u8| {
        (0..calls, what).prop_map(move |(nth, what)| Fault { call, nth, what })
    };
    let received = prop_oneof![
        2 => whole(),
        2 => (1..4_u8).prop_map(|messages| What::Again { messages }),
    ];
    let asked = prop_oneof![whole(), Just(What::Panics)];
    prop_oneof![
        8 => fault(Call::Bulk, bulk().boxed(), 4),
        3 => fault(Call::Send, entries().boxed(), 3),
        4 => fault(Call::Delete, deletion().boxed(), 3),
        2 => fault(Call::Hide, entries().boxed(), 2),
        2 => fault(Call::Receive, received.boxed(), 3),
        1 => fault(Call::Attributes, asked.clone().boxed(), 2),
        1 => fault(Call::Move, asked.clone().boxed(), 2),
        1 => fault(Call::Health, asked.boxed(), 1),
    ]
}

/// The fault of a whole call.
fn whole() -> impl Strategy<Value = What> {
    prop_oneof![
        2 => (any::<bool>(), failing()).prop_map(|(done, how)| What::Fails { done, how }),
        1 => any::<bool>().prop_map(|done| What::Silent { done }),
        1 => select(vec![1_u16, 15, 31, 200]).prop_map(|seconds| What::Slow { seconds }),
    ]
}

/// The fault of one entry of a call.
fn entry(reported: impl Strategy<Value = Reported>) -> impl Strategy<Value = What> {
    (0..10_u8, any::<bool>(), reported).prop_map(|(place, done, reported)| What::Entry {
        place,
        done,
        reported,
    })
}

fn sqs_entry() -> impl Strategy<Value = What> {
    entry(prop_oneof![Just(Reported::Failed(0)), Just(Reported::Nothing(0)), Just(Reported::Both)])
}

fn entries() -> impl Strategy<Value = What> {
    prop_oneof![4 => whole(), 4 => sqs_entry(), 1 => Just(What::More), 1 => Just(What::Panics)]
}

fn deletion() -> impl Strategy<Value = What> {
    let comes_back = (0..10_u8).prop_map(|place| What::ComesBack { place });
    prop_oneof![3 => whole(), 3 => sqs_entry(), 1 => Just(What::More), 2 => comes_back]
}

fn bulk() -> impl Strategy<Value = What> {
    let statuses = vec![429, 503, 500, 404, 401, 403, 400, 413, 422, 302, 100, 700];
    let reported = prop_oneof![
        4 => select(statuses).prop_map(Reported::Failed),
        3 => (0..6_u8).prop_map(Reported::Nothing),
        1 => Just(Reported::Both),
    ];
    prop_oneof![
        4 => whole(),
        6 => entry(reported),
        1 => Just(What::Reversed),
        1 => Just(What::More),
        1 => Just(What::Panics),
    ]
}

fn failing() -> impl Strategy<Value = Failing> {
    prop_oneof![
        6 => select(vec![503, 429, 500, 502, 401, 403, 404, 400, 413, 302, 200])
            .prop_map(Failing::Status),
        2 => select(vec![502, 400, 200]).prop_map(Failing::Page),
        1 => Just(Failing::Cut),
        1 => Just(Failing::Breaks),
        1 => Just(Failing::Unreachable),
    ]
}
