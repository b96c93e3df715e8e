//! The YAML's types: what a rule may look at, and what it says.

use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;
use tollgate_api::Task;

/// A file of rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesFile {
    /// The task where no rule speaks; left out: unsure.
    #[serde(default)]
    pub otherwise: Option<Task>,
    /// How many points the best task must lead by; with fewer the label is unsure.
    #[serde(default)]
    pub lead: u32,
    /// How many points of complexity make a request complex.
    pub complex_at: i32,
    /// The rules. Their order does not matter, except among equals: the first counts.
    pub rules: Vec<Rule>,
}

/// One rule. Every condition that is given must hold; of `words`, one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in headers, the log and `explain`.
    pub name: String,
    /// The task it speaks for.
    #[serde(default)]
    pub task: Option<Task>,
    /// How many points it gives to its task.
    #[serde(default = "two")]
    pub points: u32,
    /// Points towards complex; below zero, towards simple.
    #[serde(default)]
    pub complexity: i32,
    /// Words and phrases, whatever their case; at the borders of words only.
    #[serde(default)]
    pub words: Vec<String>,
    /// A regular expression.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Where words and pattern are looked for.
    #[serde(default, rename = "in")]
    pub place: Where,
    /// The last user message has more characters than this.
    #[serde(default)]
    pub longer_than: Option<u32>,
    /// The last user message has fewer characters than this.
    #[serde(default)]
    pub shorter_than: Option<u32>,
    /// The conversation has more messages than this.
    #[serde(default)]
    pub messages_over: Option<u32>,
    /// The request brings tools, or does not.
    #[serde(default)]
    pub tools: Option<bool>,
    /// The last user message brings images, or does not.
    #[serde(default)]
    pub images: Option<bool>,
}

fn two() -> u32 {
    2
}

/// A part of the last user message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// Its beginning and its end: where people say what they want.
    #[default]
    Instruction,
    /// Its first words only.
    Beginning,
    /// All of it, as far as it is read.
    Anywhere,
}

/// Rules that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RulesError {
    /// Two rules share a name.
    #[error("two rules are named `{0}`: give one another name")]
    Duplicate(String),
    /// A pattern is not a regular expression, or too large.
    #[error("the pattern of rule `{name}` cannot be used: {why}")]
    Pattern {
        /// The rule.
        name: String,
        /// What the expression engine says.
        why: String,
    },
    /// A word without a letter matches nothing.
    #[error("rule `{0}` has an empty word: remove it")]
    EmptyWord(String),
    /// All words together make too large an automaton.
    #[error("the words of all rules are too many: {0}")]
    Words(String),
}
