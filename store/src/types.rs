//! What is stored of accounts, in the shape the management API shows it. It knows no SQL.
//!
//! Ids are made by the store; times are milliseconds since 1970; money is nano-dollars in text form
//! (`12.5`) on the wire and an integer in the database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_api::{RaceMode, StartWithin};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// Who may see what. Every query takes one: what lies outside does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The operator of the box: everything.
    Operator,
    /// One tenant.
    Tenant(String),
}

impl Scope {
    /// Whether this tenant's things exist for it.
    #[must_use]
    pub fn sees(&self, tenant: &str) -> bool {
        match self {
            Self::Operator => true,
            Self::Tenant(own) => own == tenant,
        }
    }
}

/// An isolated customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its name in ids, logs and paths: lower-case letters, digits and `-`, at most 63.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whether its keys are refused for now.
    pub suspended: bool,
    /// Whether only its own credentials may be used, never the operator's.
    pub byok_only: bool,
    /// Limits of the tenant as a whole.
    pub limits: Limits,
    /// How its requests meet deadlines.
    pub deadlines: Deadlines,
    /// When it was made.
    pub created_ms: i64,
}

/// A person of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Its id, `mem_…`.
    pub id: String,
    /// Whose.
    pub tenant: String,
    /// Unique within the tenant.
    pub email: String,
    /// For people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_ms: i64,
}

/// What someone may do with a tenant's things. Each role may do all that the ones below it may, but an
/// auditor and a member differ: an auditor reads everything and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, other owners included.
    Owner,
    /// Everything but owners and the tenant itself.
    Admin,
    /// Its own keys and usage.
    Member,
    /// Reads everything, changes nothing.
    Auditor,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Calls models.
    Inference,
    /// Manages.
    Management,
}

/// A key at rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its public id: the eight characters after the prefix.
    pub id: String,
    /// The id of the first key of its line: its own where it was made anew, the old key's root where it came
    /// of a rotation. Budgets of a key are held by its root.
    pub root: String,
    /// Whose; `null` for the operator's management keys.
    pub tenant: Option<String>,
    /// What it is for.
    pub kind: KeyKind,
    /// For people.
    pub name: String,
    /// The member it belongs to.
    pub member: Option<String>,
    /// What a management key may do.
    pub role: Role,
    /// The stored form of its secret. Never shown.
    #[serde(skip)]
    pub hash: String,
    /// What it is bound to.
    pub bindings: Bindings,
    /// Its own limits.
    pub limits: Limits,
    /// When it was made.
    pub created_ms: i64,
    /// When it stops working.
    pub expires_ms: Option<i64>,
    /// When it was taken back.
    pub revoked_ms: Option<i64>,
}

/// What a key is bound to. `null` binds it to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bindings {
    /// Public model names it may ask for, `*` as a wildcard.
    pub models: Option<Vec<String>>,
    /// Providers its requests may go to.
    pub providers: Option<Vec<String>>,
    /// Networks it may come from, in CIDR notation.
    pub ips: Option<Vec<String>>,
    /// Tags that each of its requests carries.
    pub tags: Vec<String>,
}

/// Limits on rates; `null` is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests in a minute.
    pub requests_per_minute: Option<u32>,
    /// Requests in a day (UTC).
    pub requests_per_day: Option<u32>,
    /// Tokens in a minute, prompts and answers together.
    pub tokens_per_minute: Option<u64>,
    /// Tokens in a day (UTC).
    pub tokens_per_day: Option<u64>,
    /// Requests open at once.
    pub concurrent_requests: Option<u32>,
}

/// How a tenant's requests meet deadlines. What is not there is as the gateway's configuration says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deadlines {
    /// What `start_within` is taken to be where a request does not say: `default`, `priority`, `auto`, or a time
    /// such as `30s`.
    #[serde(default, with = "crate::start", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "30s")]
    pub start_within: Option<StartWithin>,
    /// Whether a request that does not say is refused, where no `start_within` is set here or configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<bool>,
    /// What happens to the flex attempt when the standard one starts: `overlap` lets both go on, `sequential`
    /// cancels it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = race)]
    pub race: Option<RaceMode>,
}

/// Its words, for the description of the API.
fn race() -> Schema {
    let words = [RaceMode::Overlap, RaceMode::Sequential].map(|race| Some(race.as_str()));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(
            "What happens to the flex attempt when the standard one starts: `overlap` lets both go on, `sequential` \
             cancels it first.",
        ))
        .enum_values(Some(words.into_iter().chain([None])))
        .into()
}

