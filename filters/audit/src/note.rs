//! C2SP signed notes, checkpoints and cosignatures (c2sp.org/signed-note, tlog-checkpoint,
//! tlog-cosignature, read 2026-11-21), with Ed25519. It keeps no key on disk and trusts no clock.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SecureRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::hash::{Hash, hex, hex_into};

/// What a key signs, as its algorithm byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A log signs its checkpoints.
    Log = 1,
    /// A witness signs that it has seen a checkpoint, and when.
    Witness = 4,
}

/// Why a note, a key or a checkpoint is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not written as C2SP says.
    #[error("it is not a signed note")]
    Note,
    /// The key is not written as C2SP says.
    #[error("it is not a key of the form name+id+base64")]
    Key,
    /// The text of the note is not a checkpoint.
    #[error("it is not a checkpoint of origin, size and root")]
    Checkpoint,
    /// No line is signed by the key in question.
    #[error("it is not signed by this key")]
    Unsigned,
    /// A line claims to be, and is not.
    #[error("its signature is wrong")]
    Signature,
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Randomness,
}

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    role: Role,
    key: [u8; 32],
}

impl Verifier {
    /// Reads `name+id+base64`.
    ///
    /// # Errors
    /// [`NoteError::Key`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, role, key) = parse_key(text)?;
        let verifier = Self { name, role, key };
        (verifier.to_string() == text).then_some(verifier).ok_or(NoteError::Key)
    }

    /// The name in its signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.role, &self.key)
    }

    /// Checks that this key has signed the note. Returns when, for a witness.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] or [`NoteError::Signature`].
    pub fn verify(&self, note: &Note) -> Result<Option<u64>, NoteError> {
        let mine = |s: &&Signature| s.name == self.name && s.id == self.id();
        let signature = note.signatures.iter().find(mine).ok_or(NoteError::Unsigned)?;
        let (time, message, bytes) = match self.role {
            Role::Log => (None, note.text.clone().into_bytes(), &signature.bytes[..]),
            Role::Witness => {
                let (time, bytes) = signature.bytes.split_at_checked(8).ok_or(NoteError::Signature)?;
                let time = u64::from_be_bytes(time.try_into().map_err(|_| NoteError::Signature)?);
                (Some(time), cosigned(time, &note.text), bytes)
            }
        };
        UnparsedPublicKey::new(&ED25519, &self.key).verify(&message, bytes).map_err(|_| NoteError::Signature)?;
        Ok(time)
    }
}

impl std::fmt::Display for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = STANDARD.encode([&[self.role as u8], &self.key[..]].concat());
        write!(f, "{}+{}+{body}", self.name, hex(&self.id()))
    }
}

/// The private half of a key. It cannot be printed but by [`Signer::reveal`].
pub struct Signer {
    verifier: Verifier,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Signer {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`NoteError::Randomness`].
    pub fn draw(name: &str, role: Role, random: &dyn SecureRandom) -> Result<Self, NoteError> {
        let mut seed = [0; 32];
        random.fill(&mut seed).map_err(|_| NoteError::Randomness)?;
        Self::from_seed(name.to_owned(), role, seed)
    }

    /// Reads `PRIVATE+KEY+name+id+base64`.
    ///
    /// # Errors
    /// [`NoteError::Key`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, role, seed) = parse_key(text.strip_prefix("PRIVATE+KEY+").ok_or(NoteError::Key)?)?;
        let signer = Self::from_seed(name, role, seed)?;
        (signer.reveal() == text).then_some(signer).ok_or(NoteError::Key)
    }

    fn from_seed(name: String, role: Role, seed: [u8; 32]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NoteError::Key)?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        Ok(Self { verifier: Verifier { name, role, key }, seed, pair })
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The secret, to be kept in a file that nobody else can read.
    #[must_use]
    pub fn reveal(&self) -> String {
        let body = STANDARD.encode([&[self.verifier.role as u8], &self.seed[..]].concat());
        format!("PRIVATE+KEY+{}+{}+{body}", self.verifier.name, hex(&self.verifier.id()))
    }

    /// A signature line for this text, as a log.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        self.line(self.pair.sign(text.as_bytes()).as_ref())
    }

    /// A signature line that says: this text was seen at this time (seconds since 1970).
    #[must_use]
    pub fn cosign(&self, text: &str, seconds: u64) -> String {
        let signature = self.pair.sign(&cosigned(seconds, text));
        self.line(&[&seconds.to_be_bytes(), signature.as_ref()].concat())
    }

    fn line(&self, signature: &[u8]) -> String {
        let body = STANDARD.encode([&self.verifier.id(), signature].concat());
        format!("\u{2014} {} {body}\n", self.verifier.name)
    }
}

