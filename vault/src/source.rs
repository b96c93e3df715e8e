//! Where the master keys are kept: a file, an environment variable, or what a command prints.
//!
//! It keeps nothing it read and watches nothing: who wants newer keys loads again. No error
//! repeats what was read, and of a command only its program is named, as arguments may be secret.

mod command;
mod file;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{BadMaster, MasterKeys};

/// The longest text that is read, in bytes: 64 KiB.
pub const TEXT_MAX: usize = 64 * 1024;

/// How long to wait for a command, where nothing else is wanted.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the text of the master keys comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A file that only its owner can read.
    File(PathBuf),
    /// A variable of the environment, by its name.
    Environment(String),
    /// A program and its arguments, run without a shell; what it prints is the text.
    Command(Vec<String>),
}

/// Why there are no master keys.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file is not there.
    #[error("there is no file `{}`: make one, or let Tollgate write one at its first start", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("`{}` cannot be read ({why}): let the user of Tollgate read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::ErrorKind,
    },
    /// A folder, a pipe, a device.
    #[error("`{}` is not a plain file: name the file that holds the master keys", .0.display())]
    NotAFile(PathBuf),
    /// Others can read or write the file.
    #[error("`{path}` has mode {mode:03o}, so that others than its owner can use it: `chmod 600 {path}`", path = path.display())]
    Shared {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A new file could not be written.
    #[error("`{}` cannot be written ({why}): make its folder, and let the user of Tollgate write there", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::ErrorKind,
    },
    /// The system gave no random bytes for a new key.
    #[error("the system gives no randomness for a new master key: try again")]
    NoRandomness,
    /// The variable is not set.
    #[error("the variable `{0}` is not set: set it to the master keys, or name another source")]
    Unset(String),
    /// No program is named.
    #[error("the command of the master keys is empty: write its program and then each argument")]
    NoProgram,
    /// The program does not start.
    #[error("`{program}` cannot be run ({why}): write the whole path of an executable file")]
    NotRun {
        /// The program, without its arguments.
        program: String,
        /// What the system says.
        why: io::ErrorKind,
    },
    /// The program took too long, and was stopped.
    #[error("`{program}` did not finish within {limit:?} and was stopped: make it answer sooner")]
    TimedOut {
        /// The program, without its arguments.
        program: String,
        /// How long it could take.
        limit: Duration,
    },
    /// The program says that it failed.
    #[error("`{program}` failed ({status}), its complaint begins: {complaint}")]
    Failed {
        /// The program, without its arguments.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The first 200 bytes of what it wrote to its standard error, made printable.
        complaint: String,
    },
    /// More text than [`TEXT_MAX`].
    #[error("the master keys are more than {TEXT_MAX} bytes of text: keep only the keys in it")]
    TooLong,
    /// Not UTF-8.
    #[error("the master keys are not UTF-8 text: write lines `v<version>:<base64>`")]
    NotText,
    /// It was read, and is no ring of keys.
    #[error("the master keys: {0}")]
    Bad(#[from] BadMaster),
}

impl Source {
    /// The keys that are there now. A command that takes longer than `limit` is stopped; use
    /// [`COMMAND_TIMEOUT`] where nothing else is wanted. It blocks for as long.
    ///
    /// # Errors
    /// When they cannot be read, and when what was read is no ring of master keys.
    pub fn load(&self, limit: Duration) -> Result<MasterKeys, LoadError> {
        match self {
            Self::File(path) => file::load(path),
            Self::Environment(name) => from_variable(name, std::env::var_os(name)),
            Self::Command(words) => command::load(words, limit),
        }
    }

    /// The keys that are there now, and where a file is missing, a new one with a new key.
    ///
    /// Of several processes that do this at once one writes; the others read what it wrote.
    ///
    /// # Errors
    /// As [`Self::load`], and when the file cannot be written.
    pub fn load_or_generate(&self, limit: Duration) -> Result<MasterKeys, LoadError> {
        match self {
            Self::File(path) => file::load_or_generate(path),
            Self::Environment(_) | Self::Command(_) => self.load(limit),
        }
    }
}

fn from_variable(name: &str, value: Option<OsString>) -> Result<MasterKeys, LoadError> {
    read(&Zeroizing::new(value.ok_or_else(|| LoadError::Unset(name.to_owned()))?.into_encoded_bytes()))
}

/// What every source ends in.
fn read(bytes: &[u8]) -> Result<MasterKeys, LoadError> {
    if bytes.len() > TEXT_MAX {
        return Err(LoadError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| LoadError::NotText)?;
    Ok(MasterKeys::read(text)?)
}

/// Room for the longest text and a byte more, so that it never grows and leaves a copy behind.
fn room() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(TEXT_MAX + 1))
}

/// The arguments of a command may be secret: only their number.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(name) => f.debug_tuple("Environment").field(name).finish(),
            Self::Command(words) => f
                .debug_struct("Command")
                .field("program", &words.first())
                .field("arguments", &words.len().saturating_sub(1))
                .finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_and_one_that_is_not_set_is_no_key() {
        let text = format!("v3:{}=", "A".repeat(42) + "E");
        let keys = from_variable("TOLLGATE_MASTER", Some(text.into())).expect("a key");
        assert_eq!(keys.newest(), 3);
        let unset = from_variable("TOLLGATE_MASTER", None).expect_err("not set");
        assert!(unset.to_string().contains("`TOLLGATE_MASTER` is not set"));
        let empty = from_variable("TOLLGATE_MASTER", Some("".into())).expect_err("empty");
        assert!(matches!(empty, LoadError::Bad(BadMaster::Empty)));
    }
}
