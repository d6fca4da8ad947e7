//! Bodies of the protocol `rpc-v2-cbor`, read as JSON values and written from them.
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>

use bytes::Bytes;
use ciborium::Value as Cbor;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// A timestamp: seconds since 1970.
const TIMESTAMP: u64 = 1;

/// The parameters in a body. A timestamp becomes its number of seconds.
pub(super) fn read(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    let invalid = |why: String| Refusal::bad("SerializationException", why);
    let cbor: Cbor =
        ciborium::from_reader(&body[..]).map_err(|error| invalid(error.to_string()))?;
    match json(cbor) {
        Some(Value::Object(fields)) => Ok(fields),
        _ => Err(invalid("the body is not a map of JSON's types and timestamps".to_owned())),
    }
}

fn json(cbor: Cbor) -> Option<Value> {
    Some(match cbor {
        Cbor::Null => Value::Null,
        Cbor::Bool(flag) => flag.into(),
        Cbor::Integer(number) => i64::try_from(number).ok()?.into(),
        Cbor::Float(number) => number.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Tag(TIMESTAMP, seconds) => json(*seconds)?,
        Cbor::Array(items) => items.into_iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Cbor::Map(fields) => {
            let fields = fields.into_iter().map(|(name, value)| match name {
                Cbor::Text(name) => Some((name, json(value)?)),
                _ => None,
            });
            Value::Object(fields.collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

/// A body with these fields, in which the members of `Timestamps` are timestamps.
pub(super) fn write(fields: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    ciborium::into_writer(&cbor(fields, false), &mut body)
        .expect("writing to a vector does not fail");
    body
}

fn cbor(value: &Value, timestamps: bool) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(*flag),
        Value::Number(number) if timestamps => {
            Cbor::Tag(TIMESTAMP, Box::new(Cbor::Float(number.as_f64().unwrap_or_default())))
        }
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cbor::Integer(number.into()),
            None => Cbor::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => {
            Cbor::Array(items.iter().map(|item| cbor(item, timestamps)).collect())
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (Cbor::Text(name.clone()), cbor(value, name == "Timestamps")));
            Cbor::Map(fields.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_reads_back_as_it_was_written() {
        let value = json!({
            "Id": "g0", "Values": [1.5, 2.0], "Timestamps": [1_795_564_800.0], "Partial": false,
            "Count": 3, "Nothing": null,
        });
        let body = Bytes::from(write(&value));
        let tag: Cbor = ciborium::from_reader(&body[..]).unwrap();
        assert!(format!("{tag:?}").contains("Tag(1, Float(1795564800.0))"), "{tag:?}");
        assert_eq!(Value::Object(read(&body).unwrap()), value);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for body in [vec![], vec![0x01], vec![0xff], vec![0xa1, 0x01, 0x02]] {
            assert!(read(&Bytes::from(body)).is_err());
        }
    }
}
