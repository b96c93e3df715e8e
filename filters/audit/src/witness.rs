//! Witnesses (c2sp.org/tlog-witness, read 2026-11-21): somebody else signs that a log only grew. Both
//! sides of the conversation, without the network between them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;

use crate::hash::{Hash, hex};
use crate::journal::lock;
use crate::note::{Checkpoint, Note, Role, Signer, Verifier};
use crate::shelf::Shelf;
use crate::tree::{consistency, proves_consistency};
use crate::vault::replace;

/// A body of `add-checkpoint` is never longer.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;
/// A witness that did not answer is left alone for so long.
const REST: Duration = Duration::from_secs(10);

/// Who signs what it has seen. It keeps one checkpoint of each log, and never signs a smaller one.
pub struct Witness {
    signer: Signer,
    logs: Vec<Verifier>,
    state: PathBuf,
    seen: Mutex<BTreeMap<String, Checkpoint>>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Signature lines, a size, or a sentence.
    pub body: String,
}

fn reply(status: u16, body: impl Into<String>) -> Reply {
    Reply { status, body: body.into() }
}

impl Witness {
    /// Opens what it remembers in this folder; its key is drawn where there is none.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or holds a key of another name.
    pub fn open(state: &Path, name: &str, logs: Vec<Verifier>) -> io::Result<Self> {
        std::fs::create_dir_all(state)?;
        let path = state.join("witness.key");
        let signer = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let signer = Signer::draw(name, Role::Witness, &SystemRandom::new()).map_err(io::Error::other)?;
                replace(&path, format!("{}\n", signer.reveal()).as_bytes(), 0o600)?;
                signer
            }
            read => Signer::parse(read?.trim_end()).map_err(io::Error::other)?,
        };
        if signer.verifier().name() != name {
            let what = format!("{} is the key of {}", path.display(), signer.verifier().name());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let mut seen = BTreeMap::new();
        for log in &logs {
            if let Some(checkpoint) = remembered(state, log.name())? {
                seen.insert(log.name().to_owned(), checkpoint);
            }
        }
        Ok(Self { signer, logs, state: state.to_owned(), seen: Mutex::new(seen) })
    }

    /// The key by which others know it.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }

    /// `POST /add-checkpoint`.
    ///
    /// # Errors
    /// When what was seen cannot be kept: then nothing is signed.
    pub fn add_checkpoint(&self, body: &[u8], now_seconds: u64) -> io::Result<Reply> {
        let Some((old, proof, note)) = std::str::from_utf8(body).ok().and_then(request) else {
            return Ok(reply(400, "the body is `old <size>`, proof lines, an empty line, a checkpoint\n"));
        };
        let Ok(note) = Note::parse(note) else { return Ok(reply(400, "the checkpoint is not a signed note\n")) };
        let Ok(new) = Checkpoint::parse(&note.text) else { return Ok(reply(400, "the note is not a checkpoint\n")) };
        let known: Vec<&Verifier> = self.logs.iter().filter(|key| key.name() == new.origin).collect();
        if known.is_empty() {
            return Ok(reply(404, "this log is not one of mine\n"));
        }
        if !known.iter().any(|key| key.verify(&note).is_ok()) {
            return Ok(reply(403, "none of the log's keys that I know has signed it\n"));
        }
        let mut all = lock(&self.seen);
        let empty = Checkpoint { origin: new.origin.clone(), size: 0, root: Hash::of(&[]) };
        let seen = all.get(&new.origin).unwrap_or(&empty);
        if old > new.size {
            return Ok(reply(400, "the old size is larger than the new one\n"));
        }
        if old != seen.size {
            return Ok(reply(409, format!("{}\n", seen.size)));
        }
        let extends = match (old, old == new.size) {
            (_, true) if new.root != seen.root => return Ok(reply(409, format!("{}\n", seen.size))),
            (0, _) | (_, true) => proof.is_empty(),
            _ => proves_consistency(old, &seen.root, new.size, &new.root, &proof),
        };
        if !extends {
            return Ok(reply(422, "the proof does not lead from what I have seen to this checkpoint\n"));
        }
        replace(&place(&self.state, &new.origin), note.text.as_bytes(), 0o600)?;
        let line = self.signer.cosign(&note.text, now_seconds);
        all.insert(new.origin.clone(), new);
        Ok(reply(200, line))
    }
}

