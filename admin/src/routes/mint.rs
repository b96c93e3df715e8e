//! Making keys. Nobody makes one that may do more than their own, and its text leaves here once.

use serde::Serialize;
use serde_json::Value;
use tollgate_auth::Kind;
use tollgate_store::{Bindings, Key, KeyKind, Limits, Role, StoreError};
use utoipa::ToSchema;

use super::keys::{self, NewKey, NewOperatorKey, Rotation};
use crate::answer::value;
use crate::ask::Ask;
use crate::narrow;
use crate::refusal::{Code, Refusal};
use crate::rights::{Manager, Right, reaches};

/// The longest that a rotated key still works: seven days.
const GRACE_MAX_SECONDS: u32 = 7 * 24 * 3600;

/// A key just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// The key itself. It is shown here and never again.
    #[schema(example = "tgk_…")]
    key: String,
    /// What is kept of it.
    #[serde(flatten)]
    kept: Key,
}

/// All of a key but what is drawn for it.
struct Draft {
    /// The line that it goes on with; empty for one of its own.
    root: String,
    tenant: Option<String>,
    kind: KeyKind,
    name: String,
    member: Option<String>,
    role: Role,
    bindings: Bindings,
    limits: Limits,
    expires_ms: Option<i64>,
}

pub(crate) fn create(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let NewKey { kind, name, member, role, bindings, limits, expires_ms } = ask.body.read()?;
    let kind = kind.unwrap_or(KeyKind::Inference);
    if kind == KeyKind::Inference && role.is_some() {
        return Err(Refusal::invalid("an inference key has no role", "leave `role` out, or make a management key"));
    }
    let role = role.unwrap_or(Role::Member);
    if kind == KeyKind::Management && !ask.manager.ranks(role) {
        let message = "the `role` of this key is above that of the key that makes it";
        return Err(Refusal::new(Code::ScopeExceeded, message, "give it a lower role"));
    }
    // Until it is there nobody lowers its member's role, which would lower this key too.
    let _turn = (kind == KeyKind::Management).then(|| ask.turn());
    let draft = Draft {
        root: String::new(),
        tenant: Some(ask.tenant().to_owned()),
        kind,
        name: name.unwrap_or_default(),
        member: member_for(ask, member, kind, role)?,
        role,
        bindings: bindings_by(ask.manager, bindings.unwrap_or_default())?,
        limits: limits.unwrap_or_default(),
        expires_ms,
    };
    let made = make(ask, draft)?;
    ask.changed(&format!("key {} created", made.kept.id));
    value(&made)
}

pub(crate) fn create_operators(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let NewOperatorKey { name, bindings, expires_ms } = ask.body.read()?;
    let draft = Draft {
        root: String::new(),
        tenant: None,
        kind: KeyKind::Management,
        name: name.unwrap_or_default(),
        member: None,
        role: Role::Owner,
        bindings: bindings_by(ask.manager, bindings.unwrap_or_default())?,
        limits: Limits::default(),
        expires_ms,
    };
    let made = make(ask, draft)?;
    ask.changed(&format!("operator key {} created", made.kept.id));
    value(&made)
}

pub(crate) fn rotate(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let Rotation { grace_seconds } = ask.body.read()?;
    let grace = grace_seconds.unwrap_or_default();
    if grace > GRACE_MAX_SECONDS {
        return Err(Refusal::invalid("`grace_seconds` is too long", format!("write at most {GRACE_MAX_SECONDS}")));
    }
    let _turn = ask.turn();
    let old = keys::commanded(ask)?;
    if old.revoked_ms.is_some() || old.expires_ms.is_some_and(|end| end <= ask.now()) {
        return Err(Refusal::new(Code::Conflict, "this key works no more", "make a new key"));
    }
    let Key { root, tenant, kind, name, member, role, bindings, limits, expires_ms, .. } = old.clone();
    let bindings = bindings_by(ask.manager, bindings)?;
    let made = make(ask, Draft { root, tenant, kind, name, member, role, bindings, limits, expires_ms })?;
    if let Err(refusal) = end(ask, &old, grace) {
        // Beside an old key that never ends it must not stay.
        ask.store().revoke_key(&ask.scope, ask.tenant(), &made.kept.id, ask.now())?;
        return Err(refusal);
    }
    ask.changed(&format!("key {} rotated to {}", old.id, made.kept.id));
    value(&made)
}

