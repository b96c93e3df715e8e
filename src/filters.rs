//! The filters a binary knows, by name. Which of them run, and where, is configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_api::{BuildError, Filter, erase};

use crate::chain::Build;

/// The filters that configuration may name.
///
/// A binary with a filter of your own is
/// `fn main() -> std::process::ExitCode { tollgate::run(tollgate::Filters::builtin().with::<MyFilter>()) }`.
#[derive(Clone, Default)]
pub struct Filters {
    known: BTreeMap<&'static str, Build>,
}

impl Filters {
    /// The filters that come with Tollgate.
    #[must_use]
    pub fn builtin() -> Self {
        Self::default().with::<tollgate_sample::Tag>()
    }

    /// Adds a filter under its [`Filter::NAME`]; a later one of the same name wins.
    #[must_use]
    pub fn with<F: Filter>(mut self) -> Self {
        self.known.insert(
            F::NAME,
            Arc::new(|conf| {
                let conf: F::Conf = serde_json::from_value(conf).map_err(|e| BuildError(e.to_string()))?;
                Ok(erase(F::build(conf)?))
            }),
        );
        self
    }

    /// How to build the filter of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Build> {
        self.known.get(name)
    }

    /// The names, for the error message.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.known.keys().copied()
    }
}
