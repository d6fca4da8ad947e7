//! The messages of OTLP that are sent, without the fields that are not.
//!
//! <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto>
//! <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto>

use prost::{Message, Oneof};

/// `Resource`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
}

/// `InstrumentationScope`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Scope {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
}

/// `LogRecord`
#[derive(Clone, PartialEq, Message)]
pub(super) struct LogRecord {
    #[prost(fixed64, tag = "1")]
    pub(super) time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    pub(super) severity_number: i32,
    #[prost(string, tag = "3")]
    pub(super) severity_text: String,
    #[prost(message, optional, tag = "5")]
    pub(super) body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(bytes = "vec", tag = "9")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub(super) span_id: Vec<u8>,
    #[prost(fixed64, tag = "11")]
    pub(super) observed_time_unix_nano: u64,
}

/// `KeyValue`
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

/// `AnyValue`
#[derive(Clone, PartialEq, Message)]
pub(super) struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 2, 3, 4, 5, 6")]
    pub(super) value: Option<Any>,
}

/// The value of an `AnyValue`.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(ArrayValue),
    #[prost(message, tag = "6")]
    KeyValues(KeyValueList),
}

/// `ArrayValue`
#[derive(Clone, PartialEq, Message)]
pub(super) struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<AnyValue>,
}

/// `KeyValueList`
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<KeyValue>,
}

impl KeyValue {
    /// An attribute.
    pub(super) fn new(key: impl Into<String>, value: impl Into<AnyValue>) -> Self {
        Self { key: key.into(), value: Some(value.into()) }
    }
}

impl From<Any> for AnyValue {
    fn from(value: Any) -> Self {
        Self { value: Some(value) }
    }
}

impl From<&str> for AnyValue {
    fn from(text: &str) -> Self {
        Any::Text(text.to_owned()).into()
    }
}

impl AnyValue {
    /// A list of one string.
    pub(super) fn list_of(text: &str) -> Self {
        Any::Array(ArrayValue { values: vec![text.into()] }).into()
    }

    /// A JSON value. What is nested deeper than `levels` is its JSON: a level takes three messages,
    /// and decoders accept 100 nested ones.
    pub(super) fn of_json(value: &serde_json::Value, levels: usize) -> Self {
        use serde_json::Value;

        let value = match value {
            Value::Null => return Self { value: None },
            Value::Bool(is_true) => Any::Bool(*is_true),
            Value::String(text) => Any::Text(text.clone()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Any::Integer(integer),
                // An integer beyond 64 bits would lose digits.
                (None, Some(double)) if !number.is_u64() => Any::Double(double),
                _ => Any::Text(number.to_string()),
            },
            Value::Array(_) | Value::Object(_) if levels == 0 => Any::Text(value.to_string()),
            Value::Array(values) => {
                let values = values.iter().map(|value| Self::of_json(value, levels - 1));
                Any::Array(ArrayValue { values: values.collect() })
            }
            Value::Object(fields) => {
                let pair = |(name, value): (&String, &Value)| {
                    KeyValue::new(name.as_str(), Self::of_json(value, levels - 1))
                };
                Any::KeyValues(KeyValueList { values: fields.iter().map(pair).collect() })
            }
        };
        value.into()
    }
}
