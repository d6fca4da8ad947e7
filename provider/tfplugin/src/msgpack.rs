//! Values as MessagePack, read and written by the type that the schema gives them.

use std::collections::BTreeMap;
use std::fmt::Display;

use rmp::{Marker, decode, encode};

use crate::convert::ValueError;
use crate::kind::Type;
use crate::number::{Number, ParseNumberError, Repr};
use crate::path::Step;
use crate::unknown::{Bound, Refinements, Unknown};
use crate::value::Value;

/// The extension that marks an unknown value of which nothing is known.
const UNKNOWN: i8 = 0;
/// The extension that marks an unknown value with what is known of it.
const REFINED_UNKNOWN: i8 = 12;

/// Reads a value of this type.
pub(crate) fn decode(bytes: &[u8], kind: &Type) -> Result<Value, ValueError> {
    let mut rest = bytes;
    let value = read(&mut rest, kind)?;
    if !rest.is_empty() {
        let bytes = if rest.len() == 1 { "byte" } else { "bytes" };
        return Err(ValueError::new(format!("{} unexpected {bytes} at the end", rest.len())));
    }
    Ok(value)
}

/// Writes a value of this type.
pub(crate) fn encode(value: &Value, kind: &Type) -> Result<Vec<u8>, ValueError> {
    let mut bytes = Vec::new();
    write(&mut bytes, value, kind)?;
    Ok(bytes)
}

impl Unknown {
    /// Unknown, but certainly not null.
    pub fn not_null() -> Self {
        Self::refined(refined_not_null())
    }

    /// What is known of it.
    pub fn refinements(&self) -> Refinements {
        // What came over the wire was read once already, so it reads again.
        self.body().and_then(|body| refinements(body).ok()).unwrap_or_default()
    }
}

/// What is known of a value that is known not to be null, and nothing else.
fn refined_not_null() -> Box<[u8]> {
    let not_null = [Marker::FixMap(1), Marker::FixPos(Refinement::IS_NULL), Marker::False];
    not_null.map(|marker| marker.to_u8()).into()
}

/// Reads what is known of an unknown value.
fn refinements(body: &[u8]) -> Result<Refinements, ValueError> {
    let mut rest = body;
    let mut refinements = Refinements::default();
    let count = decode::read_map_len(&mut rest).map_err(malformed)?;
    for _ in 0..count {
        let key: u64 = decode::read_int(&mut rest).map_err(malformed)?;
        match u8::try_from(key) {
            Ok(Refinement::IS_NULL) => {
                refinements.not_null = !decode::read_bool(&mut rest).map_err(malformed)?;
            }
            Ok(Refinement::STRING_PREFIX) => {
                refinements.string_prefix = Some(read_string(&mut rest)?);
            }
            Ok(Refinement::NUMBER_MIN) => refinements.number_min = Some(read_bound(&mut rest)?),
            Ok(Refinement::NUMBER_MAX) => refinements.number_max = Some(read_bound(&mut rest)?),
            Ok(Refinement::LENGTH_MIN) => {
                refinements.length_min = Some(decode::read_int(&mut rest).map_err(malformed)?);
            }
            Ok(Refinement::LENGTH_MAX) => {
                refinements.length_max = Some(decode::read_int(&mut rest).map_err(malformed)?);
            }
            // Newer than this crate: it narrows the value down further, which need not be known.
            _ => {
                let length = decode::MessageLen::len_of(rest).map_err(|_| truncated())?;
                take(&mut rest, length)?;
            }
        }
    }
    Ok(refinements)
}

/// The keys under which refinements stand.
struct Refinement;

impl Refinement {
    const IS_NULL: u8 = 1;
    const STRING_PREFIX: u8 = 2;
    const NUMBER_MIN: u8 = 3;
    const NUMBER_MAX: u8 = 4;
    const LENGTH_MIN: u8 = 5;
    const LENGTH_MAX: u8 = 6;
}

