//! What only the operator does: nodes of the ledger, and the rotation of the vault's key.

use serde::Serialize;
use serde_json::{Value, json};
use tollgate_store::{Credential, StoreError};
use tollgate_vault::{MasterKeys, SealRandom};
use utoipa::ToSchema;

use super::credentials::context;
use crate::answer::value;
use crate::ask::Ask;
use crate::refusal::Refusal;

/// A node that the ledger has seen.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeenNode {
    /// Its name.
    node: String,
    /// How often it has started.
    epoch: i64,
    /// When it was last heard of, milliseconds since 1970.
    seen_ms: i64,
}

/// What resealing came to.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Resealed {
    /// How many credentials were sealed anew.
    resealed: usize,
    /// How many were under the newest master key already, or were replaced meanwhile.
    current: usize,
    /// The ids of those that do not open: they have to be entered again.
    failed: Vec<String>,
}

pub(crate) fn nodes(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let nodes = ask.store().nodes()?.into_iter();
    let nodes: Vec<_> =
        nodes.map(|node| SeenNode { node: node.node, epoch: node.epoch, seen_ms: node.seen_ms }).collect();
    Ok(json!({"data": value(&nodes)?}))
}

pub(crate) fn write_off(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let node = ask.id("node");
    if ask.store().nodes()?.iter().all(|known| known.node != node) {
        return Err(Refusal::not_found());
    }
    ask.store().write_off(node)?;
    ask.changed(&format!("node {node} written off"));
    Ok(Value::Null)
}

pub(crate) fn reseal(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let master = (ask.admin.master)();
    let mut done = Resealed::default();
    for credential in ask.store().all_credentials()? {
        if !master.needs_resealing(&credential.sealed) {
            done.current += 1;
            continue;
        }
        match anew(&master, &credential)? {
            None => done.failed.push(credential.id),
            Some(sealed) => match ask.store().reseal(&credential.id, credential.version, &sealed) {
                Ok(()) => done.resealed += 1,
                Err(StoreError::Conflict(_) | StoreError::NotFound) => done.current += 1,
                Err(other) => return Err(other.into()),
            },
        }
    }
    ask.changed(&format!("{} credentials resealed, {} failed", done.resealed, done.failed.len()));
    value(&done)
}

fn anew(master: &MasterKeys, credential: &Credential) -> Result<Option<Vec<u8>>, Refusal> {
    let random = SealRandom::draw().map_err(|_| Refusal::internal("the system gives no randomness"))?;
    let opened = master.reseal(&context(credential), &credential.sealed, random);
    Ok(opened.inspect_err(|error| tracing::warn!(%error, id = credential.id, "a credential does not open")).ok())
}