/// A vendor's secret, sealed. A tenant has at most one for each provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    /// Its id, `crd_…`.
    pub id: String,
    /// Whose own it is.
    pub tenant: String,
    /// Which provider it is for, as configuration names it.
    pub provider: String,
    /// For people.
    pub name: String,
    /// Where it is sent, in place of the provider's own base URL.
    pub base_url: Option<String>,
    /// The last four characters, to recognise it by.
    pub hint: String,
    /// Sealed by the vault. Never shown.
    #[serde(skip)]
    pub sealed: Vec<u8>,
    /// Counts changes; bound into the seal.
    pub version: i64,
    /// When it was made.
    pub created_ms: i64,
}

/// What a budget covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// The tenant as a whole.
    Tenant,
    /// A key and all that it was rotated to, by the id of the first of them.
    Key(String),
    /// One member's keys, by the member's id.
    Member(String),
    /// Requests with this tag.
    Tag(String),
}

/// After which time a budget is whole again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Each day, UTC.
    Day,
    /// Each month, UTC.
    Month,
    /// Never.
    Total,
}

/// A limit on money. It is hard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// Its id, `bud_…`; also its account in the ledger.
    pub id: String,
    /// Whose.
    pub tenant: String,
    /// What it covers.
    pub covers: Covers,
    /// When it is whole again.
    pub period: Period,
    /// US dollars, as a decimal text on the wire.
    #[serde(with = "crate::money")]
    #[schema(value_type = String, example = "25.00")]
    pub limit: i64,
    /// Whether the operator made it: then only the operator changes or removes it.
    pub by_operator: bool,
    /// When it was made.
    pub created_ms: i64,
}

/// Where an account stands in its present window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// When the window began, seconds since 1970; 0 for one that never ends.
    pub window: i64,
    /// US dollars it holds.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub limit: i64,
    /// US dollars spent and written down.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub settled: i64,
    /// US dollars handed to nodes and not yet spent.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub leased: i64,
}

/// Which of a tenant's two prepaid balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BalanceKind {
    /// Pays for requests with the operator's credentials: cost and fee.
    Managed,
    /// Pays the fee of requests with the tenant's own.
    Byok,
}

/// A prepaid balance. A tenant that never topped one up has none, and is not held to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// Its account in the ledger, `bal_<kind>_<tenant>`.
    pub id: String,
    /// Whose.
    pub tenant: String,
    /// Which.
    pub kind: BalanceKind,
    /// US dollars paid in, all top-ups together.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub credited: i64,
    /// Where it stands.
    pub standing: Standing,
}

/// What was used in one day by one key with one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// The day, `2026-11-21`.
    pub day: String,
    /// Whose.
    pub tenant: String,
    /// The public id of the key.
    pub key: String,
    /// The public model, `-` where none was known.
    pub model: String,
    /// How many requests.
    pub requests: i64,
    /// Tokens of prompts.
    pub input: i64,
    /// Tokens of answers.
    pub output: i64,
    /// US dollars that vendors ask.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub cost: i64,
    /// US dollars of fees.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub fee: i64,
    /// The part of the cost that vendors ask the tenant itself for: its own credentials were used.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub own_cost: i64,
}

/// One payment into a balance, or a correction of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopUp {
    /// Its id, `top_…`; later ones sort after earlier ones.
    pub id: String,
    /// Whose.
    pub tenant: String,
    /// Which balance.
    pub kind: BalanceKind,
    /// US dollars; negative for a correction.
    #[serde(with = "crate::money")]
    #[schema(value_type = String, example = "100.00")]
    pub amount: i64,
    /// Why, for people.
    pub note: String,
    /// What makes saying it twice count once.
    pub idempotency_key: String,
    /// When it was booked.
    pub created_ms: i64,
}

/// What was used, summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sum {
    /// How many requests.
    pub requests: i64,
    /// Tokens of prompts.
    pub input: i64,
    /// Tokens of answers.
    pub output: i64,
    /// US dollars that vendors ask.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub cost: i64,
    /// US dollars of fees.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub fee: i64,
    /// The part of the cost that vendors ask the tenant itself for: its own credentials were used.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub own_cost: i64,
}

/// What a tenant used in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// Whose.
    pub tenant: String,
    /// The month, `2026-11`.
    pub month: String,
    /// By public model.
    pub models: BTreeMap<String, Sum>,
    /// All models together.
    pub total: Sum,
    /// US dollars that the tenant owes the operator: fees, and what was not its own cost.
    #[serde(with = "crate::money")]
    #[schema(value_type = String)]
    pub due: i64,
}

/// One row of the change feed: something a node's snapshot must take up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Rises with each change, in the order of commits.
    pub seq: i64,
    /// What changed.
    pub what: Changed,
    /// Its id.
    pub id: String,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Changed {
    /// A tenant, its limits, or that it is gone.
    Tenant,
    /// A key.
    Key,
    /// A member.
    Member,
    /// A credential.
    Credential,
    /// A budget.
    Budget,
    /// A balance.
    Balance,
}