fn read(rest: &mut &[u8], kind: &Type) -> Result<Value, ValueError> {
    let marker = peek(rest)?;
    match marker {
        Marker::Null => {
            take(rest, 1)?;
            return Ok(Value::Null);
        }
        Marker::FixExt1
        | Marker::FixExt2
        | Marker::FixExt4
        | Marker::FixExt8
        | Marker::FixExt16
        | Marker::Ext8
        | Marker::Ext16
        | Marker::Ext32 => return read_unknown(rest),
        _ => {}
    }
    match kind {
        Type::Bool => match marker {
            Marker::True | Marker::False => {
                Ok(Value::Bool(decode::read_bool(rest).map_err(malformed)?))
            }
            found => Err(unexpected(kind, found)),
        },
        Type::Number => read_number(rest).map(Value::Number),
        Type::String => match marker {
            found if is_string(found) => Ok(Value::String(read_string(rest)?)),
            found => Err(unexpected(kind, found)),
        },
        Type::Dynamic => read_dynamic(rest, marker),
        Type::List(element) | Type::Set(element) => {
            let length = read_array_len(rest, kind, marker)?;
            let mut items = Vec::with_capacity(length.min(rest.len()));
            for index in 0..length {
                items.push(read(rest, element).map_err(|e| e.inside(Step::Index(index)))?);
            }
            Ok(Value::List(items))
        }
        Type::Tuple(elements) => {
            let length = read_array_len(rest, kind, marker)?;
            if length != elements.len() {
                let message = format!("expected {} elements, got {length}", elements.len());
                return Err(ValueError::new(message));
            }
            let items = elements.iter().enumerate().map(|(index, element)| {
                read(rest, element).map_err(|e| e.inside(Step::Index(index)))
            });
            Ok(Value::List(items.collect::<Result<_, _>>()?))
        }
        Type::Map(element) => {
            let length = read_map_len(rest, kind, marker)?;
            let mut entries = BTreeMap::new();
            for _ in 0..length {
                let key = read_string(rest)?;
                match read(rest, element) {
                    Ok(value) => entries.insert(key, value),
                    Err(error) => return Err(error.inside(Step::Key(key))),
                };
            }
            Ok(Value::Map(entries))
        }
        Type::Object(attributes) => {
            let length = read_map_len(rest, kind, marker)?;
            let mut entries = BTreeMap::new();
            for _ in 0..length {
                let name = read_string(rest)?;
                let Some(attribute) = attributes.get(&name) else {
                    return Err(unknown_attributes(name));
                };
                match read(rest, attribute) {
                    Ok(value) => entries.insert(name, value),
                    Err(error) => return Err(error.inside(Step::Attribute(name))),
                };
            }
            match attributes.keys().find(|name| !entries.contains_key(*name)) {
                Some(name) => Err(missing(name)),
                None => Ok(Value::Map(entries)),
            }
        }
    }
}

fn read_dynamic(rest: &mut &[u8], marker: Marker) -> Result<Value, ValueError> {
    if read_array_len(rest, &Type::Dynamic, marker)? != 2 {
        return Err(ValueError::new("expected a type and a value"));
    }
    let json = match peek(rest)? {
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
            let length = decode::read_bin_len(rest).map_err(malformed)?;
            take(rest, length as usize)?
        }
        _ => read_str(rest)?,
    };
    let kind: Type = serde_json::from_slice(json)
        .map_err(|error| ValueError::new(format!("the type beside the value: {error}")))?;
    let value = read(rest, &kind)?;
    Ok(Value::Typed(Box::new(kind), Box::new(value)))
}

fn read_unknown(rest: &mut &[u8]) -> Result<Value, ValueError> {
    let meta = decode::read_ext_meta(rest).map_err(malformed)?;
    let body = take(rest, meta.size as usize)?;
    if meta.typeid != REFINED_UNKNOWN {
        // Terraform reads every other extension as an unknown of which nothing is known, too.
        return Ok(Value::Unknown(Unknown::default()));
    }
    refinements(body)?;
    Ok(Value::Unknown(Unknown::refined(body.into())))
}

