//! Payloads at the limits, and beyond them.

use super::{Payloads, texts};

pub(super) fn sizes_and_depths() -> Payloads {
    let nested = |levels: usize| {
        format!(r#"{{"type":"play","x":{}1{}}}"#, r#"{"x":"#.repeat(levels), "}".repeat(levels))
    };
    let unknown = (0..5_000).map(|number| format!(r#""unknown_{number}":{number}"#));
    let unknown = unknown.collect::<Vec<_>>().join(",");
    let list = (0..20_000).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let padded = |bytes: usize| {
        let frame = r#"{"type":"play","payload":""}"#.len();
        format!(r#"{{"type":"play","payload":"{}"}}"#, "x".repeat(bytes - frame))
    };
    let brackets = "[".repeat(100_000);
    texts([
        // The object at the top is the first level.
        ("nested-128-levels-deep", &nested(127)),
        ("nested-129-levels-deep", &nested(128)),
        ("brackets-100000-levels-deep", &format!(r#"{{"type":"play","x":{brackets}"#)),
        ("thousands-of-unknown-fields", &format!(r#"{{"type":"play",{unknown}}}"#)),
        ("list-of-20000-numbers", &format!(r#"{{"type":"play","list":[{list}]}}"#)),
        ("payload-of-100-kb", &padded(100_000)),
        // The largest record that Firehose takes, and one byte more than the model takes.
        ("payload-of-1000-kib", &padded(1_000 * 1_024)),
        ("payload-over-1-mib", &padded(1_024 * 1_024 + 1)),
    ])
}
