use std::collections::BTreeMap;

use tfplugin::{
    Attr, Convert, Diagnostic, IdentityAttribute, IdentitySchema, ImportId, Type, Value,
};

use super::model::Policy;
use crate::diagnostics;

/// The version of the identity's shape.
const VERSION: i64 = 0;

tfplugin::object! {
    /// What tells a policy from all others.
    #[derive(Clone, Debug, PartialEq)]
    struct Identity {
        filter_name: Attr<String>,
        region: Attr<String>,
        account_id: Attr<String>,
    }
}

pub(super) fn schema() -> IdentitySchema {
    IdentitySchema::new(VERSION)
        .attribute(
            "filter_name",
            IdentityAttribute::required(Type::String).describe(
                "Name of the policy's subscription filters: its `filter_name`, or else its `name`.",
            ),
        )
        .attribute(
            "region",
            IdentityAttribute::optional(Type::String)
                .describe("Region of the log groups. Default: the provider's."),
        )
        .attribute(
            "account_id",
            IdentityAttribute::optional(Type::String).describe(
                "Account of the log groups. Import looks in the account of the provider block, and \
                 is an error where that is another one.",
            ),
        )
}

/// A policy's identity; none while a part of it is unknown.
pub(super) fn of(state: &Policy) -> Option<Value> {
    let known = |text: Attr<&String>| text.into_known().map(|text| Value::String(text.clone()));
    let identity = BTreeMap::from([
        ("filter_name".to_owned(), known(state.effective_filter_name())?),
        ("region".to_owned(), known(state.region.as_ref())?),
        ("account_id".to_owned(), known(state.account_id.as_ref())?),
    ]);
    Some(Value::Map(identity))
}

/// The policy that is to be imported.
#[derive(Debug, PartialEq)]
pub(super) struct Sought {
    pub(super) filter_name: String,
    pub(super) region: Option<String>,
    pub(super) account_id: Option<String>,
}

impl Sought {
    /// By id or by identity.
    pub(super) fn by(id: ImportId) -> Result<Self, Diagnostic> {
        match id {
            ImportId::Id(id) => Self::by_id(&id),
            ImportId::Identity(identity) => Self::by_identity(identity),
        }
    }

    fn by_id(id: &str) -> Result<Self, Diagnostic> {
        let (name, region) = match id.rsplit_once('@') {
            Some((name, region)) => (name, Some(region)),
            None => (id, None),
        };
        if name.is_empty() || region.is_some_and(str::is_empty) {
            return Err(diagnostics::invalid_import_id(id));
        }
        let region = region.map(str::to_owned);
        Ok(Self { filter_name: name.to_owned(), region, account_id: None })
    }

    fn by_identity(identity: Value) -> Result<Self, Diagnostic> {
        let identity = Identity::from_value(identity)
            .map_err(|error| diagnostics::invalid_identity(&error.to_string()))?;
        let Identity { filter_name, region, account_id } = identity;
        let filter_name = filter_name.into_known().filter(|name| !name.is_empty());
        let filter_name =
            filter_name.ok_or_else(|| diagnostics::invalid_identity("filter_name is missing"))?;
        for (attribute, value) in [("region", &region), ("account_id", &account_id)] {
            if value.known().is_some_and(String::is_empty) {
                return Err(diagnostics::invalid_identity(&format!("{attribute} is empty")));
            }
        }
        Ok(Self { filter_name, region: region.into_known(), account_id: account_id.into_known() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(attributes: &[(&str, &str)]) -> Value {
        let all =
            ["filter_name", "region", "account_id"].map(|name| (name.to_owned(), Value::Null));
        let mut value = BTreeMap::from(all);
        for (name, text) in attributes {
            value.insert((*name).to_owned(), Value::String((*text).to_owned()));
        }
        Value::Map(value)
    }

    fn sought(filter_name: &str, region: Option<&str>, account_id: Option<&str>) -> Sought {
        Sought {
            filter_name: filter_name.to_owned(),
            region: region.map(str::to_owned),
            account_id: account_id.map(str::to_owned),
        }
    }

    #[test]
    fn an_id_is_a_name_and_perhaps_a_region() {
        let check = |id: &str, expected| {
            assert_eq!(Sought::by(ImportId::Id(id.to_owned())).unwrap(), expected, "{id}");
        };
        check("ship", sought("ship", None, None));
        check("ship@eu-west-1", sought("ship", Some("eu-west-1"), None));
        check("a@b@eu-west-1", sought("a@b", Some("eu-west-1"), None));
        for id in ["", "@eu-west-1", "ship@"] {
            assert!(Sought::by(ImportId::Id(id.to_owned())).is_err(), "{id}");
        }
    }

    #[test]
    fn an_identity_is_what_import_takes() {
        let whole = [("filter_name", "ship"), ("region", "eu-west-1"), ("account_id", "1")];
        let by = |attributes: &[_]| Sought::by(ImportId::Identity(value(attributes)));
        assert_eq!(by(&whole).unwrap(), sought("ship", Some("eu-west-1"), Some("1")));
        assert_eq!(by(&whole[..1]).unwrap(), sought("ship", None, None));
        for (attributes, why) in [
            (&whole[1..], "filter_name is missing"),
            (&[("filter_name", "ship"), ("region", "")][..], "region is empty"),
        ] {
            let error = by(attributes).unwrap_err();
            assert!(error.detail.contains(why), "{}", error.detail);
        }
    }
}