fn read_number(rest: &mut &[u8]) -> Result<Number, ValueError> {
    let not_a_number = || ValueError::new("expected a number, got NaN");
    match peek(rest)? {
        Marker::F32 => {
            let float = decode::read_f32(rest).map_err(malformed)?;
            Number::from_binary(float.into()).ok_or_else(not_a_number)
        }
        Marker::F64 => {
            let float = decode::read_f64(rest).map_err(malformed)?;
            Number::from_binary(float).ok_or_else(not_a_number)
        }
        Marker::U64 => Ok(Number::from(decode::read_u64(rest).map_err(malformed)?)),
        Marker::FixPos(_)
        | Marker::FixNeg(_)
        | Marker::U8
        | Marker::U16
        | Marker::U32
        | Marker::I8
        | Marker::I16
        | Marker::I32
        | Marker::I64 => Ok(Number::from(decode::read_int::<i64, _>(rest).map_err(malformed)?)),
        found if is_string(found) => read_string(rest)?
            .parse()
            .map_err(|error: ParseNumberError| ValueError::new(error.to_string())),
        found => Err(unexpected(&Type::Number, found)),
    }
}

fn read_bound(rest: &mut &[u8]) -> Result<Bound, ValueError> {
    if decode::read_array_len(rest).map_err(malformed)? != 2 {
        return Err(ValueError::new("expected a bound and whether it is inclusive"));
    }
    let number = read_number(rest)?;
    let inclusive = decode::read_bool(rest).map_err(malformed)?;
    Ok(if inclusive { Bound::Inclusive(number) } else { Bound::Exclusive(number) })
}

fn read_array_len(rest: &mut &[u8], kind: &Type, found: Marker) -> Result<usize, ValueError> {
    match found {
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
            Ok(decode::read_array_len(rest).map_err(malformed)? as usize)
        }
        found => Err(unexpected(kind, found)),
    }
}

fn read_map_len(rest: &mut &[u8], kind: &Type, found: Marker) -> Result<usize, ValueError> {
    match found {
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
            Ok(decode::read_map_len(rest).map_err(malformed)? as usize)
        }
        found => Err(unexpected(kind, found)),
    }
}

fn read_string(rest: &mut &[u8]) -> Result<String, ValueError> {
    let bytes = read_str(rest)?;
    let text = std::str::from_utf8(bytes)
        .map_err(|_| ValueError::new("expected a string, got bytes that are not UTF-8"))?;
    Ok(text.to_owned())
}

fn read_str<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ValueError> {
    let length = decode::read_str_len(rest).map_err(malformed)?;
    take(rest, length as usize)
}

fn peek(rest: &[u8]) -> Result<Marker, ValueError> {
    rest.first().map(|byte| Marker::from_u8(*byte)).ok_or_else(truncated)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], ValueError> {
    let (taken, left) = rest.split_at_checked(length).ok_or_else(truncated)?;
    *rest = left;
    Ok(taken)
}

fn is_string(marker: Marker) -> bool {
    matches!(marker, Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32)
}

fn truncated() -> ValueError {
    ValueError::new("the value ends early")
}

fn malformed(error: impl Display) -> ValueError {
    ValueError::new(format!("malformed MessagePack: {error}"))
}

fn unexpected(kind: &Type, found: Marker) -> ValueError {
    let found = match found {
        Marker::True | Marker::False => "a bool",
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => "a list",
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => "a map or object",
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => "bytes",
        found if is_string(found) => "a string",
        Marker::Reserved => "an invalid byte",
        _ => "a number",
    };
    ValueError::new(format!("expected {}, got {found}", kind.describe()))
}

fn missing(name: &str) -> ValueError {
    ValueError::new("the attribute is missing").inside(Step::Attribute(name.to_owned()))
}

fn unknown_attributes(name: String) -> ValueError {
    ValueError::new("the schema has no attribute or block of this name")
        .inside(Step::Attribute(name))
}

