//! What a request is about, and how hard it looks: a task and a complexity, by rules that are data.
//!
//! Pure and bounded: it looks at the end of the conversation only, never at all of a long one. It
//! sends nothing and learns nothing; what will, stands behind the same [`Classify`].

mod classifier;
mod rules;
mod text;

use tollgate_api::{Label, Surface};

pub use classifier::Classifier;
pub use rules::{Rule, RulesError, RulesFile, Where};

/// The rules that come with Tollgate, as YAML.
pub const DEFAULT_RULES: &str = include_str!("../../../conf/classify.yaml");

/// What a classifier may look at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The API the request speaks: the shape of `messages`.
    pub surface: Surface,
    /// The conversation, as the JSON text the client sent.
    pub messages: &'a str,
    /// Whether the request brings tools.
    pub tools: bool,
}

/// Labels requests: by rules today, by a learned model tomorrow.
pub trait Classify: Send + Sync {
    /// The label of a request. It abstains (no task) rather than guesses.
    fn label(&self, input: &Input<'_>) -> Label;
}
