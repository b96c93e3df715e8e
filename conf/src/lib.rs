//! Tollgate's configuration: a YAML file in, a checked [`Config`] or every mistake in it out.
//!
//! It opens no socket and starts nothing; files and environment come in through [`Sources`].
//!
//! The way of a file: `tree` reads the YAML, `read` makes the structs of `file` of it, `check` looks
//! every name up and makes the [`Config`]. None of them stops at the first mistake.

mod base_url;
mod check;
mod checked;
mod defaults;
mod document;
mod fault;
mod file;
mod init;
mod interpolate;
mod litellm;
mod located;
mod mask;
mod matching;
mod problem;
mod quantity;
mod read;
mod reference;
mod restart;
mod schema;
mod sources;
mod tree;

use std::path::Path;

pub use checked::{
    Audit, AuditMode, BaseUrl, Budgets, Config, Deadlines, Endpoint, Fees, FilterEntry, HealthPolicy, Hedge, Key,
    KeyHashing, KeyLimits, Limits, Listen, Log, LogFormat, LogLevel, MasterKey, Model, PriceKey, Provider, Route,
    Server, Store, Timeouts, Tls, Vault, Witness,
};
pub use init::init;
pub use litellm::{Imported, Left, import_litellm};
pub use matching::{Match, Pattern};
pub use problem::{Problem, Report};
pub use reference::reference_markdown;
pub use restart::restart_needed;
pub use schema::{catalogue_schema, classify_schema, schema};
pub use sources::{Sources, SystemSources};

use tollgate_meter::CatalogueFile;

use check::Desk;
use document::Document;
use sources::Reads;

/// Reads and checks a file, and the files that it names.
///
/// # Errors
/// Every mistake in them.
pub fn load(path: &Path, sources: &dyn Sources) -> Result<Config, Report> {
    let name = path.display().to_string();
    match sources.file(path) {
        Ok(text) => parse(&name, &text, sources),
        Err(error) => Err(Report::unreadable(name, &error)),
    }
}

/// Reads a file of the catalogue from a text; whether it contradicts itself is not looked at.
///
/// # Errors
/// Every mistake in its form.
pub fn catalogue_file(name: &str, text: &str, sources: &dyn Sources) -> Result<CatalogueFile, Report> {
    let mut document = Document::open(name, text, sources);
    let file = document.read();
    match (file, Report::of(document.into_problems())) {
        (Some(file), None) => Ok(file),
        (_, Some(report)) => Err(report),
        (None, None) => Err(Report::unreadable(name.to_owned(), &std::io::Error::other("it cannot be understood"))),
    }
}

/// Checks a text as if it were the file `name`: relative paths start at that file's folder.
///
/// # Errors
/// Every mistake in it, and in the files that it names.
pub fn parse(name: &str, text: &str, sources: &dyn Sources) -> Result<Config, Report> {
    let reads = Reads::beside(Path::new(name), sources);
    let document = Document::open(name, text, &reads);
    let mut desk = Desk { document, reads: &reads, elsewhere: Vec::new() };
    let file = desk.document.read();
    let config = file.and_then(|file| check::check(file, &mut desk));
    let Desk { document, mut elsewhere, .. } = desk;
    let mut problems = document.into_problems();
    problems.append(&mut elsewhere);
    match (config, Report::of(problems)) {
        (Some(config), None) => Ok(Config { files: reads.into_files(), ..config }),
        (_, Some(report)) => Err(report),
        (None, None) => Err(Report::unreadable(name.to_owned(), &std::io::Error::other("it cannot be understood"))),
    }
}
