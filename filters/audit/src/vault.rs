//! Keys for details: a master key wraps a key per tenant, which wraps a key per subject and month.
//! Destroying a wrapped key destroys what it sealed. It decides nothing about whom to forget.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::hash::{hex, hex_into};
use crate::record::LogId;

/// So many subjects' keys are kept in memory; past it, they are drawn anew.
const SUBJECTS_MAX: usize = 1 << 16;

/// Seals and opens with AES-256-GCM. It cannot be printed.
pub(crate) struct Key(LessSafeKey);

impl Key {
    fn new(bytes: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("the key has 32 bytes")))
    }

    /// `nonce` is used once under this key.
    pub(crate) fn seal(&self, nonce: [u8; 12], bound_to: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut text = plain.to_vec();
        let sealed =
            self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), &mut text);
        sealed.expect("a detail is far shorter than AES-GCM allows");
        text
    }

    fn open(&self, nonce: [u8; 12], bound_to: &[u8], mut sealed: Vec<u8>) -> io::Result<Vec<u8>> {
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), &mut sealed);
        let length = opened.map_err(|_| wrong("it was not sealed with this key"))?.len();
        sealed.truncate(length);
        Ok(sealed)
    }
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Fills an array with random bytes.
pub(crate) fn draw<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no randomness"))?;
    Ok(bytes)
}

/// Writes a file whole or not at all, and waits until it is on disk.
pub(crate) fn replace(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The master key in this file; drawn and written where there is none.
pub(crate) fn master(path: &Path) -> io::Result<Key> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let drawn = hex(&draw::<32>()?);
            replace(path, drawn.as_bytes(), 0o600)?;
            drawn
        }
        read => read?,
    };
    let mut bytes = [0; 32];
    match hex_into(text.trim_end(), &mut bytes) {
        true => Ok(Key::new(&bytes)),
        false => Err(wrong(format!("{} does not hold 64 hexadecimal digits", path.display()))),
    }
}

/// The name of a subject's key.
pub(crate) type SubjectKeyId = [u8; 8];

/// A line of `subjects.jsonl`: a subject's key for a month, wrapped.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    nonce: String,
    wrapped: String,
}

/// A sealed detail, as its line tells it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    key: String,
    nonce: String,
    sealed: String,
    seq: u64,
}

struct Subject {
    id: SubjectKeyId,
    name: String,
    /// Months since year 0.
    month: u32,
    key: Key,
}

/// The keys of one tenant.
pub(crate) struct TenantKeys {
    log: LogId,
    key: Key,
    subjects: HashMap<SubjectKeyId, Subject>,
    newest: HashMap<(String, u32), SubjectKeyId>,
}

