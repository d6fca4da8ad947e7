use crate::proto::tfplugin5 as wire;
use crate::proto::tfplugin5::deferred::Reason;

/// Why an object cannot be read, planned or imported yet. Where Terraform allows it, it is put off
/// to a later run in place of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deferral {
    /// The configuration of the object is not known.
    ResourceConfigUnknown,
    /// The configuration of the provider is not known.
    ProviderConfigUnknown,
    /// Something that it depends on is not there.
    AbsentPrerequisite,
}

impl Deferral {
    pub(crate) fn to_wire(self) -> wire::Deferred {
        let reason = match self {
            Self::ResourceConfigUnknown => Reason::ResourceConfigUnknown,
            Self::ProviderConfigUnknown => Reason::ProviderConfigUnknown,
            Self::AbsentPrerequisite => Reason::AbsentPrereq,
        };
        wire::Deferred { reason: reason.into() }
    }
}
