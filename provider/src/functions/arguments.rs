use logagg_policy::Document;
use tfplugin::{Convert, FunctionError, Value};

/// An argument of this type.
pub(super) fn argument<T: Convert>(index: usize, value: Option<Value>) -> Result<T, FunctionError> {
    let value = value.unwrap_or(Value::Null);
    T::from_value(value).map_err(|error| FunctionError::of_value(index, &error))
}

/// The first argument, a policy's document.
pub(super) fn document(value: Option<Value>) -> Result<Document, FunctionError> {
    let text: String = argument(0, value)?;
    text.parse().map_err(|error| {
        FunctionError::on(
            0,
            format!("This is not the document of a logagg_policy, such as logagg_policy.NAME.document: {error}"),
        )
    })
}
