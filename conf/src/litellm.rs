//! LiteLLM's configuration turned into ours, and what of it could not be turned.
//!
//! It judges nothing that LiteLLM would judge, and repeats no secret: a credential that stands written
//! out becomes the name of an environment variable.

mod bases;
mod bedrock;
mod deployments;
mod ours;
mod prefixes;
mod remedies;
mod settings;
mod source;
mod write;

use std::fmt;
use std::path::Path;

use crate::document::Document;
use crate::problem::Report;
use crate::sources::Sources;
use ours::Ours;
use source::Lite;

/// A configuration made of LiteLLM's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Our file, with what is left as comments at its end. It passes its own check.
    pub yaml: String,
    /// What could not be turned, in the order of the lines.
    pub left: Vec<Left>,
}

/// A member of LiteLLM's file that ours has no place for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// LiteLLM's file, as it was named to us.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The member, such as `router_settings.num_retries`.
    pub path: String,
    /// What to do instead.
    pub remedy: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, path, remedy } = self;
        write!(f, "{file}:{line}: `{path}`: {remedy}")
    }
}

/// Leaves `${NAME}` as it stands: its value is for the gateway to read, not for us.
struct AsWritten;

impl Sources for AsWritten {
    fn variable(&self, name: &str) -> Option<String> {
        Some(format!("${{{name}}}"))
    }

    fn file(&self, _: &Path) -> std::io::Result<String> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// Turns LiteLLM's configuration, the text of the file `name`, into ours.
///
/// # Errors
/// Where the text is not YAML.
pub fn import_litellm(name: &str, text: &str) -> Result<Imported, Report> {
    let document = Document::open(name, text, &AsWritten);
    if document.is_wrong() {
        return Err(Report::of(document.into_problems()).expect("a document that is wrong has a problem"));
    }
    let lite = Lite::new(&document);
    let mut ours = Ours::of(text);
    deployments::take(lite.root(), &mut ours);
    settings::take(lite.root(), &mut ours);
    let left = lite.left(name);
    Ok(Imported { yaml: ours.write(name, &left), left })
}
