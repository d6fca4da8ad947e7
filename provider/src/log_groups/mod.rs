//! `logagg_log_groups`: which log groups there are, for previews, `check` blocks and `for_each`.

mod model;
mod read;
mod schema;

use tfplugin::{Context, DataSource, Diagnostics, Schema};

use crate::connection::Client;
use crate::{diagnostics, selection};
use model::LogGroups;

/// The data source `logagg_log_groups`.
pub(crate) struct LogGroupsData;

impl DataSource for LogGroupsData {
    type Client = Client;
    type State = LogGroups;

    fn type_name(&self) -> &'static str {
        "logagg_log_groups"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &LogGroups, diagnostics: &mut Diagnostics) {
        let nothing = config.select.known().is_some_and(Vec::is_empty);
        if nothing || config.select.is_null() {
            diagnostics.push(diagnostics::no_preview_selection());
        }
        selection::validate("select", &config.select, diagnostics);
        selection::validate("exclude", &config.exclude, diagnostics);
    }

    async fn read(&self, cx: &Context<Client>, config: LogGroups) -> Option<LogGroups> {
        if Client::defer_if_unknown(cx) {
            return None;
        }
        match read::read(cx, config).await {
            Ok(read) => Some(read),
            Err(diagnostic) => {
                cx.report(diagnostic);
                None
            }
        }
    }
}
