//! Environment variables and files that exist only in a test.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use tollgate_conf::Sources;

/// A stored hash of the right shape.
pub(crate) const HASH: &str =
    "sha256:00000000000000000000000000000000:0000000000000000000000000000000000000000000000000000000000000000";

/// Variables and files.
#[derive(Default)]
pub(crate) struct World {
    variables: HashMap<String, String>,
    files: HashMap<PathBuf, String>,
}

impl World {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }
}

impl Sources for World {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
