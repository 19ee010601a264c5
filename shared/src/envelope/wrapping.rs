//! Puts the original envelopes around a single event.

use base64_simd::STANDARD;
use serde_json::Value;

use super::Envelope;
use super::kinds::Content;

/// The envelopes around the events in a text, without the content of the innermost one.
#[derive(Debug, Default)]
pub struct Wrapping(Vec<Layer>);

type Write = fn(&[u8]) -> Vec<u8>;

#[derive(Debug)]
struct Layer {
    before: Vec<u8>,
    /// Encodes the content.
    write: Write,
    after: Vec<u8>,
}

impl Wrapping {
    /// Reads the envelopes that [`Envelope::open`] opens.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut layers = Vec::new();
        let opened = |content: &Content<'_>, text: &[u8]| layers.push(Layer::of(content, text));
        // On an error, the envelopes before it are kept.
        let _opened = Envelope::default().open_each(&mut text.to_vec(), &mut Vec::new(), opened);
        Self(layers)
    }

    /// Puts the envelopes around an event.
    #[must_use]
    pub fn around(&self, event: &[u8]) -> Vec<u8> {
        self.0.iter().rev().fold(event.to_vec(), |inside, Layer { before, write, after }| {
            [before, &*write(&inside), after].concat()
        })
    }
}

impl Layer {
    fn of(content: &Content<'_>, text: &[u8]) -> Self {
        let (value, write): (_, Write) = match content {
            Content::Value(value) => (value, <[u8]>::to_vec),
            Content::Text(value) => {
                (value, |text| Value::from(String::from_utf8_lossy(text)).to_string().into_bytes())
            }
            Content::Base64(value) => {
                (value, |text| format!("\"{}\"", STANDARD.encode_to_string(text)).into_bytes())
            }
        };
        let start = value.as_ptr().addr() - text.as_ptr().addr();
        let (before, after) = (&text[..start], &text[start + value.len()..]);
        Self { before: before.to_vec(), write, after: after.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_events_is_put_into_all_envelopes_around_them() {
        let sns = |message: &str| {
            format!(r#"{{"Type":"Notification","Message":{},"Subject":"s"}}"#, Value::from(message))
        };
        let event_bridge =
            |detail: &str| format!(r#"{{"detail-type":"t","detail":{detail},"id":"i"}}"#);
        let base64 = |data: &str| {
            let data = STANDARD.encode_to_string(data);
            format!(
                r#"{{"specversion":"1.0","id":"i","source":"s","type":"t","data_base64":"{data}"}}"#
            )
        };
        let (several, one) = (r#"[{"a":"\"é\n"},{"b":2}]"#, r#"{"a":"\"é\n"}"#);
        let envelopes: [&dyn Fn(&str) -> String; 7] = [
            &|inside| sns(inside),
            &|inside| event_bridge(inside),
            &|inside| base64(inside),
            &|inside| sns(&event_bridge(inside)),
            &|inside| event_bridge(&sns(inside)),
            &|inside| event_bridge(&sns(&base64(inside))),
            &|inside| inside.to_owned(),
        ];
        for envelope in envelopes {
            let wrapping = Wrapping::of(format!(" {}\n", envelope(several)).as_bytes());
            let wrapped = wrapping.around(one.as_bytes());
            assert_eq!(String::from_utf8(wrapped).unwrap(), envelope(one));
        }
        // A string that contains an envelope is treated like that envelope.
        let string = Value::from(sns(several)).to_string();
        assert_eq!(Wrapping::of(string.as_bytes()).around(b"1"), sns("1").as_bytes());
    }
}
