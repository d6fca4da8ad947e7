use tfplugin::{
    Attr, Convert, Diagnostic, IdentityAttribute, IdentitySchema, ImportId, Type, Value,
};

use super::model::Policy;
use crate::connection::RoleBlock;
use crate::{checks, diagnostics};

/// The version of the identity's shape.
const VERSION: i64 = 0;

tfplugin::object! {
    /// What identifies a policy, and how to access it.
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Identity {
        pub(super) filter_name: Attr<String>,
        pub(super) region: Attr<String>,
        pub(super) account_id: Attr<String>,
        pub(super) assume_role_arn: Attr<String>,
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
                "Account of the log groups. Import fails if the role, or else the provider block, \
                 belongs to another account.",
            ),
        )
        .attribute(
            "assume_role_arn",
            IdentityAttribute::optional(Type::String).describe(
                "ARN of the role to import with, for a policy with an `assume_role` block. Not \
                 part of the identity in the state, because several roles can access the same \
                 policy.",
            ),
        )
}

/// A policy's identity; none while a part of it is unknown. The role is none of its parts, so that
/// the identity is the same before and after a policy is given another role.
pub(super) fn of(state: &Policy) -> Option<Value> {
    let identity = Identity {
        filter_name: Attr::Known(state.effective_filter_name().into_known()?.clone()),
        region: Attr::Known(state.region.known()?.clone()),
        account_id: Attr::Known(state.account_id.known()?.clone()),
        assume_role_arn: Attr::Null,
    };
    Some(identity.into_value())
}

/// The policy that is to be imported.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ImportTarget {
    pub(super) filter_name: String,
    pub(super) region: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) role: Option<RoleBlock>,
    /// What follows the last `@` of the name, where it was looked at as a region and is none.
    pub(super) no_region: Option<String>,
}

impl ImportTarget {
    /// By id or by identity.
    pub(super) fn by(id: ImportId) -> Result<Self, Diagnostic> {
        match id {
            ImportId::Id(id) => {
                Self::by_id(&id).map_err(|why| diagnostics::invalid_import_id(&id, &why.detail))
            }
            ImportId::Identity(identity) => {
                Self::by_identity(identity).map_err(|why| diagnostics::invalid_identity(&why))
            }
        }
    }

    /// The role begins at the first `@arn:`, since no filter's name holds a colon. The region is
    /// what follows the last `@` before it, if it looks like one: names may hold an `@` too.
    fn by_id(id: &str) -> Result<Self, Diagnostic> {
        let (name, role) = match id.find(ROLE) {
            Some(at) => (&id[..at], Some(role(&id[at + 1..])?)),
            None => (id, None),
        };
        let mut target = Self { role, ..Self::default() };
        let name = match name.rsplit_once('@') {
            Some((name, region)) if looks_like_region(region) => {
                target.region = Some(region.to_owned());
                name
            }
            Some((_, no_region)) => {
                target.no_region = Some(no_region.to_owned());
                name
            }
            None => name,
        };
        checks::filter_name(name)?;
        Ok(Self { filter_name: name.to_owned(), ..target })
    }

    fn by_identity(identity: Value) -> Result<Self, String> {
        let identity = Identity::from_value(identity).map_err(|error| error.to_string())?;
        let Identity { filter_name, region, account_id, assume_role_arn } = identity;
        let filter_name = filter_name.into_known().filter(|name| !name.is_empty());
        let filter_name = filter_name.ok_or("filter_name is missing")?;
        for (attribute, value) in [("region", &region), ("account_id", &account_id)] {
            if value.known().is_some_and(String::is_empty) {
                return Err(format!("{attribute} is empty"));
            }
        }
        let role = match assume_role_arn.known() {
            Some(arn) => Some(role_block(arn, Attr::Null).map_err(|why| why.detail)?),
            None => None,
        };
        let (region, account_id) = (region.into_known(), account_id.into_known());
        Ok(Self { filter_name, region, account_id, role, no_region: None })
    }
}

/// What an id holds before the ARN of a role.
const ROLE: &str = "@arn:";
/// What it holds after that, where the role asks for an external id. No role's name holds a `?`.
const EXTERNAL_ID: &str = "?external_id=";

fn role(text: &str) -> Result<RoleBlock, Diagnostic> {
    match text.split_once(EXTERNAL_ID) {
        Some((arn, external_id)) => {
            checks::external_id(external_id)?;
            role_block(arn, Attr::Known(external_id.to_owned()))
        }
        None => role_block(text, Attr::Null),
    }
}

pub(super) fn role_block(arn: &str, external_id: Attr<String>) -> Result<RoleBlock, Diagnostic> {
    checks::role_arn(arn)?;
    Ok(RoleBlock { role_arn: Attr::Known(arn.to_owned()), external_id, session_name: Attr::Null })
}

