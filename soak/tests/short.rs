//! A run of a few seconds with the embedded servers.

use std::process::Command;

#[test]
fn the_books_of_a_short_run_close() {
    let run =
        "--seconds 5 --messages 500 --seed 1 --opensearch embedded --sqs embedded --store embedded";
    let output = Command::new(env!("CARGO_BIN_EXE_soak")).args(run.split(' ')).output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{stdout}{stderr}");
    // The numbers of sent messages depend only on the seed.
    for row in [
        "| firehose | documents | 220 |",
        "| firehose | refused | 5 |",
        "| objects | documents | 50 |",
        "| queue | documents | 169 |",
        "| queue | refused | 1 |",
    ] {
        assert!(stdout.contains(row), "{stdout}");
    }
    assert!(stdout.ends_with("nothing is lost, nothing is twice, nothing grows.\n"), "{stdout}");
}
