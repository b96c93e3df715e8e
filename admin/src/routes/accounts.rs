//! Tenants, and who asks.

use serde::Serialize;
use serde_json::Value;
use tollgate_store::{Bindings, Deadlines, Limits, Role, Tenant};
use utoipa::ToSchema;

use super::deadlines::ChangedDeadlines;
use crate::answer::{page, value};
use crate::ask::Ask;
use crate::form::{Body, Form};
use crate::refusal::Refusal;
use crate::rights::Right;

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// The public id of the key.
    key: String,
    /// Whose it is; `null` for the operator.
    tenant: Option<String>,
    /// `operator`, or the role in the tenant.
    #[schema(example = "owner")]
    role: Value,
    /// The member it belongs to.
    member: Option<String>,
    /// What it is bound to, and so every key that it makes.
    bindings: Bindings,
}

pub(crate) fn me(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let manager = ask.manager.clone();
    let role = if manager.tenant.is_some() { value(&manager.role)? } else { "operator".into() };
    value(&Me { key: manager.key, tenant: manager.tenant, role, member: manager.member, bindings: manager.bindings })
}

/// A tenant to be made.
#[derive(ToSchema)]
pub(crate) struct NewTenant {
    /// Its name in ids, logs and paths: lower-case letters, digits and `-`, at most 63.
    id: String,
    /// Its name for people; the id where none is given.
    name: Option<String>,
    /// Whether only its own credentials may be used.
    byok_only: Option<bool>,
    /// Limits of the tenant as a whole.
    limits: Option<Limits>,
    /// How its requests meet deadlines; as configured where nothing is said.
    #[schema(value_type = Option<Deadlines>)]
    deadlines: Option<ChangedDeadlines>,
}

impl Body for NewTenant {
    const MEMBERS: &'static [&'static str] = &["id", "name", "byok_only", "limits", "deadlines"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self {
            id: form.needed_text("id")?,
            name: form.text("name")?,
            byok_only: form.flag("byok_only")?,
            limits: form.nested("limits")?,
            deadlines: form.nested("deadlines")?,
        })
    }
}

/// What changes of a tenant.
#[derive(ToSchema)]
pub(crate) struct ChangedTenant {
    /// Its name for people.
    name: Option<String>,
    /// Whether only its own credentials may be used.
    byok_only: Option<bool>,
    /// Whether its keys are refused for now. Only for the operator.
    suspended: Option<bool>,
    /// Limits of the tenant as a whole. Only for the operator.
    limits: Option<Limits>,
    /// How its requests meet deadlines. Each member that is there replaces what was; `null` is as configured.
    #[schema(value_type = Option<Deadlines>)]
    deadlines: Option<ChangedDeadlines>,
}

impl Body for ChangedTenant {
    const MEMBERS: &'static [&'static str] = &["name", "byok_only", "suspended", "limits", "deadlines"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self {
            name: form.text("name")?,
            byok_only: form.flag("byok_only")?,
            suspended: form.flag("suspended")?,
            limits: form.nested("limits")?,
            deadlines: form.nested("deadlines")?,
        })
    }
}

pub(crate) fn list(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let limit = ask.query.limit()?;
    page(&ask.store().tenants(&ask.scope, ask.query.get("after"), limit)?, limit, |tenant| &tenant.id)
}

pub(crate) fn create(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let NewTenant { id, name, byok_only, limits, deadlines } = ask.body.read()?;
    let tenant = Tenant {
        name: name.unwrap_or_else(|| id.clone()),
        id,
        suspended: false,
        byok_only: byok_only.unwrap_or_default(),
        limits: limits.unwrap_or_default(),
        deadlines: deadlines.unwrap_or_default().of(Deadlines::default()),
        created_ms: ask.now(),
    };
    let made = ask.store().create_tenant(&ask.scope, tenant)?;
    ask.changed_of(Some(&made.id), "tenant created");
    value(&made)
}

pub(crate) fn show(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    value(&ask.store().tenant(&ask.scope, ask.tenant())?)
}

pub(crate) fn change(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let ChangedTenant { name, byok_only, suspended, limits, deadlines } = ask.body.read()?;
    let for_operator = suspended.is_some() || limits.is_some();
    if for_operator && !Right::Operate.is_of(ask.manager) {
        return Err(Refusal::forbidden(Right::Operate.says()));
    }
    let _turn = ask.turn();
    let was = ask.store().tenant(&ask.scope, ask.tenant())?;
    let new = Tenant {
        name: name.unwrap_or(was.name),
        byok_only: byok_only.unwrap_or(was.byok_only),
        suspended: suspended.unwrap_or(was.suspended),
        limits: limits.unwrap_or(was.limits),
        deadlines: deadlines.unwrap_or_default().of(was.deadlines),
        ..was
    };
    let new = ask.store().change_tenant(&ask.scope, &new)?;
    ask.changed(match suspended {
        Some(true) => "tenant suspended",
        Some(false) => "tenant no longer suspended",
        None => "tenant changed",
    });
    value(&new)
}

pub(crate) fn remove(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    ask.store().remove_tenant(&ask.scope, ask.tenant())?;
    ask.changed("tenant removed");
    Ok(Value::Null)
}

/// The words of the roles.
pub(crate) const ROLES: &[(&str, Role)] =
    &[("owner", Role::Owner), ("admin", Role::Admin), ("member", Role::Member), ("auditor", Role::Auditor)];