fn end(ask: &Ask<'_>, old: &Key, grace: u32) -> Result<(), Refusal> {
    let now = ask.now();
    if grace == 0 {
        ask.store().revoke_key(&ask.scope, ask.tenant(), &old.id, now)?;
        return Ok(());
    }
    let end = now.saturating_add(i64::from(grace) * 1000);
    let end = old.expires_ms.map_or(end, |before| before.min(end));
    ask.store().change_key(&ask.scope, &Key { expires_ms: Some(end), ..old.clone() })?;
    Ok(())
}

fn make(ask: &Ask<'_>, draft: Draft) -> Result<MadeKey, Refusal> {
    expires_within(ask, draft.expires_ms)?;
    let kind = match draft.kind {
        KeyKind::Inference => Kind::Inference,
        KeyKind::Management => Kind::Management,
    };
    let new = tollgate_auth::NewKey::generate(kind, drawn()?);
    let minting = (ask.admin.minting)();
    let Draft { root, tenant, kind, name, member, role, bindings, limits, expires_ms } = draft;
    let key = Key {
        id: new.id().to_string(),
        root,
        tenant,
        kind,
        name,
        member,
        role,
        hash: new.hash(minting.algorithm, drawn()?, &minting.pepper).to_string(),
        bindings,
        limits,
        created_ms: ask.now(),
        expires_ms,
        revoked_ms: None,
    };
    Ok(MadeKey { kept: ask.store().create_key(&ask.scope, key)?, key: new.reveal().to_owned() })
}

fn drawn<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut random = [0; N];
    getrandom::fill(&mut random).map_err(|_| Refusal::internal("the system gives no randomness"))?;
    Ok(random)
}

/// Whose the new key is: a member's keys are its own, and a key above its member is nobody's to give.
fn member_for(ask: &Ask<'_>, asked: Option<String>, kind: KeyKind, role: Role) -> Result<Option<String>, Refusal> {
    let member = if ask.manager.is_plain_member() {
        let own = ask.manager.member.clone().ok_or_else(|| Refusal::forbidden(Right::Change.says()))?;
        if asked.is_some_and(|asked| asked != own) {
            return Err(Refusal::forbidden(Right::Change.says()));
        }
        Some(own)
    } else {
        asked
    };
    ask.tenant_is_there()?;
    let managing = kind == KeyKind::Management;
    match &member {
        None if managing && role == Role::Member => {
            Err(Refusal::invalid("a management key of role `member` is for one member", "name it in `member`"))
        }
        None => Ok(None),
        Some(id) => {
            let of = ask.store().member(&ask.scope, ask.tenant(), id).map_err(no_member)?;
            if managing && !reaches(of.role, role) {
                let remedy = "give it a role that its member may give, or change the member's role first";
                return Err(Refusal::invalid("the `role` of this key is above that of its member", remedy));
            }
            Ok(member)
        }
    }
}

fn no_member(error: StoreError) -> Refusal {
    match error {
        StoreError::NotFound => {
            Refusal::invalid("`member` is no member of this tenant", "see `GET …/members` for their ids")
        }
        other => other.into(),
    }
}

/// Bindings that this one may give a key.
pub(crate) fn bindings_by(manager: &Manager, bindings: Bindings) -> Result<Bindings, Refusal> {
    let bindings = narrow::tidy(bindings)?;
    narrow::within(&manager.bindings, &bindings)?;
    Ok(bindings)
}

/// No key outlives the one that makes it, and none is made dead.
pub(crate) fn expires_within(ask: &Ask<'_>, expires_ms: Option<i64>) -> Result<(), Refusal> {
    if expires_ms.is_some_and(|end| end <= ask.now()) {
        return Err(Refusal::invalid("`expires_ms` is over", "write milliseconds since 1970 that are still to come"));
    }
    match end_of_maker(ask)? {
        Some(end) if expires_ms.is_none_or(|new| new > end) => Err(Refusal::new(
            Code::ScopeExceeded,
            "this key would outlive the key that makes it",
            format!("write an `expires_ms` of at most {end}"),
        )),
        _ => Ok(()),
    }
}

/// When the key that asks ends. One that the store does not know, such as the command line's, does not.
fn end_of_maker(ask: &Ask<'_>) -> Result<Option<i64>, Refusal> {
    let id = &ask.manager.key;
    let found = match &ask.manager.tenant {
        Some(tenant) => ask.store().key(&ask.scope, tenant, id),
        None => ask.store().operator_key(&ask.scope, id),
    };
    match found {
        Ok(key) if key.revoked_ms.is_some() => Err(Refusal::invalid_key()),
        Ok(key) => Ok(key.expires_ms),
        Err(StoreError::NotFound) => Ok(None),
        Err(other) => Err(other.into()),
    }
}
