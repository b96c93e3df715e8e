//! Ids that the store makes. It makes none of keys: those are part of their secrets' text.

use crate::error::StoreError;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 12;

/// An id for a member, `mem_…`.
///
/// # Errors
/// The machine has no randomness to give.
pub fn member_id() -> Result<String, StoreError> {
    fresh("mem_")
}

/// An id for a credential, `crd_…`: its seal is bound to it, so it is needed before the row.
///
/// # Errors
/// The machine has no randomness to give.
pub fn credential_id() -> Result<String, StoreError> {
    fresh("crd_")
}

/// An id for a budget, `bud_…`.
///
/// # Errors
/// The machine has no randomness to give.
pub fn budget_id() -> Result<String, StoreError> {
    fresh("bud_")
}

/// An id given by the caller, checked, or a fresh one for an empty one.
pub(crate) fn kept_or_fresh(prefix: &str, given: String) -> Result<String, StoreError> {
    if given.is_empty() {
        return fresh(prefix);
    }
    let rest = given.strip_prefix(prefix).unwrap_or_default();
    if rest.len() == LENGTH && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(given);
    }
    Err(StoreError::invalid("the id", format!("leave it empty, or write {prefix} and {LENGTH} letters and digits")))
}

fn fresh(prefix: &str) -> Result<String, StoreError> {
    let mut id = prefix.to_owned();
    while id.len() < prefix.len() + LENGTH {
        let mut random = [0u8; 2 * LENGTH];
        getrandom::fill(&mut random).map_err(|error| StoreError::Unreachable(format!("no randomness: {error}")))?;
        // Those above are dropped: each letter is as likely as any other.
        let letters = random.iter().filter(|byte| **byte < 248).map(|byte| LETTERS[usize::from(*byte) % 62] as char);
        id.extend(letters.take(prefix.len() + LENGTH - id.len()));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_have_their_shape_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| budget_id().expect("it works")).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!(kept_or_fresh("bud_", id.clone()), Ok(id));
        }
    }

    #[test]
    fn an_id_of_another_shape_is_refused() {
        for bad in ["bud_", "mem_0123456789ab", "bud_0123456789a", "bud_0123456789a/", "0123456789ab"] {
            assert!(kept_or_fresh("bud_", bad.into()).is_err(), "{bad}");
        }
    }
}
