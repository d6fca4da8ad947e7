//! Structs whose fields are attributes.

use std::collections::BTreeMap;

use crate::convert::{Convert, ValueError};
use crate::path::Step;
use crate::value::Value;

/// Declares structs whose fields are the attributes and blocks of the same name, and implements
/// [`Convert`](crate::Convert) for them.
///
/// Null is an error (wrap the struct in [`Attr`](crate::Attr) or `Option` if it can be null), and
/// so is an attribute without field or a field without attribute. A raw name such as `r#type` is
/// the attribute `type`.
///
/// ```
/// tfplugin::object! {
///     /// What to choose.
///     #[derive(Clone, Debug, PartialEq)]
///     pub struct Select {
///         /// Names.
///         pub names: tfplugin::Attr<Vec<tfplugin::Attr<String>>>,
///         r#type: String,
///     }
/// }
/// ```
#[macro_export]
macro_rules! object {
    ($(
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_visibility:vis $field:ident : $kind:ty),* $(,)?
        }
    )+) => {$(
        $(#[$meta])*
        $visibility struct $name {
            $($(#[$field_meta])* $field_visibility $field: $kind,)*
        }

        impl $crate::Convert for $name {
            fn from_value(
                value: $crate::Value,
            ) -> ::core::result::Result<Self, $crate::ValueError> {
                #[allow(unused_mut, reason = "a struct without fields takes nothing")]
                let mut fields = $crate::object::Fields::of(value)?;
                let object = Self {
                    $($field: fields.take(::core::stringify!($field))?,)*
                };
                fields.finish()?;
                ::core::result::Result::Ok(object)
            }

            fn into_value(self) -> $crate::Value {
                $crate::object::value([
                    $((::core::stringify!($field), $crate::Convert::into_value(self.$field)),)*
                ])
            }
        }
    )+};
}

/// The attributes of an object while a struct takes them.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fields(BTreeMap<String, Value>);

impl Fields {
    #[doc(hidden)]
    pub fn of(value: Value) -> Result<Self, ValueError> {
        match value.untyped() {
            Value::Map(entries) => Ok(Self(entries)),
            other => Err(ValueError::expected("an object", &other)),
        }
    }

    #[doc(hidden)]
    pub fn take<T: Convert>(&mut self, field: &str) -> Result<T, ValueError> {
        let name = attribute(field);
        let step = || Step::Attribute(name.to_owned());
        let value = self
            .0
            .remove(name)
            .ok_or_else(|| ValueError::new("the attribute is missing").inside(step()))?;
        T::from_value(value).map_err(|error| error.inside(step()))
    }

    #[doc(hidden)]
    pub fn finish(self) -> Result<(), ValueError> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                let error = ValueError::new("there is no attribute or block of this name");
                Err(error.inside(Step::Attribute(name)))
            }
        }
    }
}

#[doc(hidden)]
pub fn value<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(
        fields.into_iter().map(|(field, value)| (attribute(field).to_owned(), value)).collect(),
    )
}

/// The attribute of a field.
fn attribute(field: &str) -> &str {
    field.strip_prefix("r#").unwrap_or(field)
}