impl TenantKeys {
    /// Reads them from the log's folder; the tenant's key is drawn where there is none.
    pub(crate) fn load(dir: &Path, log: LogId, master: &Key) -> io::Result<Self> {
        let path = dir.join("tenant.key");
        let key = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (plain, nonce) = (draw::<32>()?, draw::<12>()?);
                let wrapped = master.seal(nonce, &log.0, &plain);
                replace(&path, format!("{}:{}\n", hex(&nonce), STANDARD.encode(wrapped)).as_bytes(), 0o600)?;
                Key::new(&plain)
            }
            read => unwrap_tenant(&read?, log, master)
                .map_err(|e| wrong(format!("{}: {e}; is this the right master key?", path.display())))?,
        };
        let mut keys = Self { log, key, subjects: HashMap::new(), newest: HashMap::new() };
        let path = dir.join("subjects.jsonl");
        for line in lines(&path)? {
            keys.learn(&line).map_err(|e| wrong(format!("{}: {e}", path.display())))?;
        }
        Ok(keys)
    }

    /// Takes a wrapped key into use.
    fn learn(&mut self, line: &str) -> io::Result<()> {
        let line: Line = serde_json::from_str(line)?;
        let (mut id, mut nonce) = ([0; 8], [0; 12]);
        if !hex_into(&line.id, &mut id) || !hex_into(&line.nonce, &mut nonce) {
            return Err(wrong("an id or a nonce is broken"));
        }
        let wrapped = STANDARD.decode(&line.wrapped).map_err(|_| wrong("a wrapped key is broken"))?;
        let plain = self.key.open(nonce, &self.bound(&id), wrapped)?;
        let (key, rest) = plain.split_first_chunk::<32>().ok_or_else(|| wrong("a wrapped key is too short"))?;
        let (month, name) = rest.split_first_chunk::<4>().ok_or_else(|| wrong("a wrapped key is too short"))?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| wrong("a subject is not UTF-8"))?;
        self.keep(Subject { id, name, month: u32::from_le_bytes(*month), key: Key::new(key) });
        Ok(())
    }

    fn keep(&mut self, subject: Subject) {
        self.newest.insert((subject.name.clone(), subject.month), subject.id);
        self.subjects.insert(subject.id, subject);
    }

    fn bound(&self, id: &SubjectKeyId) -> Vec<u8> {
        [&self.log.0[..], id].concat()
    }

    /// Seals a detail for a subject. Returns its line, and, where a key had to be drawn, the line that
    /// must be on disk before it.
    pub(crate) fn seal(
        &mut self,
        subject: &str,
        month: u32,
        seq: u64,
        detail: &[u8],
    ) -> io::Result<(Vec<u8>, Option<Vec<u8>>)> {
        let known = self.newest.get(&(subject.to_owned(), month)).copied();
        let (id, drawn) = match known {
            Some(id) => (id, None),
            None => self.draw_subject(subject, month).map(|(id, line)| (id, Some(line)))?,
        };
        let random = draw::<4>()?;
        let nonce: [u8; 12] = std::array::from_fn(|i| if i < 4 { random[i] } else { seq.to_le_bytes()[i - 4] });
        let sealed = self.subjects[&id].key.seal(nonce, &self.bound_detail(seq), detail);
        let line = Sealed { key: hex(&id), nonce: hex(&nonce), sealed: STANDARD.encode(sealed), seq };
        Ok((line_of(&line), drawn))
    }

    fn bound_detail(&self, seq: u64) -> Vec<u8> {
        [&self.log.0[..], &seq.to_le_bytes()].concat()
    }

    fn draw_subject(&mut self, name: &str, month: u32) -> io::Result<(SubjectKeyId, Vec<u8>)> {
        if self.newest.len() >= SUBJECTS_MAX {
            self.newest.clear();
            self.subjects.clear();
        }
        let (id, key, nonce) = (draw::<8>()?, draw::<32>()?, draw::<12>()?);
        let plain = [&key[..], &month.to_le_bytes(), name.as_bytes()].concat();
        let wrapped = self.key.seal(nonce, &self.bound(&id), &plain);
        self.keep(Subject { id, name: name.to_owned(), month, key: Key::new(&key) });
        Ok((id, line_of(&Line { id: hex(&id), nonce: hex(&nonce), wrapped: STANDARD.encode(wrapped) })))
    }

    /// Opens a sealed detail. `None` when its key was destroyed.
    pub(crate) fn open(&self, line: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let sealed: Sealed = serde_json::from_slice(line)?;
        let (mut id, mut nonce) = ([0; 8], [0; 12]);
        if !hex_into(&sealed.key, &mut id) || !hex_into(&sealed.nonce, &mut nonce) {
            return Err(wrong("a sealed detail is broken"));
        }
        let Some(subject) = self.subjects.get(&id) else { return Ok(None) };
        let text = STANDARD.decode(&sealed.sealed).map_err(|_| wrong("a sealed detail is broken"))?;
        subject.key.open(nonce, &self.bound_detail(sealed.seq), text).map(Some)
    }

    /// Which keys belong to subjects and months that `forget` picks.
    pub(crate) fn pick(&self, forget: impl Fn(&str, u32) -> bool) -> Vec<SubjectKeyId> {
        self.subjects.values().filter(|s| forget(&s.name, s.month)).map(|s| s.id).collect()
    }

    /// Forgets these keys in memory.
    pub(crate) fn forget(&mut self, ids: &[SubjectKeyId]) {
        self.subjects.retain(|id, _| !ids.contains(id));
        self.newest.retain(|_, id| !ids.contains(id));
    }
}

/// Rewrites `subjects.jsonl` without these keys.
pub(crate) fn destroy(dir: &Path, ids: &[SubjectKeyId]) -> io::Result<()> {
    let path = dir.join("subjects.jsonl");
    let gone: Vec<String> = ids.iter().map(|id| hex(id)).collect();
    let mut kept = String::new();
    for line in lines(&path)? {
        if !gone.contains(&id_of(&line)?) {
            kept.push_str(&line);
            kept.push('\n');
        }
    }
    replace(&path, kept.as_bytes(), 0o600)
}

