//! Members of a tenant.

use serde_json::Value;
use tollgate_store::{Key, KeyKind, Member, Role};
use utoipa::ToSchema;

use super::accounts::ROLES;
use crate::answer::{page, value};
use crate::ask::Ask;
use crate::form::{Body, Form};
use crate::refusal::Refusal;
use crate::rights::reaches;

/// How many keys are read at once.
const BATCH: usize = 1000;

/// A member to be made.
#[derive(ToSchema)]
pub(crate) struct NewMember {
    /// Unique within the tenant.
    email: String,
    /// For people.
    name: Option<String>,
    /// What it may do; `member` where nothing is said.
    role: Option<Role>,
}

impl Body for NewMember {
    const MEMBERS: &'static [&'static str] = &["email", "name", "role"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self { email: form.needed_text("email")?, name: form.text("name")?, role: form.choice("role", ROLES)? })
    }
}

/// What changes of a member.
#[derive(ToSchema)]
pub(crate) struct ChangedMember {
    /// Unique within the tenant.
    email: Option<String>,
    /// For people.
    name: Option<String>,
    /// What it may do. Its management keys that may do more are lowered to it.
    role: Option<Role>,
}

impl Body for ChangedMember {
    const MEMBERS: &'static [&'static str] = &["email", "name", "role"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self { email: form.text("email")?, name: form.text("name")?, role: form.choice("role", ROLES)? })
    }
}

pub(crate) fn list(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let limit = ask.query.limit()?;
    let found = ask.store().members(&ask.scope, ask.tenant(), ask.query.get("after"), limit)?;
    page(&found, limit, |member| &member.id)
}

pub(crate) fn create(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let NewMember { email, name, role } = ask.body.read()?;
    let role = role.unwrap_or(Role::Member);
    ranks(ask, role)?;
    let member = Member {
        id: String::new(),
        tenant: ask.tenant().to_owned(),
        email,
        name: name.unwrap_or_default(),
        role,
        created_ms: ask.now(),
    };
    let made = ask.store().create_member(&ask.scope, member)?;
    ask.changed(&format!("member {} created", made.id));
    value(&made)
}

pub(crate) fn show(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    value(&ask.store().member(&ask.scope, ask.tenant(), ask.id("member"))?)
}

pub(crate) fn change(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let ChangedMember { email, name, role } = ask.body.read()?;
    let _turn = ask.turn();
    let was = ask.store().member(&ask.scope, ask.tenant(), ask.id("member"))?;
    let role = role.unwrap_or(was.role);
    ranks(ask, was.role)?;
    ranks(ask, role)?;
    let new = Member { email: email.unwrap_or(was.email), name: name.unwrap_or(was.name), role, ..was };
    let new = ask.store().change_member(&ask.scope, &new)?;
    lower_keys(ask, &new)?;
    ask.changed(&format!("member {} changed", new.id));
    value(&new)
}

pub(crate) fn remove(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let _turn = ask.turn();
    let id = ask.id("member");
    ranks(ask, ask.store().member(&ask.scope, ask.tenant(), id)?.role)?;
    ask.store().remove_member(&ask.scope, ask.tenant(), id, ask.now())?;
    ask.changed(&format!("member {id} removed, with its keys"));
    Ok(Value::Null)
}

/// No key of a member may do more than its member. Where this stops in the middle, the same change again
/// does the rest.
fn lower_keys(ask: &Ask<'_>, member: &Member) -> Result<(), Refusal> {
    let mut after: Option<String> = None;
    loop {
        let keys = ask.store().keys_of_member(&ask.scope, ask.tenant(), &member.id, after.as_deref(), BATCH)?;
        let above = |key: &&Key| key.kind == KeyKind::Management && !reaches(member.role, key.role);
        for key in keys.iter().filter(above) {
            ask.store().change_key(&ask.scope, &Key { role: member.role, ..key.clone() })?;
        }
        match keys.last() {
            Some(last) if keys.len() == BATCH => after = Some(last.id.clone()),
            _ => return Ok(()),
        }
    }
}

/// An admin makes no owners, and leaves those there are alone.
fn ranks(ask: &Ask<'_>, role: Role) -> Result<(), Refusal> {
    if ask.manager.ranks(role) { Ok(()) } else { Err(Refusal::forbidden("owner")) }
}