fn place(state: &Path, origin: &str) -> PathBuf {
    state.join(format!("{}.checkpoint", hex(&Hash::of(origin.as_bytes()).0[..16])))
}

fn remembered(state: &Path, origin: &str) -> io::Result<Option<Checkpoint>> {
    match std::fs::read_to_string(place(state, origin)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => Checkpoint::parse(&read?).map(Some).map_err(io::Error::other),
    }
}

/// The old size, the proof, and the note.
fn request(body: &str) -> Option<(u64, Vec<Hash>, &str)> {
    let (head, note) = body.split_once("\n\n")?;
    let mut lines = head.split('\n');
    let old = lines.next()?.strip_prefix("old ")?.parse().ok()?;
    let proof = lines.map(|line| Hash::from_slice(&STANDARD.decode(line).ok()?)).collect::<Option<_>>()?;
    Some((old, proof, note))
}

/// Sends a body to a URL, and returns status and body of the answer.
pub type Post = Box<dyn Fn(&str, Vec<u8>) -> io::Result<(u16, Vec<u8>)> + Send>;

/// A witness, as the log sees it.
pub struct Remote {
    url: String,
    key: Verifier,
    /// What it has seen, as far as we know.
    old: u64,
    rests_until: Option<Instant>,
}

impl Remote {
    /// The witness at this address; `add-checkpoint` is put after it.
    #[must_use]
    pub fn new(url: &str, key: Verifier) -> Self {
        Self { url: format!("{}/add-checkpoint", url.trim_end_matches('/')), key, old: 0, rests_until: None }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.name()
    }

    /// Asks it to sign. `None` while it rests.
    pub(crate) fn cosign(&mut self, shelf: &Shelf, note: &str, size: u64, post: &Post) -> io::Result<Option<String>> {
        if self.rests_until.is_some_and(|until| Instant::now() < until) {
            return Ok(None);
        }
        let asked = self.ask(shelf, note, size, post);
        self.rests_until = asked.is_err().then(|| Instant::now() + REST);
        asked.map(Some)
    }

    fn ask(&mut self, shelf: &Shelf, note: &str, size: u64, post: &Post) -> io::Result<String> {
        let (mut status, mut body) = self.post(shelf, note, size, post)?;
        if status == 409 {
            // It has seen another size than we remember.
            self.old = std::str::from_utf8(&body).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
            (status, body) = self.post(shelf, note, size, post)?;
        }
        let refused = |what: &str| {
            let said: String = String::from_utf8_lossy(&body).chars().take(200).collect();
            io::Error::other(format!("witness {}: {what}: {}", self.key.name(), said.trim_end()))
        };
        if status != 200 {
            return Err(refused(&format!("status {status}")));
        }
        let lines = String::from_utf8(body.clone()).map_err(|_| refused("its answer is not text"))?;
        let signed =
            Note::parse(&format!("{note}{lines}")).map_err(|_| refused("its answer is not signature lines"))?;
        self.key.verify(&signed).map_err(|_| refused("its signature is wrong"))?;
        let mine = lines.lines().find(|line| line.starts_with(&format!("\u{2014} {} ", self.key.name())));
        self.old = size;
        Ok(format!("{}\n", mine.unwrap_or_default()))
    }