/// Adds wrapped keys that are not in `subjects.jsonl` yet, and waits until they are on disk.
pub(crate) fn add(dir: &Path, new: &[u8]) -> io::Result<()> {
    let path = dir.join("subjects.jsonl");
    let there: Vec<String> = lines(&path)?.iter().map(|line| id_of(line)).collect::<io::Result<_>>()?;
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
    for line in new.split_inclusive(|b| *b == b'\n') {
        let id = id_of(std::str::from_utf8(line).map_err(io::Error::other)?)?;
        if !there.contains(&id) {
            file.write_all(line)?;
        }
    }
    file.sync_data()
}

/// The key that sealed a detail, and whose detail it is.
pub(crate) fn key_and_seq(line: &[u8]) -> io::Result<(String, u64)> {
    let sealed: Sealed = serde_json::from_slice(line)?;
    Ok((sealed.key, sealed.seq))
}

fn id_of(line: &str) -> io::Result<String> {
    Ok(serde_json::from_str::<Line>(line)?.id)
}

/// The whole lines of a file; a torn last one was not acknowledged and is in the journal still.
fn lines(path: &Path) -> io::Result<Vec<String>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    if whole.len() + 1 < text.len() {
        replace(path, format!("{whole}\n").as_bytes(), 0o600)?;
    }
    Ok(whole.lines().map(str::to_owned).collect())
}

fn line_of(value: &impl Serialize) -> Vec<u8> {
    let mut line = crate::canonical::write(value);
    line.push(b'\n');
    line
}

fn unwrap_tenant(text: &str, log: LogId, master: &Key) -> io::Result<Key> {
    let (nonce, wrapped) = text.trim_end().split_once(':').ok_or_else(|| wrong("it is broken"))?;
    let mut bytes = [0; 12];
    if !hex_into(nonce, &mut bytes) {
        return Err(wrong("its nonce is broken"));
    }
    let wrapped = STANDARD.decode(wrapped).map_err(|_| wrong("it is broken"))?;
    let plain = master.open(bytes, &log.0, wrapped)?;
    plain.as_slice().try_into().map(Key::new).map_err(|_| wrong("it does not hold a key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    const LOG: LogId = LogId([7; 8]);

    #[test]
    fn a_sealed_detail_opens_until_its_key_is_destroyed() {
        let scratch = Scratch::new();
        let dir = scratch.path();
        let key = master(&dir.join("master.key")).expect("a key");
        let mut keys = TenantKeys::load(dir, LOG, &key).expect("loaded");
        let (of_ann, drawn) = keys.seal("ann", 1, 5, b"secret of ann").expect("sealed");
        add(dir, &drawn.expect("the first needs a key")).expect("added");
        let (of_bob, drawn) = keys.seal("bob", 1, 6, b"secret of bob").expect("sealed");
        add(dir, &drawn.expect("the first needs a key")).expect("added");
        assert!(keys.seal("ann", 1, 7, b"more").expect("sealed").1.is_none());

        let key = master(&dir.join("master.key")).expect("the same key");
        let mut again = TenantKeys::load(dir, LOG, &key).expect("loaded");
        assert_eq!(again.open(&of_ann).expect("opened").as_deref(), Some(&b"secret of ann"[..]));
        let ids = again.pick(|name, _| name == "ann");
        destroy(dir, &ids).expect("destroyed");
        again.forget(&ids);
        let fresh = TenantKeys::load(dir, LOG, &key).expect("loaded");
        for keys in [&again, &fresh] {
            assert_eq!(keys.open(&of_ann).expect("no error"), None);
            assert_eq!(keys.open(&of_bob).expect("opened").as_deref(), Some(&b"secret of bob"[..]));
        }
    }

    #[test]
    fn another_master_key_or_a_changed_byte_opens_nothing() {
        let scratch = Scratch::new();
        let dir = scratch.path();
        let key = master(&dir.join("master.key")).expect("a key");
        let mut keys = TenantKeys::load(dir, LOG, &key).expect("loaded");
        let (line, _) = keys.seal("ann", 1, 5, b"secret").expect("sealed");
        let text = String::from_utf8(line).expect("text").replace("\"seq\":5", "\"seq\":6");
        assert!(keys.open(text.as_bytes()).is_err());
        let other = master(&dir.join("other.key")).expect("a key");
        assert!(TenantKeys::load(dir, LOG, &other).err().expect("refused").to_string().contains("master key"));
    }
}
