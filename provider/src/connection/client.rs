use std::sync::Arc;

use tfplugin::{Attr, AttributePath, Context, Convert, Deferral, Diagnostic};

use super::role::RoleBlock;
use crate::aws::{Account, Accounts};
use crate::diagnostics;

/// What the resources are given: a way to AWS, or none yet.
#[derive(Debug)]
pub(crate) enum Client {
    /// Something of the way to AWS is only known at apply: nothing may be called before.
    Unknown,
    Known(Box<Accounts>),
}

impl Client {
    /// The account in which a resource or data source works, given its `assume_role` blocks: that
    /// of the role, or that of the provider block. None while the provider block or the role is
    /// not known. Calls nothing.
    ///
    /// # Errors
    /// When the provider block keeps the account out.
    pub(crate) fn account_for(
        cx: &Context<Self>,
        assume_role: &Attr<Vec<RoleBlock>>,
    ) -> Result<Option<Arc<Account>>, Diagnostic> {
        let Self::Known(pool) = cx.client() else { return Ok(None) };
        if !assume_role.clone().into_value().is_wholly_known() {
            return Ok(None);
        }
        let block = assume_role.known().and_then(|blocks| blocks.first());
        let role = block.cloned().and_then(RoleBlock::role);
        pool.account_for(role).map(Some).map_err(|error| {
            let path = AttributePath::root("assume_role").index(0).attribute("role_arn");
            diagnostics::forbidden_role(&error).on(path)
        })
    }

    /// Puts the object off if the provider block is not known. Returns whether it is put off, which
    /// Terraform has to allow.
    pub(crate) fn defer_if_unknown(cx: &Context<Self>) -> bool {
        matches!(cx.client(), Self::Unknown) && cx.defer(Deferral::ProviderConfigUnknown)
    }

    /// The same for what has to be done now.
    ///
    /// # Errors
    /// When the account is not known, or is kept out.
    pub(crate) fn account_to_work_in(
        cx: &Context<Self>,
        assume_role: &Attr<Vec<RoleBlock>>,
    ) -> Result<Arc<Account>, Diagnostic> {
        Self::account_for(cx, assume_role)?.ok_or_else(diagnostics::not_configured)
    }
}
