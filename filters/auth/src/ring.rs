//! All keys, ready to be asked: which caller does this text belong to?
//!
//! A ring never changes. Revoking, adding and renaming keys is a new ring, made from the old one
//! by [`KeyRing::renew`], so there is no cache to invalidate: what was proven of a key is remembered
//! beside that key, bounded by their number, and is lost the moment its stored hash is another.
//! For the same reason it needs no clock; a time to live would only make bcrypt be paid again.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secrecy::{ExposeSecret, SecretBox};
use thiserror::Error;
use tollgate_api::Caller;

use crate::key::SECRET_LEN;
use crate::memory::{Mark, Memory, Recall};
use crate::{KeyError, KeyId, Kind, Pepper, StoredHash, StoredKey, parse};

/// All keys. `T` is what a verified key stands for; what the caller of this crate wants to have at
/// hand for each request (limits, say) goes in there, so that it is found by the same look-up.
pub struct KeyRing<T = Caller> {
    seed: [u8; 32],
    pepper: Pepper,
    shards: Box<[Arc<Shard<T>>]>,
    decoy: Memory,
    slow_runs: Arc<AtomicU64>,
}

struct Entry<T> {
    kind: Kind,
    hash: StoredHash,
    revoked: bool,
    stands_for: Arc<T>,
    memory: Arc<Memory>,
}

/// A part of the keys. A change copies one of them, so that it costs little among a million.
type Shard<T> = HashMap<KeyId, Arc<Entry<T>>>;

/// With a million keys a shard has two hundred and fifty.
const SHARDS: usize = 4096;

/// What the ring says of a key.
#[must_use]
pub enum Check<T = Caller> {
    /// It is this one.
    Known(Arc<T>),
    /// It is none.
    Refused(KeyError),
    /// Not to be said without bcrypt. Only before the first right use of a key.
    Slow(SlowCheck<T>),
}

/// Two keys of the same id.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("two keys have the id `{0}`: remove one, or make a new key with `tollgate key create`")]
pub struct DuplicateKey(
    /// The id.
    pub KeyId,
);

impl<T> KeyRing<T> {
    /// The first ring of a process. `seed` is drawn at random and kept nowhere else.
    ///
    /// # Errors
    /// When two keys have the same id.
    pub fn new(
        seed: [u8; 32],
        pepper: Pepper,
        keys: impl IntoIterator<Item = (StoredKey, T)>,
    ) -> Result<Self, DuplicateKey> {
        let decoy = Memory::decoy(&seed);
        let shards = (0..SHARDS).map(|_| Arc::default()).collect();
        let empty = Self { seed, pepper, shards, decoy, slow_runs: Arc::default() };
        empty.renew(keys)
    }

    /// A ring of these keys that remembers what this one learnt of those that stay the same.
    ///
    /// # Errors
    /// When two keys have the same id.
    pub fn renew(&self, keys: impl IntoIterator<Item = (StoredKey, T)>) -> Result<Self, DuplicateKey> {
        let mut shards: Vec<Shard<T>> = (0..SHARDS).map(|_| HashMap::new()).collect();
        for (key, stands_for) in keys {
            let id = key.id;
            match shards[shard_of(id)].entry(id) {
                Place::Occupied(_) => return Err(DuplicateKey(id)),
                Place::Vacant(place) => place.insert(self.entry(key, stands_for)),
            };
        }
        Ok(self.of(shards.into_iter().map(Arc::new).collect()))
    }

    /// This ring with some keys changed, added, or (`None`) taken out. What stays is shared with this one.
    #[must_use]
    pub fn with(&self, changes: impl IntoIterator<Item = (KeyId, Option<(StoredKey, T)>)>) -> Self {
        let mut draft = self.draft();
        changes.into_iter().for_each(|(id, change)| draft.change(id, change));
        draft.finish()
    }

