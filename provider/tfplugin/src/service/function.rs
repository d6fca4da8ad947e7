//! Functions.

use std::collections::HashMap;

use crate::function::{Function, FunctionError, Parameter, Signature};
use crate::proto::tfplugin5 as wire;
use crate::provider::Provider;
use crate::service::{Service, guard};
use crate::value::Value;
use crate::wire as to_wire;

impl<P: Provider> Service<P> {
    pub(super) async fn get_functions(
        &self,
        _: wire::get_functions::Request,
    ) -> wire::get_functions::Response {
        wire::get_functions::Response { functions: self.functions(), diagnostics: Vec::new() }
    }

    pub(super) async fn call_function(
        &self,
        request: wire::call_function::Request,
    ) -> wire::call_function::Response {
        let called = guard::call(|| Ok(self.called(&request.name, request.arguments)));
        let outcome = called.unwrap_or_else(|panic| Err(FunctionError::whole(panic.detail)));
        match outcome {
            Ok(result) => wire::call_function::Response { result: Some(result), error: None },
            Err(FunctionError { text, argument }) => wire::call_function::Response {
                result: None,
                error: Some(wire::FunctionError {
                    text,
                    function_argument: argument.and_then(|index| i64::try_from(index).ok()),
                }),
            },
        }
    }

    /// The signatures by name.
    pub(super) fn functions(&self) -> HashMap<String, wire::Function> {
        let functions = self.provider.functions().into_iter();
        functions.map(|function| (function.name().to_owned(), of(&function.signature()))).collect()
    }

    fn called(
        &self,
        name: &str,
        arguments: Vec<wire::DynamicValue>,
    ) -> Result<wire::DynamicValue, FunctionError> {
        let functions = self.provider.functions();
        let function = functions.iter().find(|function| function.name() == name);
        let function: &dyn Function = match function {
            Some(function) => function.as_ref(),
            None => {
                let text = format!("This version of the provider has no function named {name}.");
                return Err(FunctionError::whole(text));
            }
        };
        let signature = function.signature();
        if arguments.len() < signature.parameters.len() {
            return Err(FunctionError::whole("There are too few arguments."));
        }
        let value = |(index, argument)| -> Result<Value, FunctionError> {
            let parameter = signature.parameter_at(index);
            let parameter = parameter.ok_or_else(|| FunctionError::on(index, "One too many."))?;
            to_wire::value(Some(argument), &parameter.kind)
                .map_err(|error| FunctionError::of_value(index, &error))
        };
        let arguments = arguments.into_iter().enumerate().map(value);
        let result = function.call(arguments.collect::<Result<_, _>>()?)?;
        to_wire::dynamic(&result, &signature.result)
            .map_err(|error| FunctionError::whole(error.to_string()))
    }
}

fn of(signature: &Signature) -> wire::Function {
    let parameter = |parameter: &Parameter| wire::function::Parameter {
        name: parameter.name.to_owned(),
        r#type: parameter.kind.to_bytes(),
        allow_null_value: false,
        allow_unknown_values: false,
        description: parameter.description.to_owned(),
        description_kind: wire::StringKind::Markdown.into(),
    };
    wire::Function {
        parameters: signature.parameters.iter().map(parameter).collect(),
        variadic_parameter: signature.variadic.as_ref().map(parameter),
        r#return: Some(wire::function::Return { r#type: signature.result.to_bytes() }),
        summary: signature.summary.to_owned(),
        description: signature.description.to_owned(),
        description_kind: wire::StringKind::Markdown.into(),
        deprecation_message: String::new(),
    }
}
