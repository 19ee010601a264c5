//! CloudWatch's protocol, as far as it is needed here.
//!
//! Source: Smithy, "Smithy RPC v2 CBOR protocol".

use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::decode::DeserializeError;
use aws_smithy_cbor::{Decoder, Encoder};
use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

/// Decodes one value as JSON; times become seconds since 1970.
///
/// # Errors
/// If it is not CBOR.
pub fn decode(bytes: &[u8]) -> Result<Value, DeserializeError> {
    value(&mut Decoder::new(bytes))
}

fn value(decoder: &mut Decoder<'_>) -> Result<Value, DeserializeError> {
    Ok(match decoder.datatype()? {
        Type::Map | Type::MapIndef => {
            let mut members = Map::new();
            let mut left = decoder.map()?;
            while goes_on(decoder, &mut left)? {
                let name = decoder.string()?;
                members.insert(name, value(decoder)?);
            }
            Value::Object(members)
        }
        Type::Array | Type::ArrayIndef => {
            let mut items = Vec::new();
            let mut left = decoder.list()?;
            while goes_on(decoder, &mut left)? {
                items.push(value(decoder)?);
            }
            Value::Array(items)
        }
        Type::String | Type::StringIndef => json!(decoder.string()?),
        Type::Bool => json!(decoder.boolean()?),
        Type::Tag => json!(decoder.timestamp()?.as_secs_f64()),
        Type::F16 | Type::F32 | Type::F64 => json!(decoder.double()?),
        _ => json!(decoder.long()?),
    })
}

fn goes_on(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, DeserializeError> {
    match left {
        Some(0) => Ok(false),
        Some(left) => {
            *left -= 1;
            Ok(true)
        }
        None if decoder.datatype()? == Type::Break => {
            decoder.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

pub(super) fn no_metrics() -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    out.map(1).str("Metrics").array(0);
    out.into_writer()
}

/// The answer to `GetMetricData`, with at most one value for each query: its id and the value.
pub(crate) fn metric_data(results: &[(&str, Option<f64>)], at_seconds: f64) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    out.map(1).str("MetricDataResults").array(results.len());
    for (id, value) in results {
        out.map(4).str("Id").str(id).str("StatusCode").str("Complete");
        out.str("Timestamps").array(value.iter().len());
        if value.is_some() {
            out.timestamp(&DateTime::from_secs_f64(at_seconds));
        }
        out.str("Values").array(value.iter().len());
        if let Some(value) = value {
            out.double(*value);
        }
    }
    out.into_writer()
}
