//! The Merkle tree of RFC 6962: roots, inclusion and consistency proofs. Pure: it reads hashes from
//! whoever holds them and stores nothing.

use crate::hash::Hash;

/// Who holds the hashes of perfect subtrees.
pub trait Nodes {
    /// Why a hash cannot be had.
    type Error;

    /// The hash of the perfect subtree of 2^`level` leaves that begins at leaf `index` · 2^`level`.
    ///
    /// # Errors
    /// When it cannot be read.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the first `size` leaves.
///
/// # Errors
/// What `nodes` returns.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    match size {
        0 => Ok(Hash::of(&[])),
        size => range(nodes, 0, size),
    }
}

/// The tree hash of leaves `from..to`, not empty. `from` is a multiple of the power of two that
/// covers the range, as in every subtree that RFC 6962 splits off.
fn range<N: Nodes>(nodes: &N, from: u64, to: u64) -> Result<Hash, N::Error> {
    let size = to - from;
    if size.is_power_of_two() {
        return nodes.node(size.trailing_zeros(), from >> size.trailing_zeros());
    }
    let half = split(size);
    Ok(Hash::of_nodes(&range(nodes, from, from + half)?, &range(nodes, from + half, to)?))
}

/// The largest power of two less than `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The proof that leaf `index` is in the tree of `size` leaves (RFC 6962 §2.1.1). `index` < `size`.
///
/// # Errors
/// What `nodes` returns.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut from, mut to) = (0, size);
    let mut proof = Vec::new();
    while to - from > 1 {
        let half = from + split(to - from);
        if index < half {
            proof.push(range(nodes, half, to)?);
            to = half;
        } else {
            proof.push(range(nodes, from, half)?);
            from = half;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is a prefix of that of `new` (RFC 6962 §2.1.2).
/// Empty when `old` is 0 or equals `new`. `old` ≤ `new`.
///
/// # Errors
/// What `nodes` returns.
pub fn consistency<N: Nodes>(nodes: &N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut from, mut to, mut whole) = (0, new, true);
    let mut proof = Vec::new();
    while old != to {
        let half = from + split(to - from);
        if old <= half {
            proof.push(range(nodes, half, to)?);
            to = half;
        } else {
            proof.push(range(nodes, from, half)?);
            (from, whole) = (half, false);
        }
    }
    if !whole {
        proof.push(range(nodes, from, to)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether the proof shows `leaf` at `index` of the tree with this root (RFC 9162 §2.1.3.2).
#[must_use]
pub fn proves_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fn_, mut sn, mut hash) = (index, size - 1, *leaf);
    for step in proof {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            hash = Hash::of_nodes(step, &hash);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            hash = Hash::of_nodes(&hash, step);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && hash == *root
}

/// Whether the proof shows that the old tree is a prefix of the new one (RFC 9162 §2.1.4.2).
#[must_use]
pub fn proves_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == new || old == 0 {
        let same = if old == 0 { *old_root == Hash::of(&[]) } else { old_root == new_root };
        return same && proof.is_empty();
    }
    let mut path = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut fn_, mut sn) = (old - 1, new - 1);
    while fn_ & 1 == 1 {
        fn_ >>= 1;
        sn >>= 1;
    }
    let (mut of_old, mut of_new) = (*first, *first);
    for step in path {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            of_old = Hash::of_nodes(step, &of_old);
            of_new = Hash::of_nodes(step, &of_new);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            of_new = Hash::of_nodes(&of_new, step);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && of_old == *old_root && of_new == *new_root
}

/// The roots of the perfect subtrees on the right edge: what an appending tree must remember.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    /// Largest first, one per bit of `size`.
    roots: Vec<Hash>,
}

impl Frontier {
    /// That of the first `size` leaves.
    ///
    /// # Errors
    /// What `nodes` returns.
    pub fn at<N: Nodes>(nodes: &N, size: u64) -> Result<Self, N::Error> {
        let mut roots = Vec::new();
        let mut from = 0;
        for level in (0..64).rev().filter(|level| size >> level & 1 == 1) {
            roots.push(nodes.node(level, from >> level)?);
            from += 1 << level;
        }
        Ok(Self { size, roots })
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.roots.pop().expect("one root per bit of the size");
            hash = Hash::of_nodes(&left, &hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root if `last`, the root of a smaller tree, came after what is here.
    #[must_use]
    pub fn root_with(&self, last: Hash) -> Hash {
        self.roots.iter().rev().fold(last, |right, left| Hash::of_nodes(left, &right))
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else { return Hash::of(&[]) };
        roots.fold(*last, |right, left| Hash::of_nodes(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    use super::*;

    /// Leaves in memory; subtrees by RFC 6962's own recursive definition.
    struct Leaves(Vec<Vec<u8>>);

    impl Nodes for Leaves {
        type Error = Infallible;
        fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
            Ok(match level {
                0 => Hash::of_leaf(&self.0[usize::try_from(index).expect("small")]),
                level => Hash::of_nodes(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?),
            })
        }
    }

    fn leaves(n: usize) -> Leaves {
        Leaves((0..n).map(|i| i.to_string().into_bytes()).collect())
    }

    fn sure<T>(value: Result<T, Infallible>) -> T {
        value.unwrap_or_else(|never| match never {})
    }

    /// The test inputs and roots of the Certificate Transparency reference implementation.
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let inputs =
            ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let bytes = |hex: &str| {
            let mut out = vec![0; hex.len() / 2];
            assert!(crate::hash::hex_into(hex, &mut out));
            out
        };
        let tree = Leaves(inputs.iter().map(|hex| bytes(hex)).collect());
        let roots = [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
            (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            (6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
            (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ];
        for (size, expected) in roots {
            assert_eq!(sure(root(&tree, size)).hex(), expected, "{size}");
        }
    }

    #[test]
    fn the_frontier_and_the_definition_agree() {
        let tree = leaves(300);
        let mut frontier = Frontier::default();
        for size in 0..300u64 {
            assert_eq!(frontier.root(), sure(root(&tree, size)), "{size}");
            assert_eq!(sure(Frontier::at(&tree, size)).root(), frontier.root(), "{size}");
            frontier.push(sure(tree.node(0, size)));
        }
    }

    proptest! {
        #[test]
        fn proofs_are_those_of_another_implementation(size in 1usize..200, pick in any::<prop::sample::Index>()) {
            let tree = leaves(size);
            let mut other = MemoryBackedTree::<sha2_digest::Sha256, Vec<u8>>::new();
            tree.0.iter().for_each(|leaf| other.push(leaf.clone()));
            let (index, size) = (pick.index(size), size as u64);
            let ours = sure(root(&tree, size));
            let theirs = other.root();
            prop_assert_eq!(&ours.0[..], &theirs.as_bytes()[..]);
            let bytes = |proof: Vec<Hash>| proof.iter().flat_map(|h| h.0).collect::<Vec<u8>>();
            let proof = sure(inclusion(&tree, index as u64, size));
            prop_assert_eq!(bytes(proof), other.prove_inclusion(index).as_bytes().to_vec());
        }

        #[test]
        fn every_proof_holds_and_no_other_does(new in 1u64..120, old in 0u64..120, index in 0u64..120, flip in any::<prop::sample::Index>()) {
            let tree = leaves(120);
            let (old, index) = (old % (new + 1), index % new);
            let (old_root, new_root) = (sure(root(&tree, old)), sure(root(&tree, new)));
            let leaf = sure(tree.node(0, index));
            let mut included = sure(inclusion(&tree, index, new));
            prop_assert!(proves_inclusion(&leaf, index, new, &included, &new_root));
            prop_assert!(!proves_inclusion(&leaf, new, new, &included, &new_root));
            let mut consistent = sure(consistency(&tree, old, new));
            prop_assert!(proves_consistency(old, &old_root, new, &new_root, &consistent));
            for proof in [&mut included, &mut consistent].into_iter().filter(|p| !p.is_empty()) {
                let place = flip.index(proof.len() * 256);
                proof[place / 256].0[place % 256 / 8] ^= 1 << (place % 8);
            }
            prop_assert!(included.is_empty() || !proves_inclusion(&leaf, index, new, &included, &new_root));
            prop_assert!(consistent.is_empty() || !proves_consistency(old, &old_root, new, &new_root, &consistent));
        }
    }
}
