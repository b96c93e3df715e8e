//! Keys that are there, and the bodies for new ones. It makes none: see `mint`.

use serde_json::Value;
use tollgate_store::{Bindings, Key, KeyKind, Limits, Role};
use utoipa::ToSchema;

use super::accounts::ROLES;
use super::mint;
use crate::answer::{page, value};
use crate::ask::Ask;
use crate::form::{Body, Form};
use crate::refusal::Refusal;
use crate::rights::Right;

/// A key to be made.
#[derive(ToSchema)]
pub(crate) struct NewKey {
    /// What it is for; `inference` where nothing is said.
    pub(crate) kind: Option<KeyKind>,
    /// For people.
    pub(crate) name: Option<String>,
    /// The member it belongs to. A member's own where a member asks.
    pub(crate) member: Option<String>,
    /// What a management key may do: `member` where nothing is said. Not above the key that makes it, nor
    /// above its member. An inference key has none.
    pub(crate) role: Option<Role>,
    /// What it is bound to. Within what the key that makes it is bound to.
    pub(crate) bindings: Option<Bindings>,
    /// Its own limits.
    pub(crate) limits: Option<Limits>,
    /// When it stops working, in milliseconds since 1970. Not later than the key that makes it.
    pub(crate) expires_ms: Option<i64>,
}

impl Body for NewKey {
    const MEMBERS: &'static [&'static str] = &["kind", "name", "member", "role", "bindings", "limits", "expires_ms"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        let kinds = [("inference", KeyKind::Inference), ("management", KeyKind::Management)];
        Ok(Self {
            kind: form.choice("kind", &kinds)?,
            name: form.text("name")?,
            member: form.text("member")?,
            role: form.choice("role", ROLES)?,
            bindings: form.nested("bindings")?,
            limits: form.nested("limits")?,
            expires_ms: moment(form)?,
        })
    }
}

/// A management key of the operator's, to be made.
#[derive(ToSchema)]
pub(crate) struct NewOperatorKey {
    /// For people.
    pub(crate) name: Option<String>,
    /// What it is bound to.
    pub(crate) bindings: Option<Bindings>,
    /// When it stops working, in milliseconds since 1970.
    pub(crate) expires_ms: Option<i64>,
}

impl Body for NewOperatorKey {
    const MEMBERS: &'static [&'static str] = &["name", "bindings", "expires_ms"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self { name: form.text("name")?, bindings: form.nested("bindings")?, expires_ms: moment(form)? })
    }
}

/// What changes of a key. What is not there stays as it is.
#[derive(ToSchema)]
pub(crate) struct ChangedKey {
    /// For people.
    name: Option<String>,
    /// What it is bound to, all of it.
    bindings: Option<Bindings>,
    /// Its limits, all of them.
    limits: Option<Limits>,
    /// When it stops working, in milliseconds since 1970; `null` for never.
    #[schema(value_type = Option<i64>)]
    expires_ms: Option<Option<i64>>,
}

impl Body for ChangedKey {
    const MEMBERS: &'static [&'static str] = &["name", "bindings", "limits", "expires_ms"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        let named = form.has("expires_ms");
        Ok(Self {
            name: form.text("name")?,
            bindings: form.nested("bindings")?,
            limits: form.nested("limits")?,
            expires_ms: Some(moment(form)?).filter(|_| named),
        })
    }
}

/// How a key is rotated.
#[derive(ToSchema)]
pub(crate) struct Rotation {
    /// For how long the old key still works, at most seven days; it ends now where nothing is said.
    pub(crate) grace_seconds: Option<u32>,
}

impl Body for Rotation {
    const MEMBERS: &'static [&'static str] = &["grace_seconds"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self { grace_seconds: form.count("grace_seconds")? })
    }
}

fn moment(form: &mut Form) -> Result<Option<i64>, Refusal> {
    form.count::<i64>("expires_ms")
}

pub(crate) fn list(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let limit = ask.query.limit()?;
    let (store, after) = (ask.store(), ask.query.get("after"));
    let found = match whose(ask)? {
        Whose::Everyones => store.keys(&ask.scope, ask.tenant(), after, limit)?,
        Whose::Members(member) => store.keys_of_member(&ask.scope, ask.tenant(), &member, after, limit)?,
        Whose::Nobodys => Vec::new(),
    };
    page(&found, limit, |key| &key.id)
}

pub(crate) fn show(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    value(&seen(ask)?)
}

pub(crate) fn change(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let ChangedKey { name, bindings, limits, expires_ms } = ask.body.read()?;
    let bindings = bindings.map(|bindings| mint::bindings_by(ask.manager, bindings)).transpose()?;
    if let Some(expires_ms) = expires_ms {
        mint::expires_within(ask, expires_ms)?;
    }
    let _turn = ask.turn();
    let was = commanded(ask)?;
    let new = Key {
        name: name.unwrap_or(was.name),
        bindings: bindings.unwrap_or(was.bindings),
        limits: limits.unwrap_or(was.limits),
        expires_ms: expires_ms.unwrap_or(was.expires_ms),
        ..was
    };
    let new = ask.store().change_key(&ask.scope, &new)?;
    ask.changed(&format!("key {} changed", new.id));
    value(&new)
}

pub(crate) fn revoke(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let key = commanded(ask)?;
    let key = ask.store().revoke_key(&ask.scope, ask.tenant(), &key.id, ask.now())?;
    ask.changed(&format!("key {} revoked", key.id));
    value(&key)
}

pub(crate) fn list_operators(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let limit = ask.query.limit()?;
    page(&ask.store().operator_keys(&ask.scope, ask.query.get("after"), limit)?, limit, |key| &key.id)
}

pub(crate) fn revoke_operators(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let key = ask.store().revoke_operator_key(&ask.scope, ask.id("key"), ask.now())?;
    ask.changed(&format!("operator key {} revoked", key.id));
    value(&key)
}

/// Whose keys are asked for.
enum Whose {
    Everyones,
    Members(String),
    /// A member's management key that belongs to no member.
    Nobodys,
}

fn whose(ask: &Ask<'_>) -> Result<Whose, Refusal> {
    let asked = ask.query.get("member").map(str::to_owned);
    if !ask.manager.is_plain_member() {
        return Ok(asked.map_or(Whose::Everyones, Whose::Members));
    }
    match (ask.manager.member.clone(), asked) {
        (own, Some(asked)) if own.as_ref() != Some(&asked) => Err(Refusal::not_found()),
        (Some(own), _) => Ok(Whose::Members(own)),
        (None, _) => Ok(Whose::Nobodys),
    }
}

/// The key of the path, where it exists for who asks.
pub(crate) fn seen(ask: &Ask<'_>) -> Result<Key, Refusal> {
    let key = ask.store().key(&ask.scope, ask.tenant(), ask.id("key"))?;
    if ask.manager.sees(&key) { Ok(key) } else { Err(Refusal::not_found()) }
}

/// The key of the path, where who asks may change it: an admin leaves owners' keys alone.
pub(crate) fn commanded(ask: &Ask<'_>) -> Result<Key, Refusal> {
    let key = seen(ask)?;
    if ask.manager.commands(&key) { Ok(key) } else { Err(Refusal::forbidden(Right::Own.says())) }
}
