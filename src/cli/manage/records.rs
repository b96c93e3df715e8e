//! `tollgate record` and `tollgate node`, and the audit log as files: they are read beside a gateway that
//! has them open, and never written.

use std::path::PathBuf;

use serde_json::Value;
use tollgate_admin::Books;
use tollgate_audit::Deed;
use tollgate_audit::shelf::Shelf;

use super::{Asks, Question, of, whole};
use crate::records;

#[derive(clap::Subcommand)]
pub(in crate::cli) enum Record {
    /// Print the records of a tenant's requests, the latest first.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// Those before this number.
        #[arg(long, value_name = "SEQ")]
        before: Option<u64>,
        /// How many at most; 100 where it is left out.
        #[arg(long)]
        limit: Option<u32>,
    },
    /// Print the record of one request.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The id of the request, as its answer's header says it.
        id: String,
    },
}

impl Asks for Record {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::List { tenant, before, limit } => {
                of(&tenant, &["records"]).with("before", before).with("limit", limit)
            }
            Self::Show { tenant, id } => of(&tenant, &["records", &id]),
        })
    }
}

#[derive(clap::Subcommand)]
pub(in crate::cli) enum Node {
    /// Print the nodes that share the ledger.
    List,
    /// Count what was lent to a node that is gone for good as spent.
    WriteOff {
        /// Its name.
        node: String,
    },
}

impl Asks for Node {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::List => whole(&["nodes"]),
            Self::WriteOff { node } => Question { method: http::Method::POST, ..whole(&["nodes", &node, "write-off"]) },
        })
    }
}

/// The audit log in a data folder.
pub(super) struct Files {
    pub(super) data: PathBuf,
}

impl Files {
    /// The log of a tenant, where it has one.
    fn shelf(&self, tenant: &str) -> Result<Option<Shelf>, String> {
        let logs = self.data.join("logs");
        if !logs.exists() {
            return Ok(None);
        }
        let log = tollgate_audit::log_of(&self.data, tenant).map_err(|error| error.to_string())?;
        Ok(log.map(|log| Shelf::at(logs.join(log.to_string()))))
    }
}

impl Books for Files {
    fn records(&self, tenant: &str, before: Option<u64>, limit: usize) -> Result<Vec<Value>, String> {
        self.shelf(tenant)?.map_or_else(|| Ok(Vec::new()), |shelf| records::latest(&shelf, before, limit))
    }

    fn record(&self, tenant: &str, id: &str) -> Result<Option<Value>, String> {
        self.shelf(tenant)?.map_or(Ok(None), |shelf| records::one(&shelf, id))
    }

    /// The log has one writer, the gateway: it is asked to write this down, now or when it starts.
    fn act(&self, tenant: Option<&str>, by: &str, what: &str) {
        let note = Deed::Note { by: by.to_owned(), tenant: tenant.map(ToOwned::to_owned), what: what.to_owned() };
        if self.data.join("deployment.json").exists()
            && let Err(error) = tollgate_audit::ask(&self.data, &note)
        {
            tracing::error!(%error, tenant, by, what, "an act of management is not in the audit log");
        }
    }
}