    /// Begins a ring that differs from this one.
    #[must_use]
    pub fn draft(&self) -> Draft<'_, T> {
        Draft { ring: self, touched: HashMap::new() }
    }

    fn of(&self, shards: Box<[Arc<Shard<T>>]>) -> Self {
        Self {
            seed: self.seed,
            pepper: self.pepper.clone(),
            shards,
            decoy: Memory::decoy(&self.seed),
            slow_runs: self.slow_runs.clone(),
        }
    }

    fn entry(&self, key: StoredKey, stands_for: T) -> Arc<Entry<T>> {
        let memory = self.memory_of(&key);
        let StoredKey { id: _, kind, hash, revoked, tenant: _, name: _ } = key;
        Arc::new(Entry { kind, hash, revoked, stands_for: Arc::new(stands_for), memory })
    }

    fn find(&self, id: KeyId) -> Option<&Arc<Entry<T>>> {
        self.shards[shard_of(id)].get(&id)
    }

    fn memory_of(&self, key: &StoredKey) -> Arc<Memory> {
        match self.find(key.id) {
            Some(old) if old.kind == key.kind && old.hash == key.hash => old.memory.clone(),
            _ => Arc::new(Memory::new()),
        }
    }

    /// Whose key this is. Never blocks and, once a key was used, never computes its stored hash.
    ///
    /// An unknown id costs what a known one in use does. One that was never used yet can be told
    /// by its time; ids are public, secrets are not told by it.
    pub fn verify(&self, wanted: Kind, text: &[u8]) -> Check<T> {
        self.judge(wanted, text).unwrap_or_else(Check::Refused)
    }

    fn judge(&self, wanted: Kind, text: &[u8]) -> Result<Check<T>, KeyError> {
        let presented = parse(text)?;
        if presented.kind != wanted {
            return Err(KeyError::WrongKind(presented.kind));
        }
        let mark = Mark::of(&self.seed, text);
        let entry = self.find(presented.id).filter(|entry| entry.kind == wanted);
        let recalled = entry.map_or(&self.decoy, |entry| &entry.memory).recall(&mark);
        let entry = entry.ok_or(KeyError::Unknown)?;
        match recalled {
            _ if entry.revoked => Err(KeyError::Revoked),
            Recall::Right => Ok(Check::Known(entry.stands_for.clone())),
            Recall::Wrong => Err(KeyError::WrongSecret),
            Recall::Unsure if entry.hash.is_slow() => self.postpone(entry, mark, presented.secret()),
            Recall::Unsure => entry.prove(mark, presented.secret(), &self.pepper).map(Check::Known),
        }
    }

    fn postpone(&self, entry: &Arc<Entry<T>>, mark: Mark, secret: &[u8; SECRET_LEN]) -> Result<Check<T>, KeyError> {
        if entry.memory.recall_wrong(&mark) {
            return Err(KeyError::WrongSecret);
        }
        Ok(Check::Slow(SlowCheck {
            entry: entry.clone(),
            mark,
            secret: SecretBox::new(Box::new(*secret)),
            pepper: self.pepper.clone(),
            runs: self.slow_runs.clone(),
        }))
    }

    /// What a key of this id stands for, valid or revoked: for carrying its state into a new ring.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&T> {
        self.find(id).map(|entry| &*entry.stands_for)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }

    /// How often bcrypt was paid since the first ring: at most once for each key, and once for each
    /// wrong secret tried on a key before its first right use.
    #[must_use]
    pub fn slow_runs(&self) -> u64 {
        self.slow_runs.load(Ordering::Relaxed)
    }
}

/// A ring that is being made from another, key by key, so that a million of them need not be held twice.
pub struct Draft<'a, T> {
    ring: &'a KeyRing<T>,
    touched: HashMap<usize, Shard<T>>,
}

impl<T> Draft<'_, T> {
    /// Changes or adds a key, or (`None`) takes it out.
    pub fn change(&mut self, id: KeyId, change: Option<(StoredKey, T)>) {
        let place = shard_of(id);
        // Only pointers are copied, and of each shard once, however many of its keys change.
        let copied = || self.ring.shards[place].iter().map(|(id, entry)| (*id, Arc::clone(entry))).collect();
        let shard = self.touched.entry(place).or_insert_with(copied);
        match change {
            Some((key, stands_for)) => shard.insert(id, self.ring.entry(key, stands_for)),
            None => shard.remove(&id),
        };
    }

    /// The ring.
    #[must_use]
    pub fn finish(self) -> KeyRing<T> {
        let mut shards = self.ring.shards.clone();
        for (place, shard) in self.touched {
            shards[place] = Arc::new(shard);
        }
        self.ring.of(shards)
    }
}

impl<T> fmt::Debug for Draft<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("shards", &self.touched.len()).finish_non_exhaustive()
    }
}

/// Ids are drawn at random: any part of one spreads them.
fn shard_of(id: KeyId) -> usize {
    id.as_str().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % SHARDS
}

impl<T> Entry<T> {
    fn prove(&self, mark: Mark, secret: &[u8], pepper: &Pepper) -> Result<Arc<T>, KeyError> {
        if !self.hash.matches(secret, pepper) {
            return Err(KeyError::WrongSecret);
        }
        self.memory.learn(mark);
        Ok(self.stands_for.clone())
    }
}

/// A check that takes tens of milliseconds of a core.
#[must_use = "run it on a thread that may block"]
pub struct SlowCheck<T = Caller> {
    entry: Arc<Entry<T>>,
    mark: Mark,
    secret: SecretBox<[u8; SECRET_LEN]>,
    pepper: Pepper,
    runs: Arc<AtomicU64>,
}

impl<T> SlowCheck<T> {
    /// Runs it: on a thread that may block, out of a bounded number of them.
    ///
    /// Of one key only one check runs at a time, and what it finds answers those that waited with
    /// the same text: a burst of first requests costs one bcrypt, and so does a client that repeats
    /// a wrong secret.
    ///
    /// # Errors
    /// When the secret is not the one.
    pub fn run(self) -> Result<Arc<T>, KeyError> {
        let Self { entry, mark, secret, pepper, runs } = self;
        let mut wrong = entry.memory.turn();
        match entry.memory.recall(&mark) {
            Recall::Right => return Ok(entry.stands_for.clone()),
            Recall::Wrong => return Err(KeyError::WrongSecret),
            Recall::Unsure if wrong.has(&mark) => return Err(KeyError::WrongSecret),
            Recall::Unsure => {}
        }
        runs.fetch_add(1, Ordering::Relaxed);
        entry.prove(mark, secret.expose_secret(), &pepper).inspect_err(|_| wrong.add(mark))
    }
}

impl<T> fmt::Debug for KeyRing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.len()).finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for Check<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(stands_for) => f.debug_tuple("Known").field(stands_for).finish(),
            Self::Refused(error) => f.debug_tuple("Refused").field(error).finish(),
            Self::Slow(check) => check.fmt(f),
        }
    }
}

impl<T> fmt::Debug for SlowCheck<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowCheck").finish_non_exhaustive()
    }
}
