//! `tollgate tenant` and `tollgate member`.

use serde_json::json;

use super::{Asks, Page, Question, of, whole};

/// The words of the roles.
pub(in crate::cli) const ROLES: [&str; 4] = ["owner", "admin", "member", "auditor"];

#[derive(clap::Subcommand)]
pub(in crate::cli) enum Tenant {
    /// Print all tenants.
    List(Page),
    /// Print one tenant.
    Show {
        /// Its id.
        id: String,
    },
    /// Make a tenant.
    Create {
        /// Its id: lower-case letters, digits and `-`.
        id: String,
        /// Its name for people; the id where it is left out.
        #[arg(long)]
        name: Option<String>,
        /// Let it use nothing but its own credentials.
        #[arg(long)]
        byok_only: bool,
    },
    /// Change a tenant's name, suspend it, or hold it to its own credentials.
    Change {
        /// Its id.
        id: String,
        #[command(flatten)]
        to: ChangedTenant,
    },
    /// Remove a tenant and all that is its own, for good.
    Remove {
        /// Its id.
        id: String,
    },
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct ChangedTenant {
    /// Its name for people.
    #[arg(long)]
    name: Option<String>,
    /// Whether it may use nothing but its own credentials.
    #[arg(long, value_name = "TRUE|FALSE")]
    byok_only: Option<bool>,
    /// Whether its keys are refused for now.
    #[arg(long, value_name = "TRUE|FALSE")]
    suspended: Option<bool>,
}

impl Asks for Tenant {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::List(page) => whole(&["tenants"]).page(&page),
            Self::Show { id } => of(&id, &[]),
            Self::Create { id, name, byok_only } => {
                whole(&["tenants"]).posts(json!({"id": id, "name": name, "byok_only": byok_only}))
            }
            Self::Change { id, to: ChangedTenant { name, byok_only, suspended } } => {
                of(&id, &[]).patches(json!({"name": name, "byok_only": byok_only, "suspended": suspended}))
            }
            Self::Remove { id } => of(&id, &[]).deletes(),
        })
    }
}

#[derive(clap::Subcommand)]
pub(in crate::cli) enum Member {
    /// Print the members of a tenant.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        page: Page,
    },
    /// Print one member.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The member's id.
        id: String,
    },
    /// Make a member.
    Create {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// Unique within the tenant.
        #[arg(long)]
        email: String,
        /// For people.
        #[arg(long)]
        name: Option<String>,
        /// What it may do; `member` where it is left out.
        #[arg(long, value_parser = ROLES)]
        role: Option<String>,
    },
    /// Change a member.
    Change {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The member's id.
        id: String,
        #[command(flatten)]
        to: ChangedMember,
    },
    /// Remove a member and revoke its keys.
    Remove {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The member's id.
        id: String,
    },
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct ChangedMember {
    /// Unique within the tenant.
    #[arg(long)]
    email: Option<String>,
    /// For people.
    #[arg(long)]
    name: Option<String>,
    /// What it may do. Its management keys that may do more are lowered to it.
    #[arg(long, value_parser = ROLES)]
    role: Option<String>,
}

impl Asks for Member {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::List { tenant, page } => of(&tenant, &["members"]).page(&page),
            Self::Show { tenant, id } => of(&tenant, &["members", &id]),
            Self::Create { tenant, email, name, role } => {
                of(&tenant, &["members"]).posts(json!({"email": email, "name": name, "role": role}))
            }
            Self::Change { tenant, id, to: ChangedMember { email, name, role } } => {
                of(&tenant, &["members", &id]).patches(json!({"email": email, "name": name, "role": role}))
            }
            Self::Remove { tenant, id } => of(&tenant, &["members", &id]).deletes(),
        })
    }
}
