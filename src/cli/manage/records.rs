//! `tollgate record` and `tollgate node`, and the audit log as files: they are read beside a gateway that
//! has them open, and never written.

use std::path::PathBuf;

use serde_json::Value;
use tollgate_admin::Books;
use tollgate_audit::shelf::Shelf;

use super::{Asks, Question, of, whole};
use crate::audit_pages::request_id;

/// Records read at once to find those of requests among the leaves.
const LEAVES_MAX: u64 = 4096;

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

/// The records of these numbers, in their order.
fn read(shelf: &Shelf, from: u64, to: u64) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    let read = shelf.each_request(from, to, &mut |seq, record| {
        if let Ok(mut value) = serde_json::to_value(record) {
            value["seq"] = seq.into();
            found.push(value);
        }
    });
    read.map(|()| found).map_err(|error| error.to_string())
}

impl Books for Files {
    fn records(&self, tenant: &str, before: Option<u64>, limit: usize) -> Result<Vec<Value>, String> {
        let Some(shelf) = self.shelf(tenant)? else { return Ok(Vec::new()) };
        let mut end = shelf.signed().map_err(|error| error.to_string())?.min(before.unwrap_or(u64::MAX));
        let mut found = Vec::new();
        while end > 0 && found.len() < limit {
            let begin = end.saturating_sub(LEAVES_MAX);
            found.extend(read(&shelf, begin, end)?.into_iter().rev());
            end = begin;
        }
        found.truncate(limit);
        Ok(found)
    }

    fn record(&self, tenant: &str, id: &str) -> Result<Option<Value>, String> {
        let (Some(shelf), Some(request)) = (self.shelf(tenant)?, request_id(id)) else { return Ok(None) };
        let size = shelf.signed().map_err(|error| error.to_string())?;
        let Some(seq) = shelf.find(&request, size).map_err(|error| error.to_string())? else { return Ok(None) };
        Ok(read(&shelf, seq, seq + 1)?.pop())
    }

    /// The log has one writer, the gateway: all that is left is to say it.
    fn act(&self, tenant: Option<&str>, by: &str, what: &str) {
        tracing::info!(tenant, by, what, "changed from the command line, which the audit log does not hold");
    }
}
