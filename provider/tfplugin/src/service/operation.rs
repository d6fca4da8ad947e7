//! Values on their way between Terraform and a resource.

use crate::convert::ValueError;
use crate::diagnostic::Diagnostic;
use crate::erased::{Outcome, RawStored};
use crate::proto::tfplugin5 as wire;
use crate::service::registry::Description;
use crate::value::Value;
use crate::wire as to_wire;

/// What is kept of an object, ready to be sent.
pub(super) struct Encoded {
    pub(super) state: wire::DynamicValue,
    pub(super) private: Vec<u8>,
    pub(super) identity: Option<wire::ResourceIdentityData>,
}

impl Description {
    /// Reads a value of the schema's type. `what` it is goes into the error.
    pub(super) fn decode(
        &self,
        what: &str,
        value: Option<wire::DynamicValue>,
    ) -> Result<Value, Diagnostic> {
        to_wire::value(value, &self.kind)
            .map_err(|error| error.into_diagnostic(&format!("The {what} cannot be read")))
    }

    /// Reads state with the private bytes beside it; None where there is no object.
    pub(super) fn decode_stored(
        &self,
        what: &str,
        state: Option<wire::DynamicValue>,
        private: Vec<u8>,
    ) -> Result<Option<RawStored>, Diagnostic> {
        let state = self.decode(what, state)?;
        Ok((!state.is_null()).then_some(RawStored { state, private }))
    }

    /// Writes a value of the schema's type, without what may be in no plan and no state.
    pub(super) fn encode(&self, state: Value) -> Result<wire::DynamicValue, Diagnostic> {
        let state = self.schema.block().without_write_only(state);
        to_wire::dynamic(&state, &self.kind).map_err(|error| unfit("state", error))
    }

    pub(super) fn encode_outcome(&self, outcome: Outcome) -> Result<Encoded, Diagnostic> {
        let identity = self.encode_identity(outcome.identity)?;
        Ok(Encoded { state: self.encode(outcome.state)?, private: outcome.private, identity })
    }

    pub(super) fn encode_identity(
        &self,
        identity: Option<Value>,
    ) -> Result<Option<wire::ResourceIdentityData>, Diagnostic> {
        let (Some((_, kind)), Some(identity)) = (&self.identity, identity) else { return Ok(None) };
        let data = to_wire::dynamic(&identity, kind).map_err(|error| unfit("identity", error))?;
        Ok(Some(wire::ResourceIdentityData { identity_data: Some(data) }))
    }

    /// No object.
    pub(super) fn nothing(&self) -> Result<wire::DynamicValue, Diagnostic> {
        self.encode(Value::Null)
    }
}

fn unfit(what: &str, error: ValueError) -> Diagnostic {
    let mut diagnostic = error.into_diagnostic(&format!("The provider's {what} is wrong"));
    diagnostic.detail.push_str(&format!(
        "\n\nThe {what} that the provider returned does not have the type its schema says. This is \
         a bug in the provider."
    ));
    diagnostic
}