fn cosigned(seconds: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

fn key_id(name: &str, role: Role, key: &[u8; 32]) -> [u8; 4] {
    let hash = Hash::of_parts(&[name.as_bytes(), b"\n", &[role as u8], key]);
    [hash.0[0], hash.0[1], hash.0[2], hash.0[3]]
}

/// Name, role and 32 bytes. The id in the middle is compared by the caller, who writes it anew.
fn parse_key(text: &str) -> Result<(String, Role, [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key);
    };
    let body = STANDARD.decode(body).map_err(|_| NoteError::Key)?;
    let role = match body.first() {
        Some(1) => Role::Log,
        Some(4) => Role::Witness,
        _ => return Err(NoteError::Key),
    };
    let key = body[1..].try_into().map_err(|_| NoteError::Key)?;
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
    if !is_name || !hex_into(id, &mut [0; 4]) {
        return Err(NoteError::Key);
    }
    Ok((name.to_owned(), role, key))
}

/// A text and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// With its last newline.
    pub text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError::Note`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let split = note.rfind("\n\n").ok_or(NoteError::Note)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        if lines.is_empty() || !lines.ends_with('\n') || note.bytes().any(|b| b < b' ' && b != b'\n') {
            return Err(NoteError::Note);
        }
        let signatures = lines.lines().map(signature).collect::<Option<_>>().ok_or(NoteError::Note)?;
        Ok(Self { text: text.to_owned(), signatures })
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, body) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(body).ok()?;
    // Base64 has spellings that decode alike; one is the right one.
    if STANDARD.encode(&bytes) != body || name.is_empty() {
        return None;
    }
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    Some(Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

/// The head of a log: its name, its size, its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`NoteError::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let read = || -> Option<Self> {
            let origin = lines.next()?.to_owned();
            let size = lines.next()?.parse().ok()?;
            let root = Hash::from_slice(&STANDARD.decode(lines.next()?).ok()?)?;
            Some(Self { origin, size, root })
        };
        let mut read = read;
        let checkpoint = read().ok_or(NoteError::Checkpoint)?;
        // Extension lines are allowed by C2SP; we write none, and refuse what we would not write.
        (checkpoint.text() == text).then_some(checkpoint).ok_or(NoteError::Checkpoint)
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> String {
        let text = self.text();
        let line = signer.sign(&text);
        format!("{text}\n{line}")
    }

    /// Reads a signed note and checks that `key` signed it.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn open(note: &str, key: &Verifier) -> Result<Self, NoteError> {
        let note = Note::parse(note)?;
        key.verify(&note)?;
        Self::parse(&note.text)
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    /// The example key pair of Go's `sumdb/note` package.
    const GO_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn keys_are_written_as_gos_implementation_writes_them() {
        let signer = Signer::parse(GO_SECRET).expect("a key");
        assert_eq!(signer.verifier().to_string(), GO_PUBLIC);
    }

    fn signer(role: Role) -> Signer {
        Signer::draw("tollgate/0011223344556677", role, &SystemRandom::new()).expect("a key")
    }

    #[test]
    fn keys_and_checkpoints_survive_being_written_and_read() {
        let signer = signer(Role::Log);
        assert_eq!(Signer::parse(&signer.reveal()).expect("read").verifier(), signer.verifier());
        assert_eq!(&Verifier::parse(&signer.verifier().to_string()).expect("read"), signer.verifier());
        let checkpoint = Checkpoint { origin: "tollgate/x/t/y".into(), size: 7, root: Hash::of(b"x") };
        let note = checkpoint.sign(&signer);
        assert_eq!(Checkpoint::open(&note, signer.verifier()), Ok(checkpoint));
    }

    #[test]
    fn a_cosignature_says_when() {
        let (log, witness) = (signer(Role::Log), signer(Role::Witness));
        let checkpoint = Checkpoint { origin: "o".into(), size: 1, root: Hash::NONE };
        let note = format!("{}{}", checkpoint.sign(&log), witness.cosign(&checkpoint.text(), 1_700_000_000));
        let note = Note::parse(&note).expect("a note");
        assert_eq!(witness.verifier().verify(&note), Ok(Some(1_700_000_000)));
        assert_eq!(log.verifier().verify(&note), Ok(None));
    }

    #[test]
    fn no_flipped_bit_is_accepted() {
        let signer = signer(Role::Log);
        let note = Checkpoint { origin: "tollgate/x".into(), size: 40, root: Hash::of(b"r") }.sign(&signer);
        for bit in 0..note.len() * 8 {
            let mut bytes = note.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert!(Checkpoint::open(&text, signer.verifier()).is_err(), "bit {bit}: {text}");
        }
        let key = signer.verifier().to_string();
        for bit in 0..key.len() * 8 {
            let mut bytes = key.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let accepted = String::from_utf8(bytes).is_ok_and(|text| Verifier::parse(&text).is_ok());
            assert!(!accepted, "bit {bit}");
        }
    }
}