fn write(bytes: &mut Vec<u8>, value: &Value, kind: &Type) -> Result<(), ValueError> {
    match (kind, value) {
        (_, Value::Null) => bytes.push(Marker::Null.to_u8()),
        (_, Value::Unknown(unknown)) => write_unknown(bytes, unknown)?,
        (Type::Dynamic, Value::Typed(kind, value)) => write_dynamic(bytes, kind, value)?,
        (Type::Dynamic, value) => write_dynamic(bytes, &kind_of(value), value)?,
        (kind, Value::Typed(_, value)) => write(bytes, value, kind)?,
        (Type::Bool, Value::Bool(bool)) => {
            bytes.push(if *bool { Marker::True } else { Marker::False }.to_u8());
        }
        (Type::Number, Value::Number(number)) => write_number(bytes, number)?,
        (Type::String, Value::String(string)) => write_str(bytes, string)?,
        (Type::List(element) | Type::Set(element), Value::List(items)) => {
            encode::write_array_len(bytes, length(items.len())?).map_err(malformed)?;
            for (index, item) in items.iter().enumerate() {
                write(bytes, item, element).map_err(|e| e.inside(Step::Index(index)))?;
            }
        }
        (Type::Tuple(elements), Value::List(items)) => {
            if items.len() != elements.len() {
                return Err(ValueError::new(format!(
                    "expected {} elements, got {}",
                    elements.len(),
                    items.len()
                )));
            }
            encode::write_array_len(bytes, length(items.len())?).map_err(malformed)?;
            for (index, (item, element)) in items.iter().zip(elements).enumerate() {
                write(bytes, item, element).map_err(|e| e.inside(Step::Index(index)))?;
            }
        }
        (Type::Map(element), Value::Map(entries)) => {
            encode::write_map_len(bytes, length(entries.len())?).map_err(malformed)?;
            for (key, value) in entries {
                write_str(bytes, key)?;
                write(bytes, value, element).map_err(|e| e.inside(Step::Key(key.clone())))?;
            }
        }
        (Type::Object(attributes), Value::Map(entries)) => {
            if let Some(name) = entries.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(unknown_attributes(name.clone()));
            }
            encode::write_map_len(bytes, length(attributes.len())?).map_err(malformed)?;
            for (name, attribute) in attributes {
                let value = entries.get(name).ok_or_else(|| missing(name))?;
                write_str(bytes, name)?;
                write(bytes, value, attribute)
                    .map_err(|e| e.inside(Step::Attribute(name.clone())))?;
            }
        }
        (kind, found) => return Err(ValueError::expected(kind.describe(), found)),
    }
    Ok(())
}

fn write_dynamic(bytes: &mut Vec<u8>, kind: &Type, value: &Value) -> Result<(), ValueError> {
    let json = serde_json::to_vec(kind).map_err(malformed)?;
    encode::write_array_len(bytes, 2).map_err(malformed)?;
    encode::write_bin(bytes, &json).map_err(malformed)?;
    write(bytes, value, kind)
}

fn write_unknown(bytes: &mut Vec<u8>, unknown: &Unknown) -> Result<(), ValueError> {
    let (kind, body) = match unknown.body() {
        None => (UNKNOWN, [0].as_slice()),
        Some(body) => (REFINED_UNKNOWN, body),
    };
    encode::write_ext_meta(bytes, length(body.len())?, kind).map_err(malformed)?;
    bytes.extend_from_slice(body);
    Ok(())
}

fn write_number(bytes: &mut Vec<u8>, number: &Number) -> Result<(), ValueError> {
    match number.repr() {
        Repr::Int(int) => encode::write_sint(bytes, *int).map_err(malformed).map(drop),
        Repr::UInt(int) => encode::write_u64(bytes, *int).map_err(malformed),
        Repr::Float(float) => encode::write_f64(bytes, *float).map_err(malformed),
        Repr::Decimal(text) => write_str(bytes, text),
    }
}

