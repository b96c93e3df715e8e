//! The log's own keys on disk: the one that signs, and all that ever did. It signs nothing.

use std::io;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;

use crate::note::{Note, Role, Signer, Verifier};
use crate::vault::replace;

/// The keys of a deployment.
pub(crate) struct Keyring {
    dir: PathBuf,
    /// Signs from here on.
    pub(crate) signer: Signer,
    /// All that ever signed, oldest first; the last is the signer's.
    pub(crate) verifiers: Vec<Verifier>,
}

impl Keyring {
    /// Reads the keys, or draws the first.
    pub(crate) fn open(data: &Path, name: &str) -> io::Result<Self> {
        let dir = data.join("keys");
        std::fs::create_dir_all(&dir)?;
        let path = dir.join("log.key");
        let signer = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let signer = draw(name)?;
                replace(&path, format!("{}\n", signer.reveal()).as_bytes(), 0o600)?;
                signer
            }
            read => Signer::parse(read?.trim_end()).map_err(|e| wrong(&path, &e.to_string()))?,
        };
        let mut keyring = Self { verifiers: verifiers(data)?, dir, signer };
        if keyring.verifiers.last() != Some(keyring.signer.verifier()) {
            // The first start, or a rotation that was cut short after its key was kept.
            keyring.verifiers.push(keyring.signer.verifier().clone());
            keyring.publish()?;
        }
        Ok(keyring)
    }

    fn publish(&self) -> io::Result<()> {
        let text: String = self.verifiers.iter().map(|v| format!("{v}\n")).collect();
        replace(&self.dir.join("log.pub"), text.as_bytes(), 0o644)
    }

    /// A key to follow this one; kept on disk before anybody is told of it.
    pub(crate) fn successor(&self) -> io::Result<Signer> {
        let next = draw(self.signer.verifier().name())?;
        replace(&self.next_path(), format!("{}\n", next.reveal()).as_bytes(), 0o600)?;
        Ok(next)
    }

    /// A successor that was drawn when the process ended.
    pub(crate) fn pending(&self) -> io::Result<Option<Signer>> {
        let path = self.next_path();
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Signer::parse(read?.trim_end()).map(Some).map_err(|e| wrong(&path, &e.to_string())),
        }
    }

    /// Forgets a successor that nobody was told of.
    pub(crate) fn drop_pending(&self) -> io::Result<()> {
        std::fs::remove_file(self.next_path())
    }

    fn next_path(&self) -> PathBuf {
        self.dir.join("next.key")
    }

    /// Signs with this key from here on.
    pub(crate) fn change(&mut self, next: Signer) -> io::Result<()> {
        replace(&self.dir.join("log.key"), format!("{}\n", next.reveal()).as_bytes(), 0o600)?;
        self.verifiers.push(next.verifier().clone());
        self.signer = next;
        self.publish()?;
        self.drop_pending()
    }
}

/// All keys that ever signed, oldest first; none where there is no file.
pub(crate) fn verifiers(data: &Path) -> io::Result<Vec<Verifier>> {
    let path = data.join("keys/log.pub");
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    text.lines().map(|line| Verifier::parse(line).map_err(|e| wrong(&path, &e.to_string()))).collect()
}

/// Whether one of these keys has signed the note.
pub(crate) fn signed_by_one(verifiers: &[Verifier], note: &Note) -> bool {
    verifiers.iter().any(|key| key.verify(note).is_ok())
}

fn draw(name: &str) -> io::Result<Signer> {
    Signer::draw(name, Role::Log, &SystemRandom::new()).map_err(io::Error::other)
}

fn wrong(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
}
