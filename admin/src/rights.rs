//! Who manages, and which right each of them has. It verifies no key.

use std::net::IpAddr;

use tollgate_store::{Bindings, Key, KeyKind, Role, Scope};

/// The address of the client, as an extension of the request. Where it is missing none is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct From(pub IpAddr);

/// Who manages. Comes only from a verified management key, or from the operator's own command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// The public id of the key.
    pub key: String,
    /// Whose key it is; `None` is the operator.
    pub tenant: Option<String>,
    /// What it may do in its tenant. Without meaning for the operator, who may do everything.
    pub role: Role,
    /// The member it belongs to.
    pub member: Option<String>,
    /// What it is bound to.
    pub bindings: Bindings,
}

impl Manager {
    /// The operator, under this name in the audit log.
    #[must_use]
    pub fn operator(key: &str) -> Self {
        Self { key: key.to_owned(), tenant: None, role: Role::Owner, member: None, bindings: Bindings::default() }
    }

    /// What exists for it.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.tenant.clone().map_or(Scope::Operator, Scope::Tenant)
    }

    /// Whether it may give this role away, and touch what has it.
    pub(crate) fn ranks(&self, role: Role) -> bool {
        self.tenant.is_none() || reaches(self.role, role)
    }

    /// Whether it sees its own things only.
    pub(crate) fn is_plain_member(&self) -> bool {
        self.tenant.is_some() && self.role == Role::Member
    }

    /// Whether this key of its tenant exists for it.
    pub(crate) fn sees(&self, key: &Key) -> bool {
        !self.is_plain_member() || (key.member.is_some() && key.member == self.member)
    }

    /// Whether it may change this key, or take it back.
    pub(crate) fn commands(&self, key: &Key) -> bool {
        key.kind == KeyKind::Inference || self.ranks(key.role)
    }
}

/// Whether who has the one role may do all that the other may.
pub(crate) fn reaches(one: Role, other: Role) -> bool {
    match one {
        Role::Owner => true,
        Role::Admin => other != Role::Owner,
        Role::Member | Role::Auditor => one == other,
    }
}

/// The least right that a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// None, and no key.
    Open,
    /// Any management key.
    Known,
    /// To read what is one's own; who may read everything does.
    ReadOwn,
    /// To change what is one's own; who may change everything does. Not for auditors.
    ChangeOwn,
    /// To read everything of a tenant: its auditors, admins and owners.
    Read,
    /// To change what a tenant has: its admins and owners.
    Change,
    /// To change the tenant itself: its owners.
    Own,
    /// To run the box.
    Operate,
}

impl Right {
    /// Whether this one has it. Which tenant is asked about is another question.
    #[must_use]
    pub fn is_of(self, manager: &Manager) -> bool {
        use Role::{Admin, Auditor, Member, Owner};
        if manager.tenant.is_none() {
            return true;
        }
        match self {
            Self::Open | Self::Known | Self::ReadOwn => true,
            Self::ChangeOwn => matches!(manager.role, Owner | Admin | Member),
            Self::Read => matches!(manager.role, Owner | Admin | Auditor),
            Self::Change => matches!(manager.role, Owner | Admin),
            Self::Own => manager.role == Owner,
            Self::Operate => false,
        }
    }

    /// Who has it, for people.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::Open => "everyone, without a key",
            Self::Known => "every management key",
            Self::ReadOwn => "owner, admin and auditor; member for what is its own",
            Self::ChangeOwn => "owner and admin; member for what is its own",
            Self::Read => "owner, admin and auditor",
            Self::Change => "owner and admin",
            Self::Own => "owner",
            Self::Operate => "the operator",
        }
    }
}
