use tfplugin::Diagnostic;

use crate::diagnostics;

/// How much a policy may do at once. A plan that goes beyond fails, and so does an apply before
/// its first write; reading and destroying never do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guards {
    pub(crate) max_changes: Option<usize>,
    pub(crate) min_matches: Option<usize>,
}

impl Guards {
    /// Errors where more log groups would be changed, or fewer are chosen, than was thought
    /// possible.
    pub(super) fn check(self, matches: usize, changes: usize) -> Result<(), Diagnostic> {
        match (self.max_changes, self.min_matches) {
            (Some(most), _) if changes > most => Err(diagnostics::too_many_changes(changes, most)),
            (_, Some(least)) if matches < least => {
                Err(diagnostics::too_few_matches(matches, least))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_what_nobody_thought_possible() {
        let guards = Guards { max_changes: Some(10), min_matches: Some(5) };
        assert!(guards.check(5, 10).is_ok());
        assert_eq!(
            guards.check(5, 11).unwrap_err().summary,
            "More changes than max_changes allows"
        );
        assert_eq!(
            guards.check(4, 0).unwrap_err().summary,
            "Fewer log groups than min_matches asks for"
        );
        assert!(Guards::default().check(0, 10_000).is_ok());
    }
}
