use std::collections::BTreeMap;

use logagg_policy::{LogGroupClass, Tags, check_log_group_name};
use tfplugin::{Convert, Function, FunctionError, Parameter, Signature, Type, Value};

use super::arguments::{argument, document};

/// `provider::logagg::selects`.
pub(super) struct Selects;

impl Function for Selects {
    fn name(&self) -> &'static str {
        "selects"
    }

    fn signature(&self) -> Signature {
        Signature::new(
            Type::Bool,
            "Whether a log aggregation policy selects a log group",
            "Returns whether a `logagg_policy` selects a log group of class `STANDARD` with this name \
             and these tags, whether or not it exists. A selected log group can be left out for other \
             reasons, such as a loop.",
        )
        .parameter(Parameter::new(
            "document",
            Type::String,
            "The policy: `logagg_policy.NAME.document`.",
        ))
        .parameter(Parameter::new("log_group", Type::String, "Name of the log group."))
        .variadic(Parameter::new(
            "tags",
            Type::map(Type::String),
            "Tags of the log group; several maps are merged. Without them it has none.",
        ))
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let mut arguments = arguments.into_iter();
        let document = document(arguments.next())?;
        let log_group: String = argument(1, arguments.next())?;
        check_log_group_name(&log_group)
            .map_err(|error| FunctionError::on(1, format!("{error}.")))?;
        let mut tags = Tags::new();
        for (index, more) in (2..).zip(arguments) {
            tags.extend(argument::<BTreeMap<String, String>>(index, Some(more))?);
        }
        let selects = document.selection.chooses(&log_group, &LogGroupClass::Standard, &tags);
        Ok(selects.into_value())
    }
}
