//! `tollgate budget`, `limit`, `balance`, `usage` and `statement`.

use anyhow::Context;
use serde_json::{Value, json};
use tollgate_audit::hash::hex;

use super::{Asks, Page, Question, ask, of};
use crate::cli::{ConfigFile, Done};
use crate::gateway::draw;

#[derive(clap::Subcommand)]
pub(in crate::cli) enum Budget {
    /// Print the budgets of a tenant, and where each stands.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        page: Page,
    },
    /// Print one budget, and where it stands.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The budget's id.
        id: String,
    },
    /// Make a budget.
    Create {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// What it covers: `tenant`, `key:ID`, `member:ID` or `tag:TAG`.
        #[arg(long, value_parser = covers)]
        covers: Value,
        /// When it is whole again; never for `total`.
        #[arg(long, value_parser = ["day", "month", "total"])]
        period: String,
        /// US dollars, as in `25.00`.
        #[arg(long)]
        limit: String,
    },
    /// Change the limit of a budget.
    Change {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The budget's id.
        id: String,
        /// US dollars, as in `25.00`.
        #[arg(long)]
        limit: String,
    },
    /// Remove a budget; what was spent stays written down.
    Remove {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The budget's id.
        id: String,
    },
}

fn covers(text: &str) -> Result<Value, String> {
    match text.split_once(':') {
        None if text == "tenant" => Ok(text.into()),
        Some((kind @ ("key" | "member" | "tag"), id)) if !id.is_empty() => Ok(json!({kind: id})),
        _ => Err("write `tenant`, `key:ID`, `member:ID` or `tag:TAG`".to_owned()),
    }
}

impl Asks for Budget {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::List { tenant, page } => of(&tenant, &["budgets"]).page(&page),
            Self::Show { tenant, id } => of(&tenant, &["budgets", &id]),
            Self::Create { tenant, covers, period, limit } => {
                of(&tenant, &["budgets"]).posts(json!({"covers": covers, "period": period, "limit": limit}))
            }
            Self::Change { tenant, id, limit } => of(&tenant, &["budgets", &id]).patches(json!({"limit": limit})),
            Self::Remove { tenant, id } => of(&tenant, &["budgets", &id]).deletes(),
        })
    }
}

#[derive(clap::Subcommand)]
pub(in crate::cli) enum Limit {
    /// Print the limits of a tenant as a whole, or of one of its keys.
    Show(Whose),
    /// Put other limits in place of all there are: what is left out is not limited.
    Set {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        limits: Limits,
    },
}

#[derive(clap::Args)]
pub(in crate::cli) struct Whose {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// One of its keys, by its id.
    #[arg(long)]
    key: Option<String>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Limits {
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u32>,
    #[arg(long, value_name = "N")]
    requests_per_day: Option<u32>,
    #[arg(long, value_name = "N")]
    tokens_per_minute: Option<u64>,
    #[arg(long, value_name = "N")]
    tokens_per_day: Option<u64>,
    #[arg(long, value_name = "N")]
    concurrent_requests: Option<u32>,
}

impl Whose {
    fn limits(&self) -> Question {
        match &self.key {
            None => of(&self.tenant, &["limits"]),
            Some(key) => of(&self.tenant, &["keys", key, "limits"]),
        }
    }
}

impl Asks for Limit {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::Show(whose) => whose.limits(),
            Self::Set { whose, limits } => {
                let Limits {
                    requests_per_minute,
                    requests_per_day,
                    tokens_per_minute,
                    tokens_per_day,
                    concurrent_requests,
                } = limits;
                whose.limits().puts(json!({
                    "requests_per_minute": requests_per_minute,
                    "requests_per_day": requests_per_day,
                    "tokens_per_minute": tokens_per_minute,
                    "tokens_per_day": tokens_per_day,
                    "concurrent_requests": concurrent_requests,
                }))
            }
        })
    }
}

/// The words of the balances.
const KINDS: [&str; 2] = ["managed", "byok"];

#[derive(clap::Subcommand)]
pub(in crate::cli) enum Balance {
    /// Print the prepaid balances of a tenant.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: String,
    },
    /// Print what was paid into a balance, the earliest first.
    TopUps {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// Which balance.
        #[arg(long, value_parser = KINDS)]
        kind: String,
        #[command(flatten)]
        page: Page,
    },
    /// Pay into a balance.
    TopUp {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// Which balance.
        #[arg(long, value_parser = KINDS)]
        kind: String,
        /// US dollars, as in `100.00`; negative for a correction.
        #[arg(long, allow_hyphen_values = true)]
        amount: String,
        /// Why, for people.
        #[arg(long)]
        note: Option<String>,
        /// What makes saying it twice count once; drawn where it is left out.
        #[arg(long)]
        idempotency_key: Option<String>,
    },
}

impl Asks for Balance {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::Show { tenant } => of(&tenant, &["balances"]),
            Self::TopUps { tenant, kind, page } => of(&tenant, &["balances", &kind, "top-ups"]).page(&page),
            Self::TopUp { tenant, kind, amount, note, idempotency_key } => {
                let drawn = || draw::<16>().map(|bytes| hex(&bytes)).context("the system gives no randomness");
                let told = idempotency_key.map_or_else(drawn, Ok)?;
                let body = json!({"amount": amount, "idempotency_key": told, "note": note});
                of(&tenant, &["balances", &kind, "top-ups"]).posts(body)
            }
        })
    }
}

#[derive(clap::Args)]
pub(in crate::cli) struct Usage {
    #[command(flatten)]
    file: ConfigFile,
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// The first day (UTC), as in `2026-11-01`.
    #[arg(long)]
    from: String,
    /// The last day (UTC).
    #[arg(long)]
    to: String,
    /// Only this key, by its id.
    #[arg(long)]
    key: Option<String>,
}

impl Usage {
    pub(in crate::cli) fn run(self) -> Done {
        let Self { file, tenant, from, to, key } = self;
        ask(&file.config, &of(&tenant, &["usage"]).with("from", Some(from)).with("to", Some(to)).with("key", key))
    }
}

#[derive(clap::Args)]
pub(in crate::cli) struct Statement {
    #[command(flatten)]
    file: ConfigFile,
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// The month (UTC), as in `2026-11`.
    #[arg(long)]
    month: String,
}

impl Statement {
    pub(in crate::cli) fn run(self) -> Done {
        ask(&self.file.config, &of(&self.tenant, &["statements", &self.month]))
    }
}
