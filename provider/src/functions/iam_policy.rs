use std::collections::BTreeSet;
use std::str::FromStr;

use logagg_policy::{Feature, Phase, UnknownText};
use tfplugin::{Convert, Function, FunctionError, Parameter, Signature, Type, Value};

use super::arguments::{argument, document};

/// `provider::logagg::iam_policy`.
pub(super) struct IamPolicy;

impl Function for IamPolicy {
    fn name(&self) -> &'static str {
        "iam_policy"
    }

    fn signature(&self) -> Signature {
        Signature::new(
            Type::String,
            "The IAM policy that a log aggregation policy needs",
            "Returns, as JSON, the IAM policy that credentials need to plan or apply a `logagg_policy`: \
             the actions that its arguments need, on the log groups that it can select and on its \
             destination.",
        )
        .parameter(Parameter::new(
            "document",
            Type::String,
            "The policy: `logagg_policy.NAME.document`.",
        ))
        .parameter(Parameter::new(
            "phase",
            Type::String,
            "`plan` to refresh and plan, or `apply` to apply and destroy as well.",
        ))
        .variadic(Parameter::new(
            "features",
            Type::String,
            "Arguments that are not in the document: `grant_invoke`, `incremental_refresh`.",
        ))
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let mut arguments = arguments.into_iter();
        let document = document(arguments.next())?;
        let phase: Phase = word(1, arguments.next())?;
        let mut features = BTreeSet::new();
        for (index, feature) in (2..).zip(arguments) {
            features.insert(word::<Feature>(index, Some(feature))?);
        }
        Ok(document.iam_policy(phase, &features).into_value())
    }
}

/// An argument that is one of a few words.
fn word<T: FromStr<Err = UnknownText>>(
    index: usize,
    value: Option<Value>,
) -> Result<T, FunctionError> {
    let text: String = argument(index, value)?;
    text.parse().map_err(|error| FunctionError::on(index, format!("{error}.")))
}