fn write_str(bytes: &mut Vec<u8>, text: &str) -> Result<(), ValueError> {
    length(text.len())?;
    encode::write_str(bytes, text).map_err(malformed)
}

/// MessagePack counts in 32 bits.
fn length(length: usize) -> Result<u32, ValueError> {
    u32::try_from(length).map_err(|_| ValueError::new("longer than 4 GiB"))
}

/// The type of a value that does not have one beside it.
fn kind_of(value: &Value) -> Type {
    match value {
        Value::Null | Value::Unknown(_) => Type::Dynamic,
        Value::Bool(_) => Type::Bool,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::String,
        Value::List(items) => Type::Tuple(items.iter().map(kind_of).collect()),
        Value::Map(entries) => Type::object(entries.iter().map(|(k, v)| (k.clone(), kind_of(v)))),
        // Its own type would be written twice if it stood here as what it is.
        Value::Typed(_, _) => Type::Dynamic,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_error(bytes: &[u8], kind: &Type, expected: &str) {
        assert_eq!(decode(bytes, kind).unwrap_err().to_string(), expected);
    }

    #[track_caller]
    fn check(bytes: &[u8], kind: &Type, expected: &Value) {
        assert_eq!(decode(bytes, kind).as_ref(), Ok(expected));
        assert_eq!(encode(expected, kind).unwrap(), bytes);
    }

    #[test]
    fn numbers_come_in_three_forms() {
        let number = |text: &str| Value::Number(text.parse().unwrap());
        check(&[0xff], &Type::Number, &number("-1"));
        check(b"\xcb\x3f\xe0\0\0\0\0\0\0", &Type::Number, &number("0.5"));
        check(b"\xa30.1", &Type::Number, &number("0.1"));
        check(&[0xcf; 9], &Type::Number, &number("14974415777481871311"));
    }

    #[test]
    fn unknowns_keep_what_is_known_of_them() {
        check(&[0xd4, 0, 0], &Type::String, &Value::Unknown(Unknown::default()));
        let body = b"\x82\x01\xc2\x02\xa4arn:";
        let bytes = [&[0xc7, 9, 12], body.as_slice()].concat();
        let Ok(Value::Unknown(unknown)) = decode(&bytes, &Type::String) else {
            panic!("not unknown");
        };
        let known = Refinements {
            not_null: true,
            string_prefix: Some("arn:".to_owned()),
            ..Refinements::default()
        };
        assert_eq!(unknown.refinements(), known);
        assert_eq!(encode(&Value::Unknown(unknown), &Type::String).unwrap(), bytes);
        assert!(Unknown::not_null().refinements().not_null);
    }

    #[test]
    fn ranges_are_read() {
        let known = refinements(b"\x83\x03\x92\x01\xc3\x04\x92\xa30.1\xc2\x06\x05").unwrap();
        assert_eq!(known.number_min, Some(Bound::Inclusive(Number::from(1_i64))));
        assert_eq!(known.number_max, Some(Bound::Exclusive("0.1".parse().unwrap())));
        assert_eq!((known.length_min, known.length_max), (None, Some(5)));
    }

    #[test]
    fn errors_say_where() {
        let kind = Type::object([("a", Type::list(Type::map(Type::Bool)))]);
        check_error(
            b"\x81\xa1a\x91\x81\xa1k\x01",
            &kind,
            r#"a[0]["k"]: expected a bool, got a number"#,
        );
        check_error(b"\x80", &kind, "a: the attribute is missing");
        check_error(
            b"\x81\xa1b\xc0",
            &kind,
            "b: the schema has no attribute or block of this name",
        );
        check_error(b"\x81\xa1a", &kind, "a: the value ends early");
        check_error(b"\xc0\xc0", &kind, "1 unexpected byte at the end");
        check_error(b"\xd9\xff", &Type::String, "the value ends early");
        let wrong = Value::Map(BTreeMap::from([("a".to_owned(), Value::Bool(true))]));
        let error = encode(&wrong, &kind).unwrap_err().to_string();
        assert_eq!(error, "a: expected a list, got a bool");
    }

    #[test]
    fn a_value_without_a_type_where_any_is_gets_the_type_it_looks_like() {
        let value = Value::from(vec!["a"]);
        let bytes = encode(&value, &Type::Dynamic).unwrap();
        let tuple = Type::Tuple(vec![Type::String]);
        let typed = Value::Typed(Box::new(tuple), Box::new(value));
        assert_eq!(decode(&bytes, &Type::Dynamic), Ok(typed));
    }

    fn kind() -> impl Strategy<Value = Type> {
        let leaf = prop_oneof![
            Just(Type::Bool),
            Just(Type::Number),
            Just(Type::String),
            Just(Type::Dynamic)
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(Type::list),
                inner.clone().prop_map(Type::set),
                inner.clone().prop_map(Type::map),
                vec(inner.clone(), 0..4).prop_map(Type::Tuple),
                btree_map("[a-z]{1,3}", inner, 0..4).prop_map(Type::Object),
            ]
        })
    }

    fn number() -> impl Strategy<Value = Number> {
        prop_oneof![
            any::<i64>().prop_map(Number::from),
            any::<u64>().prop_map(Number::from),
            any::<f64>().prop_filter_map("a number", Number::from_binary),
            "-?[0-9]{1,30}(\\.[0-9]{1,30})?(e-?[0-9]{1,2})?".prop_map(|text| text.parse().unwrap()),
        ]
    }

    fn value(kind: &Type) -> BoxedStrategy<Value> {
        let known = match kind {
            Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            Type::Number => number().prop_map(Value::Number).boxed(),
            Type::String => any::<String>().prop_map(Value::String).boxed(),
            Type::Dynamic => {
                let number = number().prop_map(Value::Number);
                let typed =
                    |value| Value::Typed(Box::new(Type::list(Type::Number)), Box::new(value));
                vec(number, 0..3).prop_map(Value::List).prop_map(typed).boxed()
            }
            Type::List(element) | Type::Set(element) => {
                vec(value(element), 0..4).prop_map(Value::List).boxed()
            }
            Type::Map(element) => {
                btree_map(any::<String>(), value(element), 0..4).prop_map(Value::Map).boxed()
            }
            Type::Tuple(elements) => {
                let items: Vec<_> = elements.iter().map(value).collect();
                items.prop_map(Value::List).boxed()
            }
            Type::Object(attributes) => {
                let names: Vec<String> = attributes.keys().cloned().collect();
                let values: Vec<_> = attributes.values().map(value).collect();
                values
                    .prop_map(move |values| Value::Map(names.iter().cloned().zip(values).collect()))
                    .boxed()
            }
        };
        prop_oneof![
            8 => known,
            1 => Just(Value::Null),
            1 => Just(Value::Unknown(Unknown::default())),
            1 => Just(Value::Unknown(Unknown::not_null())),
        ]
        .boxed()
    }

    fn typed_value() -> impl Strategy<Value = (Type, Value)> {
        kind().prop_flat_map(|kind| {
            let value = value(&kind);
            (Just(kind), value)
        })
    }

    proptest! {
        #[test]
        fn every_value_is_read_as_it_was_written((kind, value) in typed_value()) {
            let bytes = encode(&value, &kind).unwrap();
            prop_assert_eq!(decode(&bytes, &kind), Ok(value));
        }

        #[test]
        fn no_bytes_make_it_panic(
            (kind, value) in typed_value(),
            cut in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = encode(&value, &kind).unwrap();
            let at = cut.index(bytes.len());
            prop_assert!(decode(&bytes[..at], &kind).is_err());
            bytes[at] = byte;
            // Whatever it is read as can be written again.
            if let Ok(other) = decode(&bytes, &kind) {
                prop_assert!(encode(&other, &kind).is_ok());
            }
        }
    }
}
