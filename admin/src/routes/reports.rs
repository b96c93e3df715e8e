//! What was used, what a month came to, and what the audit log holds. It changes nothing.

use std::collections::HashSet;

use serde_json::{Value, json};
use tollgate_store::{Key, Usage};

use crate::answer::value;
use crate::ask::Ask;
use crate::refusal::{Code, Refusal};

/// How many keys are read at once.
const BATCH: usize = 1000;

pub(crate) fn usage(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let (from, to) = (ask.query.needed("from")?, ask.query.needed("to")?);
    let key = ask.query.get("key");
    let own = if ask.manager.is_plain_member() { Some(own_keys(ask)?) } else { None };
    if let (Some(own), Some(key)) = (&own, key)
        && !own.contains(key)
    {
        return Err(Refusal::not_found());
    }
    let mut found: Vec<Usage> = ask.store().usage(&ask.scope, ask.tenant(), from, to, key)?;
    found.retain(|used| own.as_ref().is_none_or(|own| own.contains(&used.key)));
    Ok(json!({"data": value(&found)?}))
}

fn own_keys(ask: &Ask<'_>) -> Result<HashSet<String>, Refusal> {
    let mut all = HashSet::new();
    let Some(member) = &ask.manager.member else { return Ok(all) };
    let mut after: Option<String> = None;
    loop {
        let batch: Vec<Key> = ask.store().keys_of_member(&ask.scope, ask.tenant(), member, after.as_deref(), BATCH)?;
        after = batch.last().filter(|_| batch.len() == BATCH).map(|last| last.id.clone());
        all.extend(batch.into_iter().map(|key| key.id));
        if after.is_none() {
            return Ok(all);
        }
    }
}

pub(crate) fn statement(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    value(&ask.store().statement(&ask.scope, ask.tenant(), ask.id("month"))?)
}

pub(crate) fn records(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let (before, limit) = (ask.query.number("before")?, ask.query.limit()?);
    let found = ask.admin.books.records(ask.tenant(), before, limit).map_err(unreadable)?;
    Ok(json!({"data": found}))
}

pub(crate) fn record(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let found = ask.admin.books.record(ask.tenant(), ask.id("id")).map_err(unreadable)?;
    found.ok_or_else(Refusal::not_found)
}

fn unreadable(why: String) -> Refusal {
    tracing::warn!(why, "the audit log cannot be read");
    Refusal::new(Code::RecordsUnreachable, "the audit log cannot be read", "try again later")
}
