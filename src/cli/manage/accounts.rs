//! `tollgate tenant` and `tollgate member`.

use serde_json::{Map, Value, json};

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
        #[command(flatten)]
        deadlines: Deadlines,
    },
    /// Change a tenant's name, suspend it, hold it to its own credentials, or say how it meets deadlines.
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

/// Of these one is needed. A group finds its members by itself, but not those of a group within.
const CHANGES: [&str; 6] = ["name", "byok_only", "suspended", "start_within", "require_start_within", "race"];

#[derive(clap::Args)]
#[group(required = true, multiple = true, args = CHANGES)]
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
    #[command(flatten)]
    deadlines: Deadlines,
}

/// How a tenant's requests meet deadlines.
#[derive(clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Deadlines {
    /// What `start_within` is taken to be where a request does not say: `default`, `priority`, `auto`, or a time
    /// such as `30s`; `configured` for what the configuration says.
    #[arg(long, value_name = "START")]
    start_within: Option<String>,
    /// Whether a request that does not say is refused; `configured` for what the configuration says.
    #[arg(long, value_name = "TRUE|FALSE", value_parser = ["true", "false", CONFIGURED])]
    require_start_within: Option<String>,
    /// What happens to the flex attempt when the standard one starts; `configured` for what the configuration
    /// says.
    #[arg(long, value_parser = ["overlap", "sequential", CONFIGURED])]
    race: Option<String>,
}

/// The word for what the configuration says.
const CONFIGURED: &str = "configured";

impl Deadlines {
    /// The members that were given: the others stay as they are.
    fn body(self) -> Value {
        let Self { start_within, require_start_within, race } = self;
        let require = require_start_within.map(|word| word.parse().map_or(Value::Null, Value::Bool));
        let or_null = |word: String| if word == CONFIGURED { Value::Null } else { word.into() };
        let members = [("start_within", start_within.map(or_null)), ("require", require), ("race", race.map(or_null))];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
    }
}

impl Asks for Tenant {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::List(page) => whole(&["tenants"]).page(&page),
            Self::Show { id } => of(&id, &[]),
            Self::Create { id, name, byok_only, deadlines } => whole(&["tenants"])
                .posts(json!({"id": id, "name": name, "byok_only": byok_only, "deadlines": deadlines.body()})),
            Self::Change { id, to: ChangedTenant { name, byok_only, suspended, deadlines } } => of(&id, &[]).patches(
                json!({"name": name, "byok_only": byok_only, "suspended": suspended, "deadlines": deadlines.body()}),
            ),
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
