//! Every property holds for every input of its corpus.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use properties::corpus;

fn replay(target: &str, property: fn(&[u8])) {
    let inputs = corpus::inputs(target);
    assert!(!inputs.is_empty(), "{target} has no corpus");
    let fails = |input: &Vec<u8>| catch_unwind(|| property(input)).is_err();
    let failing: Vec<_> = inputs.into_iter().filter(fails).collect();
    let shown: Vec<_> = failing.iter().map(|input| input.escape_ascii().to_string()).collect();
    assert_eq!(shown, [""; 0]);
}

macro_rules! replays {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target), properties::$target);
        })*

        #[test]
        fn every_target_is_here() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
            let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
            let files = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
            let targets = [$(stringify!($target)),*].map(str::to_owned);
            assert_eq!(files.collect::<BTreeSet<_>>(), BTreeSet::from(targets));
        }
    };
}

replays! {
    alerts
    awslogs
    bulk_answers
    event_model
    firehose_records
    firehose_requests
    kinesis_records
    log_lines
    message_bodies
    objects
    prefect_calls
    settings
    sqs_events
    times
}
