//! What a vendor does with what it is sent. Facts as its own pages state them; `unknown` where none was read.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Date;

/// A vendor's promises about prompts and answers. What is left out is unknown, and unknown promises nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataPolicy {
    /// Whether models are trained on them.
    #[serde(default)]
    pub trains: Trains,
    /// The most days that they are kept; 0 is not at all. Left out: unknown.
    #[serde(default)]
    pub retention_days: Option<u32>,
    /// Whether it can be had that nothing is kept.
    #[serde(default)]
    pub zdr: Zdr,
    /// Where they are processed, if it is one place: `eu`, `us`, `cn`.
    #[serde(default)]
    pub region: Option<String>,
    /// The page that says so, without its scheme.
    #[serde(default)]
    pub source: Option<String>,
    /// The day that page was read.
    #[serde(default)]
    pub checked_on: Option<Date>,
}

/// Whether a vendor trains on what it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trains {
    /// It does, and asks nobody.
    Yes,
    /// It does not, unless a customer asks it to.
    No,
    /// It does, until a customer objects.
    OptOut,
    /// It does not say.
    #[default]
    Unknown,
}

/// Zero data retention: nothing is kept once the answer has been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Zdr {
    /// It is so for everybody.
    Default,
    /// A customer can have it: by a setting, a member of the request, or a contract.
    OnRequest,
    /// It is not to be had.
    None,
    /// It does not say.
    #[default]
    Unknown,
}