    fn post(&self, shelf: &Shelf, note: &str, size: u64, post: &Post) -> io::Result<(u16, Vec<u8>)> {
        let mut body = format!("old {}\n", self.old);
        if self.old > size {
            let what = format!("witness {} has seen {} leaves, there are {size}", self.key.name(), self.old);
            return Err(io::Error::other(what));
        }
        if self.old > 0 && self.old < size {
            for hash in consistency(shelf, self.old, size)? {
                body.push_str(&STANDARD.encode(hash.0));
                body.push('\n');
            }
        }
        body.push('\n');
        body.push_str(note);
        post(&self.url, body.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    const NAME: &str = "auditor.example/one";

    struct Log {
        signer: Signer,
        leaves: Vec<Hash>,
    }

    impl Log {
        fn new() -> Self {
            let signer = Signer::draw("tollgate/0011223344556677", Role::Log, &SystemRandom::new()).expect("a key");
            Self { signer, leaves: Vec::new() }
        }

        fn grow(&mut self, to: usize) -> Checkpoint {
            self.leaves.extend((self.leaves.len()..to).map(|i| Hash::of_leaf(&i.to_le_bytes())));
            let mut frontier = crate::tree::Frontier::default();
            self.leaves.iter().for_each(|leaf| frontier.push(*leaf));
            Checkpoint { origin: "tollgate/0011223344556677".to_owned(), size: to as u64, root: frontier.root() }
        }
    }

    fn body(log: &Log, old: u64, proof: &[Hash], checkpoint: &Checkpoint) -> Vec<u8> {
        let proof: String = proof.iter().map(|hash| STANDARD.encode(hash.0) + "\n").collect();
        format!("old {old}\n{proof}\n{}", checkpoint.sign(&log.signer)).into_bytes()
    }

    #[test]
    fn a_witness_signs_what_extends_what_it_has_seen_and_nothing_else() {
        let scratch = Scratch::new();
        let mut log = Log::new();
        let witness = Witness::open(scratch.path(), NAME, vec![log.signer.verifier().clone()]).expect("opened");
        let first = log.grow(1);
        let ask = |witness: &Witness, body: Vec<u8>| witness.add_checkpoint(&body, 7).expect("kept");
        let signed = ask(&witness, body(&log, 0, &[], &first));
        assert_eq!(signed.status, 200);
        let note = Note::parse(&(first.sign(&log.signer) + &signed.body)).expect("a note");
        assert_eq!(witness.verifier().verify(&note), Ok(Some(7)));

        let second = log.grow(2);
        let proof = [log.leaves[1]];
        assert_eq!(ask(&witness, body(&log, 0, &[], &second)), reply(409, "1\n"));
        assert_eq!(ask(&witness, body(&log, 1, &[], &second)).status, 422);
        assert_eq!(ask(&witness, body(&Log::new(), 1, &proof, &second)).status, 403);
        assert_eq!(ask(&witness, b"old 1\n".to_vec()).status, 400);
        let stranger = Checkpoint { origin: "tollgate/ff".to_owned(), ..second.clone() };
        assert_eq!(ask(&witness, body(&log, 1, &proof, &stranger)).status, 404);
        assert_eq!(ask(&witness, body(&log, 1, &proof, &second)).status, 200);

        // After a restart it still knows, and a rewritten history is not signed.
        let witness = Witness::open(scratch.path(), NAME, vec![log.signer.verifier().clone()]).expect("opened");
        let mut rewritten =
            Log { signer: Signer::parse(&log.signer.reveal()).expect("stolen"), leaves: vec![Hash::of(b"x")] };
        let third = rewritten.grow(3);
        let mut all = vec![reply(409, "2\n"), reply(422, ""), reply(409, "2\n")].into_iter();
        for old in [0, 2, 3] {
            let said = ask(&witness, body(&rewritten, old, &[], &third));
            assert_eq!(said.status, all.next().expect("one each").status, "{old}");
        }
        let same_size = rewritten.grow(3);
        assert_eq!(ask(&witness, body(&rewritten, 2, &[], &Checkpoint { size: 2, ..same_size })).status, 409);
    }
}
