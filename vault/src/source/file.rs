//! Master keys in a file of their own. It never changes a file that is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{LoadError, TEXT_MAX, read, room};
use crate::MasterKeys;

/// What group and others may do.
const OTHERS: u32 = 0o077;

pub(super) fn load(path: &Path) -> Result<MasterKeys, LoadError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => LoadError::Missing(path.to_owned()),
        why => LoadError::Unreadable { path: path.to_owned(), why },
    };
    // Before it is opened: opening a pipe would wait for someone who writes to it.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(LoadError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    // Of what was opened, which another file at this path does not change.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(LoadError::Shared { path: path.to_owned(), mode });
    }
    let mut bytes = room();
    file.take(TEXT_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    read(&bytes)
}

pub(super) fn load_or_generate(path: &Path) -> Result<MasterKeys, LoadError> {
    match load(path) {
        Err(LoadError::Missing(_)) => {}
        loaded => return loaded,
    }
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *random).map_err(|_| LoadError::NoRandomness)?;
    let (_, text) = MasterKeys::generate(*random)?;
    match publish(path, &text) {
        // Someone was faster: theirs are the keys.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(LoadError::Unwritable { path: path.to_owned(), why: error.kind() }),
        Ok(()) => {}
    }
    load(path)
}

/// Makes the file whole or not at all, and only where there is none: it is written beside its
/// place and then linked there, so that nobody reads half a key, not even after a crash.
fn publish(path: &Path, text: &SecretString) -> io::Result<()> {
    let draft = Draft::write(path, text.expose_secret())?;
    fs::hard_link(&draft.0, path)?;
    drop(draft);
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that goes when this goes.
struct Draft(PathBuf);

impl Draft {
    fn write(path: &Path, text: &str) -> io::Result<Self> {
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(|_| io::Error::other("no randomness"))?;
        let name = format!(".tollgate-master-{:016x}", u64::from_be_bytes(number));
        let draft = folder(path).join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let draft = Self(draft);
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What stays behind is a second name of the same file, or a draft that only we can read.
        let _ = fs::remove_file(&self.0);
    }
}
