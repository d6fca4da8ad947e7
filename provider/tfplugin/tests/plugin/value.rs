//! Values as they are on the wire, written as JSON.

use rmpv::Value;
use serde_json::Value as Json;
use tfplugin::proto::tfplugin5::DynamicValue;

/// Marks an unknown value in the JSON of these tests, followed by the refinement's bytes in
/// hexadecimal.
const UNKNOWN: &str = "<unknown>";

pub(crate) fn dynamic(json: &Json) -> Option<DynamicValue> {
    let mut msgpack = Vec::new();
    rmpv::encode::write_value(&mut msgpack, &to_wire(json)).unwrap();
    Some(DynamicValue { msgpack, json: Vec::new() })
}

#[track_caller]
pub(crate) fn json(value: Option<DynamicValue>) -> Json {
    let bytes = value.expect("a value").msgpack;
    from_wire(rmpv::decode::read_value(&mut bytes.as_slice()).unwrap())
}

fn to_wire(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(bool) => Value::from(*bool),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Value::from(int),
            None => Value::from(number.as_f64().unwrap()),
        },
        Json::String(text) => match text.strip_prefix(UNKNOWN) {
            Some("") => Value::Ext(0, vec![0]),
            Some(body) => {
                let pairs =
                    body.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
                Value::Ext(12, pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect())
            }
            None => Value::from(text.as_str()),
        },
        Json::Array(items) => Value::Array(items.iter().map(to_wire).collect()),
        Json::Object(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, value)| (Value::from(key.as_str()), to_wire(value)))
                .collect(),
        ),
    }
}

fn from_wire(value: Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Boolean(bool) => bool.into(),
        Value::Integer(int) => int.as_i64().unwrap().into(),
        Value::F32(float) => float.into(),
        Value::F64(float) => float.into(),
        Value::String(text) => text.into_str().unwrap().into(),
        Value::Binary(bytes) => String::from_utf8(bytes).unwrap().into(),
        Value::Array(items) => items.into_iter().map(from_wire).collect(),
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| (key.as_str().unwrap().to_owned(), from_wire(value)))
            .collect(),
        Value::Ext(12, body) => {
            let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{UNKNOWN}{hex}").into()
        }
        Value::Ext(..) => UNKNOWN.into(),
    }
}
