//! JSON values as CBOR, for CloudWatch's protocol: numbers are doubles, and what is called a time
//! is one.
//!
//! Source: Smithy, "Smithy RPC v2 CBOR protocol".

use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::{Decoder, Encoder};
use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

/// Reads one value; times become seconds since 1970.
pub(crate) fn decode(bytes: &[u8]) -> Value {
    value(&mut Decoder::new(bytes))
}

fn value(decoder: &mut Decoder<'_>) -> Value {
    match decoder.datatype().unwrap() {
        Type::Map | Type::MapIndef => {
            let mut map = Map::new();
            let mut left = decoder.map().unwrap();
            while more(decoder, &mut left) {
                let key = decoder.string().unwrap();
                map.insert(key, value(decoder));
            }
            Value::Object(map)
        }
        Type::Array | Type::ArrayIndef => {
            let mut list = Vec::new();
            let mut left = decoder.list().unwrap();
            while more(decoder, &mut left) {
                list.push(value(decoder));
            }
            Value::Array(list)
        }
        Type::String | Type::StringIndef => json!(decoder.string().unwrap()),
        Type::Bool => json!(decoder.boolean().unwrap()),
        Type::Tag => json!(decoder.timestamp().unwrap().as_secs_f64()),
        Type::F16 | Type::F32 | Type::F64 => json!(decoder.double().unwrap()),
        _ => json!(decoder.long().unwrap()),
    }
}

/// Whether a map or list goes on.
fn more(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> bool {
    match left {
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
        None if decoder.datatype().unwrap() == Type::Break => {
            decoder.skip().unwrap();
            false
        }
        None => true,
    }
}

/// Writes one value.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, "", value);
    encoder.into_writer()
}

fn write(encoder: &mut Encoder, key: &str, value: &Value) {
    match value {
        Value::Null => drop(encoder.null()),
        Value::Bool(is) => drop(encoder.boolean(*is)),
        Value::Number(number) if key == "Timestamps" => {
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
