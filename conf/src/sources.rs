//! Where text comes from: environment variables and files, as an argument, so that tests are pure.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};

/// No file that we read is honestly longer: a bound on what a wrong path can cost.
const FILE_MAX: u64 = 4 << 20;

/// Environment variables and files.
pub trait Sources {
    /// The value of an environment variable; `None` when it is not set or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not UTF-8.
    fn file(&self, path: &Path) -> io::Result<String>;
}

/// The process's own environment and the file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSources;

impl Sources for SystemSources {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        use io::Read;
        let mut text = String::new();
        std::fs::File::open(path)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
        match text.len() as u64 > FILE_MAX {
            true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 4 MiB")),
            false => Ok(text),
        }
    }
}

/// Sources that remember which files were asked for, and what relative paths are relative to.
pub(crate) struct Reads<'a> {
    sources: &'a dyn Sources,
    folder: PathBuf,
    files: RefCell<Vec<PathBuf>>,
}

impl<'a> Reads<'a> {
    /// Paths will be relative to the folder of `file`, which is noted as the first one read.
    pub(crate) fn beside(file: &Path, sources: &'a dyn Sources) -> Self {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        Self { sources, folder, files: RefCell::new(vec![file.to_owned()]) }
    }

    /// Where a path from the configuration leads.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Every file asked for, the first one first.
    pub(crate) fn into_files(self) -> Vec<PathBuf> {
        self.files.into_inner()
    }
}

impl Sources for Reads<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.sources.variable(name)
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let mut files = self.files.borrow_mut();
        if !files.iter().any(|known| known == path) {
            files.push(path.to_owned());
        }
        self.sources.file(path)
    }
}
