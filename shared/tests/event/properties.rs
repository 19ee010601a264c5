//! Properties of any payload.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use shared::event::{Arrival, DocumentId, Identity, Model, Reader, Refusal};
use shared::json::MAX_DEPTH;
use testkit::holds;

use crate::support::envelopes::{Envelope, envelopes};
use crate::support::tree::{Duplicates, Tree};
use crate::support::{arrival, document_by, expected, id_of, ids_by, model, payloads, transform};

/// The tree of a document, which must be one line without duplicate keys.
fn tree(document: &str) -> Tree {
    assert!(!document.contains(['\n', '\r']), "{document}");
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(document) {
        // `extra` adds a level to the 128 that both allow.
        assert_eq!(error.to_string().split(" at ").next(), Some("recursion limit exceeded"));
    }
    Tree::parse(document, Duplicates::Refused)
        .unwrap_or_else(|| panic!("no JSON, or a duplicate key: {document}"))
}

/// The name and text of `extra` or `overflow` in a document.
fn extra(document: &str) -> Option<(&str, &str)> {
    let (_, analytics) = document.split_once(r#","analytics":{"#)?;
    let (_, extra) = analytics.split_once("},")?;
    let (name, text) = extra.split_once(':')?;
    Some((name.trim_matches('"'), text.strip_suffix('}')?))
}

/// Checks the document of a valid event against the specification.
fn is_as_specified(model: &Model, payload: &str) {
    is_as_specified_in(model, payload, &[]);
}

fn around(envelopes: &[Envelope], event: &str) -> String {
    envelopes.iter().rev().fold(event.to_owned(), |inside, envelope| envelope.around(&inside))
}

/// Checks the document of a valid event in these envelopes.
fn is_as_specified_in(model: &Model, event: &str, envelopes: &[Envelope]) {
    let payload = around(envelopes, event);
    let document = document_by(model, &payload);
    let written = tree(&document);
    let id = id_of(&document);
    assert!((1..=512).contains(&id.len()), "{id}");
    let name = match extra(&document) {
        Some((name, text)) => {
            let longest_path = written.get(name).and_then(Tree::longest_path).unwrap_or(0);
            let overflows = text.len() > model.extra_max_bytes || longest_path > 512;
            assert_eq!(name, if overflows { "overflow" } else { "extra" }, "{text}");
            name
        }
        None => "extra",
    };
    let event = Tree::parse(event, Duplicates::LastWins).unwrap();
    let expected = expected::document(&event, envelopes, &id, name);
    assert_eq!(written.to_string(), expected.to_string(), "{payload}");
    assert_eq!(written, expected);
}

#[test]
fn bytes_are_a_document_or_a_refusal() {
    let model = model(&[]);
    holds(500, &vec(any::<u8>(), 0..200), |bytes| {
        if let Ok((document, _)) = transform(&model, &arrival(), &bytes) {
            tree(&document);
        }
    });
}

#[test]
fn what_is_taken_is_what_the_grammar_takes() {
    let model = model(&[]);
    holds(500, &payloads::damaged(), |bytes| {
        let outcome = transform(&model, &arrival(), &bytes).map(|(document, _)| tree(&document));
        let Ok(text) = std::str::from_utf8(&bytes) else {
            assert_eq!(outcome, Err(Refusal::InvalidUtf8));
            return;
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            assert_eq!(outcome, Err(Refusal::Empty));
            return;
        }
        match (outcome, Tree::parse(text, Duplicates::LastWins)) {
            (Ok(_), Some(Tree::Object(_)))
            | (Err(Refusal::InvalidJson), None)
            | (Err(Refusal::NotAnObject), Some(Tree::Leaf(_) | Tree::Array(_))) => {}
            other => panic!("{other:?} of {text}"),
        }
    });
}

#[test]
fn documents_are_as_specified() {
    let model = model(&[]);
    holds(500, &payloads::event(), |payload| {
        is_as_specified(&model, &payload);
    });
}

#[test]
fn documents_of_events_in_envelopes_are_as_specified() {
    let model = model(&[]);
    holds(500, &(payloads::event(), envelopes()), |(event, envelopes)| {
        is_as_specified_in(&model, &event, &envelopes);
    });
}

#[test]
fn documents_are_as_specified_where_extra_is_short() {
    let model = model(&[("EXTRA_MAX_BYTES", "60")]);
    holds(500, &payloads::event(), |payload| {
        is_as_specified(&model, &payload);
    });
}

#[test]
fn an_event_as_it_is_is_as_specified() {
    let (mapped, as_it_is) = (model(&[]), model(&[("DOCUMENT", "passthrough")]));
    let envelopes = prop_oneof![2 => Just(Vec::new()), 1 => envelopes()];
    holds(1_000, &(payloads::event(), envelopes), |(event, envelopes)| {
        let payload = around(&envelopes, &event);
        let written = tree(&document_by(&as_it_is, &payload));
        let event = Tree::parse(&event, Duplicates::LastWins).unwrap();
        let expected = expected::passthrough(&event, &envelopes);
        assert_eq!(written.to_string(), expected.to_string(), "{payload}");
        assert_eq!(written, expected);
        for how in [DocumentId::Event, DocumentId::Id, DocumentId::None] {
            assert_eq!(ids_by(&as_it_is, how, &payload), ids_by(&mapped, how, &payload));
        }
    });
}

#[test]
fn an_event_as_it_is_is_refused_like_a_mapped_one() {
    let (mapped, as_it_is) = (model(&[]), model(&[("DOCUMENT", "passthrough")]));
    holds(500, &payloads::damaged(), |bytes| {
        let [mapped, as_it_is] =
            [&mapped, &as_it_is].map(|model| transform(model, &arrival(), &bytes));
        let as_it_is = as_it_is.map(|(document, source)| {
            tree(&document);
            source
        });
        assert_eq!(as_it_is, mapped.map(|(_, source)| source));
    });
}

/// Long keys at some positions of a nested event, which may also be replaced.
fn long_paths() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("a".to_owned()),
        Just("artist".to_owned()),
        prop_oneof![Just(170_usize), Just(254), Just(255), Just(256), Just(510)]
            .prop_map(|length| "k".repeat(length)),
        Just("é".repeat(85)),
        Just("\\u00e9".repeat(85)),
    ];
    let leaf = prop_oneof![Just("1".to_owned()), Just("{}".to_owned())];
    let inside = leaf.prop_recursive(5, 24, 4, move |inside| {
        let member = (key.clone(), inside).prop_map(|(key, value)| format!("\"{key}\":{value}"));
        prop_oneof![
            5 => vec(member.clone(), 0..4).prop_map(|all| format!("{{{}}}", all.join(","))),
            1 => vec(member, 1..3).prop_map(|all| format!("[{{{}}}]", all.join(","))),
        ]
    });
    vec((prop_oneof![Just("b"), Just("user")], inside), 0..4).prop_map(|all| {
        let members: Vec<_> = all.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

#[test]
fn overflow_counts_the_paths_that_are_left() {
    let model = model(&[]);
    holds(500, &long_paths(), |payload| {
        is_as_specified(&model, &payload);
    });
}

#[test]
fn a_reader_forgets_what_it_read() {
    let model = model(&[("EXTRA_MAX_BYTES", "100")]);
    let many =
        vec(prop_oneof![payloads::event().prop_map(String::into_bytes), payloads::damaged()], 1..8);
    holds(256, &many, |payloads| {
        let mut reader = Reader::default();
        for payload in payloads {
            let mut out = Vec::new();
            let outcome = reader.read(&model, &payload).map(|mut event| {
                let source = event.write_document(&arrival(), &mut out).timestamp_source;
                (String::from_utf8(out).unwrap(), source)
            });
            assert_eq!(outcome, transform(&model, &arrival(), &payload));
        }
    });
}

#[test]
fn an_event_that_is_put_back_keeps_its_document() {
    let models = ["mapped", "passthrough"].map(|form| model(&[("DOCUMENT", form)]));
    let identity = select(&["", "1709296498000"][..]);
    let envelopes = prop_oneof![1 => Just(Vec::new()), 1 => envelopes()];
    let cases = (payloads::event(), envelopes, any::<u32>(), identity, 0..2_usize);
    holds(500, &cases, |(event, envelopes, count, identity, form)| {
        let model = &models[form];
        let payload = around(&envelopes, &event);
        let (first, again) = (identity.as_bytes(), b"1709296500000".as_slice());
        let again = if identity.is_empty() { first } else { again };
        let delivered = |as_given| Arrival { identity: Identity::Delivery(as_given), ..arrival() };
        let (document, _) = transform(model, &delivered(first), payload.as_bytes()).unwrap();
        let mut reader = Reader::default();
        let mut event = reader.read(model, payload.as_bytes()).unwrap();
        let put_back = event.put_back(count, first);
        // It is only known after writing the document whether it is put back.
        event.write_document(&delivered(first), &mut Vec::new());
        assert_eq!(event.put_back(count, first), put_back);

        // It arrives again, and keeps the id that depends on its first arrival.
        let event = reader.read(model, &put_back).unwrap();
        assert_eq!(event.reingests(), count);
        assert_eq!(event.put_back(count, again), put_back);
        let (document_again, _) = transform(model, &delivered(again), &put_back).unwrap();
        // White space between the members may differ.
        assert_eq!(tree(&document_again), tree(&document));
    });
}

#[test]
fn nesting_is_bounded_whatever_nests() {
    let model = model(&[]);
    let step = prop_oneof![
        Just(("[", "]")),
        Just(("{\"a\":", "}")),
        Just(("{\"artist\":", "}")),
        Just(("{\"b\":1,\"b\":2,\"a\":", ",\"b\":0}")),
    ];
    let steps = vec(step, MAX_DEPTH - 3..MAX_DEPTH + 3);
    holds(256, &steps, |steps| {
        let (open, close): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
        let depth = open.len() + 1;
        let close: String = close.into_iter().rev().collect();
        let payload = format!("{{\"user\":{}1{close}}}", open.concat());
        if depth <= MAX_DEPTH {
            is_as_specified(&model, &payload);
        } else {
            let outcome = transform(&model, &arrival(), payload.as_bytes());
            assert_eq!(outcome, Err(Refusal::TooDeep));
        }
    });
}
