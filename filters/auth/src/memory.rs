//! What the process remembers of one key: the text that was proven right, and a few proven wrong.
//!
//! It holds no key. A text is remembered as a hash of the whole of it under a secret that lives
//! only as long as the process.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How many wrong texts are remembered of one key.
const WRONG_MAX: usize = 8;

/// The name under which one text is remembered.
///
/// SHA-256 of seed ‖ text: every text has the same length, so nothing can be appended to one.
#[derive(Clone, Copy)]
pub(crate) struct Mark([u8; 32]);

impl Mark {
    pub(crate) fn of(seed: &[u8; 32], text: &[u8]) -> Self {
        Self(Sha256::new().chain_update(seed).chain_update(text).finalize().into())
    }

    fn same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// What is known of a text without computing the stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recall {
    Right,
    Wrong,
    Unsure,
}

/// What is remembered of one key. Reading it takes one atomic load once the key was used.
pub(crate) struct Memory {
    /// A key has one right text: with it known, any other is wrong without further work.
    right: OnceLock<Mark>,
    wrong: Mutex<Wrong>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { right: OnceLock::new(), wrong: Mutex::new(Wrong { marks: Vec::new(), next: 0 }) }
    }

    /// The memory of a key that nobody has, so that an unknown id costs what a known one does.
    pub(crate) fn decoy(seed: &[u8; 32]) -> Self {
        let memory = Self::new();
        memory.learn(Mark::of(seed, b"no key has this text"));
        memory
    }

    pub(crate) fn recall(&self, mark: &Mark) -> Recall {
        match self.right.get() {
            Some(right) if right.same(mark) => Recall::Right,
            Some(_) => Recall::Wrong,
            None => Recall::Unsure,
        }
    }

    /// Whether the text was found wrong lately. Does not wait: while a check runs, it is not known.
    pub(crate) fn recall_wrong(&self, mark: &Mark) -> bool {
        match self.wrong.try_lock() {
            Ok(wrong) => wrong.has(mark),
            Err(TryLockError::Poisoned(wrong)) => wrong.into_inner().has(mark),
            Err(TryLockError::WouldBlock) => false,
        }
    }

    /// Waits for the turn to do this key's slow check: one at a time, whoever asks.
    pub(crate) fn turn(&self) -> MutexGuard<'_, Wrong> {
        // A list of marks has no state in between to be afraid of.
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the right text. It cannot change: a second one would be another key.
    pub(crate) fn learn(&self, mark: Mark) {
        let _ = self.right.set(mark);
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("proven", &self.right.get().is_some()).finish_non_exhaustive()
    }
}

/// The latest wrong texts; the oldest goes first.
pub(crate) struct Wrong {
    /// Empty for nearly every key: a million of them must not pay for the few.
    marks: Vec<Mark>,
    next: usize,
}

impl Wrong {
    pub(crate) fn has(&self, mark: &Mark) -> bool {
        self.marks.iter().any(|wrong| wrong.same(mark))
    }

    pub(crate) fn add(&mut self, mark: Mark) {
        if self.marks.len() < WRONG_MAX {
            return self.marks.push(mark);
        }
        self.marks[self.next] = mark;
        self.next = (self.next + 1) % WRONG_MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [1; 32];

    #[test]
    fn the_mark_covers_every_byte_of_the_text_and_the_seed() {
        let text = [b'a'; 62];
        let mark = Mark::of(&SEED, &text);
        for at in 0..text.len() {
            let mut other = text;
            other[at] ^= 1;
            assert!(!Mark::of(&SEED, &other).same(&mark), "byte {at}");
        }
        assert!(!Mark::of(&[2; 32], &text).same(&mark));
        assert!(Mark::of(&SEED, &text).same(&mark));
    }

    #[test]
    fn wrong_texts_are_forgotten_oldest_first_so_that_memory_is_bounded() {
        let memory = Memory::new();
        let marks: Vec<_> = (0..=WRONG_MAX as u8).map(|n| Mark::of(&SEED, &[n])).collect();
        for mark in &marks {
            memory.turn().add(*mark);
        }
        assert!(!memory.recall_wrong(&marks[0]));
        assert!(marks[1..].iter().all(|mark| memory.recall_wrong(mark)));
    }

    #[test]
    fn nothing_waits_for_a_running_check_to_be_recalled() {
        let memory = Memory::new();
        let mark = Mark::of(&SEED, b"x");
        let mut turn = memory.turn();
        turn.add(mark);
        assert!(!memory.recall_wrong(&mark));
        drop(turn);
        assert!(memory.recall_wrong(&mark));
    }
}
