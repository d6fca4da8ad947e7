//! The provider's functions. Both are pure, and work on `logagg_policy.NAME.document`.

mod arguments;
mod iam_policy;
mod selects;

use tfplugin::Function;

/// All of them.
pub(crate) fn functions() -> Vec<Box<dyn Function>> {
    vec![Box::new(iam_policy::IamPolicy), Box::new(selects::Selects)]
}
