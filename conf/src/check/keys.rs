//! Keys of clients: their ids, their stored hashes, their tenants.

use std::collections::HashMap;

use secrecy::SecretString;
use tollgate_auth::{Algorithm, Cost, Kind, StoredHash, StoredKey};

use crate::checked::{Key, KeyHashing, KeyLimits};
use crate::file::{AlgorithmFile, KeyFile, KeyHashingFile, Text};
use crate::located::Located;

use super::names::Names;
use super::{Desk, own_limits};

pub(super) fn hashing(file: &KeyHashingFile, desk: &mut Desk<'_>) -> KeyHashing {
    let KeyHashingFile { algorithm, bcrypt_cost, pepper, pepper_file } = file;
    let mut cost = Cost::DEFAULT;
    if let Some(given) = bcrypt_cost {
        match Cost::try_from(given.value) {
            Ok(proven) => cost = proven,
            Err(error) => desk.note(given, error.to_string(), ""),
        }
        if *algorithm == AlgorithmFile::Sha256 {
            desk.note(given, "`bcrypt_cost` means nothing to sha256", "write `algorithm: bcrypt`, or remove it");
        }
    }
    let algorithm = match algorithm {
        AlgorithmFile::Sha256 => Algorithm::Sha256,
        AlgorithmFile::Bcrypt => Algorithm::Bcrypt(cost),
    };
    KeyHashing { algorithm, pepper: secret("pepper", pepper.as_ref(), pepper_file.as_ref(), desk) }
}

/// A secret that is given in the file or in one of its own.
pub(super) fn secret(
    member: &str,
    given: Option<&Text>,
    file: Option<&Text>,
    desk: &mut Desk<'_>,
) -> Option<SecretString> {
    let (text, at) = match (given, file) {
        (None, None) => return None,
        (Some(_), Some(file)) => {
            let what = format!("`{member}` and `{member}_file` are both given");
            desk.note(file, what, "keep one of the two");
            return None;
        }
        (Some(given), None) => (given.value.clone(), given),
        (None, Some(file)) => {
            let (_, text) = desk.file(file, "the secret's file")?;
            (text.trim_end_matches(['\r', '\n']).to_owned(), file)
        }
    };
    if text.is_empty() {
        desk.note(at, "the secret is empty", format!("give its variable or file a value, or remove `{}`", member));
        return None;
    }
    Some(text.into())
}

/// Every tenant that a key belongs to.
pub(super) fn tenants(keys: &Located<Vec<Located<KeyFile>>>, desk: &Desk<'_>) -> Names {
    let is_complete = !desk.document.is_damaged(keys.place) && !keys.iter().any(|k| desk.document.is_damaged(k.place));
    Names::of(keys.iter().map(|key| key.tenant.as_str()), is_complete)
}

pub(super) fn keys(file: &[Located<KeyFile>], all: KeyLimits, desk: &mut Desk<'_>) -> Vec<Key> {
    let mut lines: HashMap<String, String> = HashMap::new();
    let mut keys = Vec::with_capacity(file.len());
    for key in file {
        let KeyFile { id, name, tenant, hash, revoked, limits } = &key.value;
        if tenant.is_empty() {
            desk.note(tenant, "the tenant is empty", "give it a name, or remove the member for `default`");
        }
        if let Some(first) = lines.get(&id.value) {
            let what = format!("the key `{}` is given twice, first at {first}", desk.shown(id));
            desk.note(id, what, "remove one of the two");
        } else {
            lines.insert(id.value.clone(), desk.document.at(id.place));
        }
        // Neither message repeats the text.
        let parsed_id = id.parse().map_err(|e: tollgate_auth::BadKeyId| desk.note(id, e.to_string(), "")).ok();
        let parsed_hash: Result<StoredHash, ()> =
            hash.parse().map_err(|e: tollgate_auth::BadHash| desk.note(hash, e.to_string(), ""));
        let (Some(id), Ok(hash)) = (parsed_id, parsed_hash) else { continue };
        let stored = StoredKey {
            id,
            kind: Kind::Inference,
            tenant: tenant.as_str().into(),
            name: name.as_str().into(),
            hash,
            revoked: *revoked,
        };
        keys.push(Key { stored, limits: own_limits(limits, all) });
    }
    keys
}
