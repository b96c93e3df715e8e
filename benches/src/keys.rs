//! Many keys, told by their numbers: the same in every run. It keeps none of their texts.

use std::io::{self, BufRead, Read};
use std::path::Path;

use anyhow::Context;
use tollgate_auth::{Algorithm, Kind, NewKey, Pepper, StoredHash};
use tollgate_store::{Bindings, Key, KeyKind, Limits, Role, Scope, Store, Tenant};

/// Among so many tenants they are spread.
const TENANTS: u64 = 1000;

/// What stands in the pattern of a row for the tenant, the id and the stored form of a secret.
const TENANT: &str = "pattern-of-a-tenant";
const ID: &str = "pAtTeRn0";
const HASH: &str = "pattern of a stored secret";

/// The key of this number.
pub(crate) fn key(number: u64) -> NewKey {
    let mut random = [0; 40];
    for (piece, place) in random.chunks_exact_mut(8).zip(0..) {
        piece.copy_from_slice(&mixed(5 * number + place).to_le_bytes());
    }
    NewKey::generate(Kind::Inference, random)
}

/// What is stored of its secret.
pub(crate) fn stored(number: u64, key: &NewKey) -> StoredHash {
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&mixed(!number).to_le_bytes());
    key.hash(Algorithm::Sha256, salt, &Pepper::none())
}

/// The number of its tenant.
pub(crate) fn tenant_of(number: u64) -> u64 {
    number % TENANTS
}

/// The id of that tenant.
pub(crate) fn tenant(number: u64) -> String {
    format!("tenant-{:03}", tenant_of(number))
}

/// How many tenants so many keys have.
pub(crate) fn tenants(keys: u64) -> u64 {
    keys.min(TENANTS)
}

/// Bits without a pattern, the same for the same number (SplitMix64).
pub(crate) fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Makes a store in this file that holds the keys below this number, in the order of their numbers.
///
/// One by one each would be a transaction; a backup is restored in one. How a row is written there is the
/// store's own business: it is copied from the backup of a store that holds one tenant and one key.
pub(crate) fn fill(file: &Path, keys: u64) -> anyhow::Result<()> {
    let pattern = pattern(&file.with_extension("pattern"))?;
    let line = |table: &str| {
        let start = format!("{{\"table\":\"{table}\"");
        let line = pattern.lines().find(|line| line.starts_with(&start));
        line.with_context(|| format!("no row of {table} in a backup"))
    };
    let (of_tenant, of_key) = (line("tenants")?, line("keys")?);
    let header = pattern.lines().next().context("a backup is empty")?.to_owned();
    let footer = format!("{{\"rows\":{}}}", tenants(keys) + keys);
    let all_tenants = (0..tenants(keys)).map(|number| of_tenant.replace(TENANT, &tenant(number)));
    let all_keys = (0..keys).map(|number| {
        let key = key(number);
        let row = of_key.replace(TENANT, &tenant(number)).replace(ID, key.id().as_str());
        row.replace(HASH, &stored(number, &key).to_string())
    });
    let lines = std::iter::once(header).chain(all_tenants).chain(all_keys).chain(std::iter::once(footer));
    let store = Store::open(&url(file))?;
    Ok(store.restore(&mut Lines { lines, text: String::new(), at: 0 })?)
}

/// How a store in this file is named.
pub(crate) fn url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// The backup of a store with one tenant and one key.
fn pattern(file: &Path) -> anyhow::Result<String> {
    let store = Store::open(&url(file))?;
    let scope = Scope::Operator;
    let tenant = Tenant {
        id: TENANT.to_owned(),
        name: TENANT.to_owned(),
        suspended: false,
        byok_only: false,
        limits: Limits::default(),
        deadlines: Default::default(),
        created_ms: 0,
    };
    store.create_tenant(&scope, tenant)?;
    let key = Key {
        id: ID.to_owned(),
        root: ID.to_owned(),
        tenant: Some(TENANT.to_owned()),
        kind: KeyKind::Inference,
        name: format!("key {ID}"),
        member: None,
        role: Role::Member,
        hash: HASH.to_owned(),
        bindings: Bindings::default(),
        limits: Limits::default(),
        created_ms: 0,
        expires_ms: None,
        revoked_ms: None,
    };
    store.create_key(&scope, key)?;
    let mut backup = Vec::new();
    store.backup(&mut backup)?;
    Ok(String::from_utf8(backup)?)
}

/// Lines that are made as they are read.
struct Lines<I> {
    lines: I,
    text: String,
    at: usize,
}

impl<I: Iterator<Item = String>> Read for Lines<I> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<I: Iterator<Item = String>> BufRead for Lines<I> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.text.len()
            && let Some(next) = self.lines.next()
        {
            self.text = next;
            self.text.push('\n');
            self.at = 0;
        }
        Ok(&self.text.as_bytes()[self.at..])
    }

    fn consume(&mut self, read: usize) {
        self.at += read;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tollgate_auth::parse;

    use super::*;
    use crate::gateway::Folder;

    #[test]
    fn a_number_says_which_key_it_is() {
        assert_eq!(key(7).reveal(), key(7).reveal());
        let ids: HashSet<_> = (0..10_000).map(|number| key(number).id()).collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn a_filled_store_holds_every_key_with_its_tenant_and_its_secret() {
        let folder = Folder::new().expect("a folder");
        let file = folder.path().join("keys.db");
        fill(&file, 1500).expect("it is filled");
        let store = Store::open(&url(&file)).expect("it opens");
        let mut found = 0;
        store.all_keys(&mut |_| found += 1).expect("it is read");
        assert_eq!((found, store.all_tenants().expect("it is read").len()), (1500, 1000));
        let text = key(1234);
        let there = store.key(&Scope::Operator, &tenant(1234), text.id().as_str()).expect("it is there");
        let hash: StoredHash = there.hash.parse().expect("a stored hash");
        assert!(hash == stored(1234, &text) && parse(text.reveal().as_bytes()).is_ok());
    }
}
