//! Encodes JSON values as CBOR for CloudWatch's protocol: numbers become doubles, or times in
//! seconds since 1970 in members whose names end with `Timestamp`, and in `Timestamps`.
//!
//! Source: Smithy, "Smithy RPC v2 CBOR protocol".

use aws_smithy_cbor::Encoder;
use aws_smithy_types::DateTime;
use serde_json::Value;

/// The CBOR of a value.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, "", value);
    encoder.into_writer()
}

fn write(encoder: &mut Encoder, key: &str, value: &Value) {
    match value {
        Value::Null => drop(encoder.null()),
        Value::Bool(is) => drop(encoder.boolean(*is)),
        Value::Number(number) if key.ends_with("Timestamp") || key == "Timestamps" => {
            encoder.timestamp(&DateTime::from_secs_f64(number.as_f64().unwrap()));
        }
        Value::Number(number) => drop(encoder.double(number.as_f64().unwrap())),
        Value::String(text) => drop(encoder.str(text)),
        Value::Array(list) => {
            encoder.array(list.len());
            for value in list {
                write(encoder, key, value);
            }
        }
        Value::Object(map) => {
            encoder.map(map.len());
            for (key, value) in map {
                encoder.str(key);
                write(encoder, key, value);
            }
        }
    }
}
