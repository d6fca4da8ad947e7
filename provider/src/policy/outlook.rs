use logagg_policy::Standing;
use tfplugin::{Context, Diagnostic};

use super::guards::Guards;
use crate::diagnostics;
use crate::provider::Client;

/// What a plan amounts to: how many log groups it chooses and changes, and what it makes
/// CloudWatch Logs delete.
#[derive(Debug)]
pub(super) struct Outlook {
    guards: Guards,
    matches: usize,
    changes: usize,
    shortened: usize,
    shortened_bytes: u64,
}

/// One chosen log group in a plan.
#[derive(Debug)]
pub(super) struct Prospect {
    pub(super) is: Standing,
    pub(super) due: Standing,
    pub(super) stored_bytes: u64,
    /// Whether its filter is put again although the group stands as it should.
    pub(super) touched: bool,
}

impl Outlook {
    pub(super) fn new(guards: Guards) -> Self {
        Self { guards, matches: 0, changes: 0, shortened: 0, shortened_bytes: 0 }
    }

    pub(super) fn chosen(&mut self, prospect: Prospect) {
        let Prospect { is, due, stored_bytes, touched } = prospect;
        self.matches += 1;
        self.changes += usize::from(touched || is != due);
        // An empty group, as a new one is, loses nothing.
        if due.retention < is.retention && stored_bytes > 0 {
            self.shortened += 1;
            self.shortened_bytes += stored_bytes;
        }
    }

    /// A log group that the policy lets go.
    pub(super) fn left(&mut self, is: &Standing) {
        self.changes += usize::from(is.subscription.is_some());
    }

    /// Warns of events that will be deleted, and fails the plan where it goes too far.
    pub(super) fn tell(&self, cx: &Context<Client>) {
        if self.shortened > 0 {
            cx.report(diagnostics::shortened(self.shortened, self.shortened_bytes));
        }
        self.problem().into_iter().for_each(|problem| cx.report(problem));
    }

    /// What the guards have against it.
    pub(super) fn problem(&self) -> Option<Diagnostic> {
        self.guards.check(self.matches, self.changes).err()
    }
}
