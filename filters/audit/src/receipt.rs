//! Proofs for those who do not hold the log: that a record is in it, that it only grew. Made from the
//! files, checked with nothing but a key.

use std::io;

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::hash::Hash;
use crate::note::{Checkpoint, Note, NoteError, Verifier};
use crate::record::Leaf;
use crate::shelf::Shelf;
use crate::tree::{consistency, inclusion, proves_consistency, proves_inclusion};

/// That a leaf is in the tree of a size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// The hash of the leaf.
    pub leaf_hash: String,
    /// Hashes from the leaf up (RFC 6962 §2.1.1).
    pub proof: Vec<String>,
    /// The root of that tree.
    pub root: String,
    /// Which leaf.
    pub seq: u64,
    /// Of how many.
    pub size: u64,
}

/// That a tree of one size extends that of a smaller one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// The larger size.
    pub new: u64,
    /// Its root.
    pub new_root: String,
    /// The smaller size.
    pub old: u64,
    /// Its root.
    pub old_root: String,
    /// RFC 6962 §2.1.2.
    pub proof: Vec<String>,
}

/// A record with its proof and the checkpoint that it leads to: to be kept by whoever the record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The signed note.
    pub checkpoint: String,
    /// The line of the log, without its newline.
    pub leaf: String,
    /// Hashes from the leaf up.
    pub proof: Vec<String>,
    /// Which leaf of the log.
    pub seq: u64,
    v: u8,
}

/// Why a receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Its checkpoint is not one.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// The proof does not lead from the leaf to the root.
    #[error("its proof does not lead to the checkpoint's root")]
    Proof,
    /// The leaf is another one.
    #[error("its leaf is not leaf {0}")]
    Leaf(u64),
}

fn hexes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::hex).collect()
}

fn out_of_range(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, what)
}

impl Shelf {
    /// How many leaves are signed; none where there is no checkpoint yet.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn signed(&self) -> io::Result<u64> {
        let Some(text) = self.checkpoint()? else { return Ok(0) };
        let note = Note::parse(&text).map_err(io::Error::other)?;
        Ok(Checkpoint::parse(&note.text).map_err(io::Error::other)?.size)
    }

    /// Proves that leaf `seq` is in the tree of `size` leaves; of the signed size where it is left out.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] past what is signed.
    pub fn prove_inclusion(&self, seq: u64, size: Option<u64>) -> io::Result<Inclusion> {
        let signed = self.signed()?;
        let size = size.unwrap_or(signed);
        if seq >= size || size > signed {
            return Err(out_of_range(format!("leaf {seq} of {size}: {signed} leaves are signed")));
        }
        let leaf_hash = self.read_hashes(0, seq, 1)?[0].hex();
        let proof = hexes(&inclusion(self, seq, size)?);
        Ok(Inclusion { leaf_hash, proof, root: self.root(size)?.hex(), seq, size })
    }

    /// Proves that the tree of `new` leaves (the signed size where it is left out) extends that of `old`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] past what is signed, or where `old` is more than `new`.
    pub fn prove_consistency(&self, old: u64, new: Option<u64>) -> io::Result<Consistency> {
        let signed = self.signed()?;
        let new = new.unwrap_or(signed);
        if old == 0 || old > new || new > signed {
            return Err(out_of_range(format!("from {old} to {new}: {signed} leaves are signed")));
        }
        let proof = hexes(&consistency(self, old, new)?);
        Ok(Consistency { new, new_root: self.root(new)?.hex(), old, old_root: self.root(old)?.hex(), proof })
    }

    /// The receipt of a leaf.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when it is not signed yet, or was purged.
    pub fn receipt(&self, seq: u64) -> io::Result<Receipt> {
        let checkpoint = self.checkpoint()?.ok_or_else(|| out_of_range("nothing is signed yet".to_owned()))?;
        let proof = self.prove_inclusion(seq, None)?.proof;
        let leaf = String::from_utf8(self.leaf(seq)?).map_err(io::Error::other)?;
        Ok(Receipt { checkpoint, leaf, proof, seq, v: 1 })
    }

    /// The receipt of a request.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when no signed record is about it.
    pub fn receipt_of(&self, request: &[u8; 16]) -> io::Result<Receipt> {
        let signed = self.signed()?;
        let seq =
            self.find(request, signed)?.ok_or_else(|| out_of_range("no signed record is of that id".to_owned()))?;
        self.receipt(seq)
    }
}

impl Receipt {
    /// Checks it with the log's key. Returns the checkpoint that it leads to.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn check(&self, keys: &[Verifier]) -> Result<Checkpoint, ReceiptError> {
        let note = Note::parse(&self.checkpoint)?;
        if !keys.iter().any(|key| key.verify(&note).is_ok()) {
            return Err(NoteError::Unsigned.into());
        }
        let checkpoint = Checkpoint::parse(&note.text)?;
        let is_it = canonical::check(self.leaf.as_bytes()).is_ok()
            && serde_json::from_str::<Leaf<'_>>(&self.leaf).is_ok_and(|leaf| leaf.seq == self.seq);
        if !is_it {
            return Err(ReceiptError::Leaf(self.seq));
        }
        let proof = parse(&self.proof).ok_or(ReceiptError::Proof)?;
        let leaf = Hash::of_leaf(self.leaf.as_bytes());
        match proves_inclusion(&leaf, self.seq, checkpoint.size, &proof, &checkpoint.root) {
            true => Ok(checkpoint),
            false => Err(ReceiptError::Proof),
        }
    }
}

impl Consistency {
    /// Whether it proves what it says.
    #[must_use]
    pub fn holds(&self) -> bool {
        let roots = Hash::from_hex(&self.old_root).zip(Hash::from_hex(&self.new_root));
        roots
            .zip(parse(&self.proof))
            .is_some_and(|((old, new), proof)| proves_consistency(self.old, &old, self.new, &new, &proof))
    }
}

fn parse(proof: &[String]) -> Option<Vec<Hash>> {
    proof.iter().map(|hash| Hash::from_hex(hash)).collect()
}