/// As in `eu-west-1` or `us-gov-east-1`, which names such as `team-a-prod` do not.
fn looks_like_region(text: &str) -> bool {
    let Some((place, number)) = text.rsplit_once('-') else { return false };
    let format: Vec<_> = place.split('-').collect();
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    format.len() >= 2
        && format.iter().all(is_word)
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/path/logs@all";

    fn value(attributes: &[(&str, &str)]) -> Value {
        let all = ["filter_name", "region", "account_id", "assume_role_arn"]
            .map(|name| (name.to_owned(), Value::Null));
        let mut value = BTreeMap::from(all);
        for (name, text) in attributes {
            value.insert((*name).to_owned(), Value::String((*text).to_owned()));
        }
        Value::Map(value)
    }

    fn target(filter_name: &str, region: Option<&str>) -> ImportTarget {
        ImportTarget {
            filter_name: filter_name.to_owned(),
            region: region.map(str::to_owned),
            ..ImportTarget::default()
        }
    }

    #[test]
    fn an_id_is_a_name_and_perhaps_a_region_and_a_role() {
        let check = |id: &str, expected| {
            assert_eq!(ImportTarget::by(ImportId::Id(id.to_owned())).unwrap(), expected, "{id}");
        };
        let through = |external_id: Option<&str>, to| ImportTarget {
            role: Some(role_block(ROLE_ARN, external_id.map(str::to_owned).into()).unwrap()),
            ..to
        };
        let west = Some("eu-west-1");
        check("ship", target("ship", None));
        check("ship@eu-west-1", target("ship", west));
        check("a@b@eu-west-1", target("a@b", west));
        check("a@us-gov-west-1@eu-west-1", target("a@us-gov-west-1", west));
        check(&format!("ship@{ROLE_ARN}"), through(None, target("ship", None)));
        check(&format!("a@b@eu-west-1@{ROLE_ARN}"), through(None, target("a@b", west)));
        let external = format!("ship@eu-west-1@{ROLE_ARN}?external_id=a:b/?@c");
        assert!(ImportTarget::by(ImportId::Id(external)).is_err(), "an external id has no ?");
        check(
            &format!("ship@eu-west-1@{ROLE_ARN}?external_id=a:b/@c"),
            through(Some("a:b/@c"), target("ship", west)),
        );
    }

    #[test]
    fn a_suffix_that_is_no_region_belongs_to_the_name() {
        for (id, no_region) in [
            ("a@b", "b"),
            ("ship@team-a-prod", "team-a-prod"),
            ("ship@", ""),
            ("a@eu-west", "eu-west"),
        ] {
            let named = ImportTarget { no_region: Some(no_region.to_owned()), ..target(id, None) };
            assert_eq!(ImportTarget::by(ImportId::Id(id.to_owned())).unwrap(), named);
        }
    }

    #[test]
    fn an_id_without_a_name_or_with_what_is_no_role_is_refused() {
        for id in ["", "@eu-west-1", "a:b", "ship@arn:aws:iam::1:user/me", "@arn:aws:iam::1:role/a"]
        {
            let error = ImportTarget::by(ImportId::Id(id.to_owned())).unwrap_err();
            assert!(error.detail.contains("NAME@REGION@ROLE_ARN"), "{}", error.detail);
        }
    }

    #[test]
    fn the_identity_follows_a_rename_and_no_change_of_role() {
        let identity = |arguments: &str| {
            let json: serde_json::Value = serde_json::from_str(arguments).unwrap();
            let mut state = serde_json::json!({
                "name": "ship", "region": "eu-west-1", "account_id": "111122223333",
            });
            for (name, value) in json.as_object().unwrap() {
                state[name] = value.clone();
            }
            let source = tfplugin::MoveSource {
                provider_address: String::new(),
                type_name: "logagg_policy".to_owned(),
                schema_version: 0,
                state,
                private: Vec::new(),
            };
            let state: Policy = source.state_of(&crate::policy::schema::schema()).unwrap();
            of(&state).unwrap()
        };
        let named = |name: &str| {
            let account = ("account_id", "111122223333");
            value(&[("filter_name", name), ("region", "eu-west-1"), account])
        };
        assert_eq!(identity("{}"), named("ship"));
        assert_eq!(identity(r#"{"filter_name": "new"}"#), named("new"));
        assert_eq!(identity(r#"{"name": "new"}"#), named("new"));
        let role = format!(
            r#"{{"assume_role": [{{"role_arn": "{ROLE_ARN}", "external_id": null, "session_name": null}}]}}"#
        );
        assert_eq!(identity(&role), named("ship"));
    }

    #[test]
    fn an_identity_is_what_import_takes() {
        let whole = [
            ("filter_name", "ship"),
            ("region", "eu-west-1"),
            ("account_id", "111122223333"),
            ("assume_role_arn", ROLE_ARN),
        ];
        let by = |attributes: &[_]| ImportTarget::by(ImportId::Identity(value(attributes)));
        let expected = ImportTarget {
            account_id: Some("111122223333".to_owned()),
            role: Some(role_block(ROLE_ARN, Attr::Null).unwrap()),
            ..target("ship", Some("eu-west-1"))
        };
        assert_eq!(by(&whole).unwrap(), expected);
        assert_eq!(by(&whole[..1]).unwrap(), target("ship", None));
        for (attributes, why) in [
            (&whole[1..], "filter_name is missing"),
            (&[("filter_name", "ship"), ("region", "")][..], "region is empty"),
            (&[("filter_name", "ship"), ("assume_role_arn", "logs")][..], "\"logs\" is not an ARN"),
        ] {
            let error = by(attributes).unwrap_err();
            assert!(error.detail.contains(why), "{}", error.detail);
        }
    }
}
