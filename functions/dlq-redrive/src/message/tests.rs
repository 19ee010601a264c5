use shared::sqs::AttributeValue;

use super::*;

fn attribute(data_type: &str, text: &str) -> Attribute {
    Attribute { data_type: data_type.to_owned(), value: AttributeValue::Text(text.to_owned()) }
}

fn message(redrives: Option<Attribute>, others: usize) -> Message {
    let others = (0..others).map(|index| (format!("a{index}"), attribute("String", "x")));
    let redrives = redrives.map(|count| (REDRIVES.to_owned(), count));
    Message {
        id: "id-1".to_owned(),
        receipt_handle: "handle-1".to_owned(),
        body: "body".to_owned(),
        attributes: others.chain(redrives).collect(),
        group_id: Some("group".to_owned()),
        trace_header: Some("Root=1-2-3".to_owned()),
        ..Message::default()
    }
}

fn queue(name: &str) -> Queue {
    Queue::parse(&format!("http://127.0.0.1/1/{name}"), None).unwrap()
}

fn redriven(message: &Message) -> Outgoing {
    message.redriven(&queue("dlq"), &queue("main"))
}

#[test]
fn a_count_that_is_not_a_whole_number_is_0() {
    for (text, count) in [("0", 0), ("7", 7), ("007", 7), ("18446744073709551616", u64::MAX)] {
        for data_type in ["Number", "String"] {
            assert_eq!(message(Some(attribute(data_type, text)), 0).redrives(), count, "{text}");
        }
    }
    for text in ["", "-1", "+1", "1.0", "1e3", " 1", "many", "٣"] {
        assert_eq!(message(Some(attribute("String", text)), 0).redrives(), 0, "{text}");
    }
    let bytes = AttributeValue::Binary(b"7".to_vec());
    let binary = Attribute { data_type: "Binary".to_owned(), value: bytes };
    assert_eq!(message(Some(binary), 0).redrives(), 0);
    assert_eq!(message(None, 0).redrives(), 0);
}

/// The attributes with the identity of `message`.
fn identified(mut attributes: Attributes) -> Attributes {
    attributes.insert("sluice.message_id".to_owned(), attribute("String", "id-1"));
    attributes
}

#[test]
fn everything_except_count_and_identity_is_unchanged() {
    let before = message(Some(attribute("String", "2")), 3);
    let after = redriven(&before);
    let mut expected = before.attributes.clone();
    expected.insert("sluice.redrives".to_owned(), attribute("Number", "3"));
    assert_eq!(after.attributes, identified(expected));
    assert_eq!(after.body, "body");
    assert_eq!(after.trace_header.as_deref(), Some("Root=1-2-3"));
    let parked = before.parked(&queue("dlq"), &queue("parking"));
    assert_eq!(parked.attributes, identified(before.attributes));
}

#[test]
fn the_first_identity_is_kept() {
    let mut before = message(None, 0);
    before.attributes.insert("sluice.message_id".to_owned(), attribute("String", "first"));
    before.attributes.insert("sluice.position".to_owned(), attribute("Number", "2"));
    let mut expected = before.attributes.clone();
    assert_eq!(before.parked(&queue("dlq"), &queue("parking")).attributes, expected);
    expected.insert("sluice.redrives".to_owned(), attribute("Number", "1"));
    assert_eq!(redriven(&before).attributes, expected);
}

#[test]
fn a_message_with_ten_attributes_keeps_its_ten() {
    let nine = redriven(&message(None, 9));
    assert_eq!(nine.attributes[REDRIVES], attribute("Number", "1"));
    assert_eq!(nine.attributes.len(), 10);
    let eight = redriven(&message(None, 8));
    assert_eq!(eight.attributes[REDRIVES], attribute("Number", "1"));
    assert_eq!(eight.attributes, identified(eight.attributes.clone()));
    let parked = message(None, 9).parked(&queue("dlq"), &queue("parking"));
    assert_eq!(parked.attributes, identified(message(None, 9).attributes));
    let ten = message(None, 10);
    assert_eq!(redriven(&ten).attributes, ten.attributes);
    // The count is one of the ten.
    let counted = redriven(&message(Some(attribute("Number", "1")), 9));
    assert_eq!(counted.attributes[REDRIVES], attribute("Number", "2"));
}

#[test]
fn a_message_without_room_for_the_count_is_not_counted() {
    let count = REDRIVES.len() + "Number".len() + 1;
    let identity = MESSAGE_ID.len() + "String".len() + "id-1".len();
    for (room, expected) in
        [(count + identity, &[MESSAGE_ID, REDRIVES][..]), (count, &[REDRIVES]), (0, &[])]
    {
        let body = "x".repeat(MAX_MESSAGE_BYTES - room);
        let after = redriven(&Message { id: "id-1".to_owned(), body, ..Message::default() });
        let names: Vec<_> = after.attributes.keys().collect();
        assert_eq!(names, expected);
        assert_eq!(after.bytes(), MAX_MESSAGE_BYTES);
    }
}

#[test]
fn groups_are_kept_and_deduplication_ids_are_new() {
    let (fifo, standard) = (queue("a.fifo"), queue("a"));
    let one = message(None, 0);
    let sent = one.redriven(&fifo, &fifo);
    assert_eq!(sent.group_id.as_deref(), Some("group"));
    let id = sent.deduplication_id.unwrap();
    assert_eq!(id.len(), 64);
    // The same message, received again.
    let again = Message { receipt_handle: "handle-2".to_owned(), ..one.clone() };
    assert_ne!(again.redriven(&fifo, &fifo).deduplication_id.unwrap(), id);
    // A retry of the same call has the same id.
    assert_eq!(one.redriven(&fifo, &fifo).deduplication_id.unwrap(), id);
    let groupless = Message { group_id: None, ..one.clone() };
    assert_eq!(groupless.redriven(&standard, &fifo).group_id.as_deref(), Some("id-1"));
    let fair = one.redriven(&standard, &standard);
    assert_eq!((fair.group_id.as_deref(), fair.deduplication_id), (Some("group"), None));
    assert_eq!(one.redriven(&fifo, &standard).group_id, None);
}

#[test]
fn the_source_of_sqs_takes_precedence_over_the_attribute() {
    let mut one = message(None, 0);
    assert_eq!(one.source_arn(), None);
    one.attributes.insert(SOURCE_ARN.to_owned(), attribute("String", "arn:attribute"));
    assert_eq!(one.source_arn(), Some("arn:attribute"));
    one.dead_letter_source_arn = Some("arn:sqs".to_owned());
    assert_eq!(one.source_arn(), Some("arn:sqs"));
}

#[test]
fn the_identity_survives_quarantine_with_a_new_id() {
    let first = message(None, 0);
    let sent = redriven(&first);
    assert_eq!(sent.identity("id-2"), ("id-1".to_owned(), 0));
    let mut attributes = sent.attributes;
    attributes.insert("sluice.position".to_owned(), attribute("Number", "0"));
    let back = Message { id: "id-3".to_owned(), attributes, ..Message::default() };
    assert_eq!(back.identity(), first.identity());
    let mut other = back.clone();
    other.attributes.insert("sluice.position".to_owned(), attribute("Number", "1"));
    assert_ne!(other.identity(), first.identity());
    // Without a free attribute the new id is its first one.
    let full = redriven(&message(None, 10));
    assert_eq!(full.identity("id-2"), ("id-2".to_owned(), 0));
}
