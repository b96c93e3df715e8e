//! Limits of tenants and of keys, as things of their own.

use serde_json::Value;
use tollgate_store::{Key, Limits, Tenant};

use super::keys::{commanded, seen};
use crate::answer::value;
use crate::ask::Ask;
use crate::refusal::Refusal;

pub(crate) fn of_tenant(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    value(&ask.store().tenant(&ask.scope, ask.tenant())?.limits)
}

pub(crate) fn put_tenant(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let limits: Limits = ask.body.read()?;
    let _turn = ask.turn();
    let was = ask.store().tenant(&ask.scope, ask.tenant())?;
    let new = ask.store().change_tenant(&ask.scope, &Tenant { limits, ..was })?;
    ask.changed("limits of the tenant changed");
    value(&new.limits)
}

pub(crate) fn of_key(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    value(&seen(ask)?.limits)
}

pub(crate) fn put_key(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let limits: Limits = ask.body.read()?;
    let _turn = ask.turn();
    let new = ask.store().change_key(&ask.scope, &Key { limits, ..commanded(ask)? })?;
    ask.changed(&format!("limits of key {} changed", new.id));
    value(&new.limits)
}
