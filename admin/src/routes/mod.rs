//! The table of routes: every path there is, with its method and the least right that it asks for.
//!
//! The router, the OpenAPI document and the tests are made from it. It works nothing out itself.

mod accounts;
mod balances;
mod budgets;
mod credentials;
mod deadlines;
mod keys;
mod limits;
mod members;
mod mint;
mod operate;
mod reports;

use tollgate_store::{Balance, Credential, Key, Limits, Member, Statement, Tenant, TopUp, Usage};

use crate::openapi::{anything, list, many, one};
use crate::rights::Right;
use crate::route::{Route, Run, Verb};

use accounts::{ChangedTenant, Me, NewTenant};
use balances::NewTopUp;
use budgets::{ChangedBudget, NewBudget, StandingBudget};
use credentials::{NewCredential, ReplacedCredential};
use keys::{ChangedKey, NewKey, NewOperatorKey, Rotation};
use members::{ChangedMember, NewMember};
use mint::MadeKey;
use operate::{Resealed, SeenNode};

/// The parameters of a list.
const PAGE: &[&str] = &["after", "limit"];

macro_rules! at {
    ($path:literal) => {
        concat!("/api/v1/manage", $path)
    };
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: at!("/openapi.json"),
        right: Right::Open,
        says: "This document.",
        status: 200,
        asks: &[],
        takes: None,
        gives: Some(anything),
        run: Run::Document,
    },
    Route::get(at!("/me"), Right::Known, accounts::me, "Who asks: the key, its tenant and its role.").gives(one::<Me>),
    // Tenants.
    Route::get(at!("/tenants"), Right::Operate, accounts::list, "All tenants.").asks(PAGE).gives(many::<Tenant>),
    Route::post(at!("/tenants"), Right::Operate, accounts::create, "Makes a tenant.")
        .takes(one::<NewTenant>)
        .makes(one::<Tenant>),
    Route::get(at!("/tenants/{tenant}"), Right::Read, accounts::show, "One tenant.").gives(one::<Tenant>),
    Route::patch(
        at!("/tenants/{tenant}"),
        Right::Own,
        accounts::change,
        "Changes a tenant; `suspended` and `limits` only for the operator.",
    )
    .takes(one::<ChangedTenant>)
    .gives(one::<Tenant>),
    Route::delete(
        at!("/tenants/{tenant}"),
        Right::Operate,
        accounts::remove,
        "Removes a tenant and all that is its own, for good. Its id is not given out again.",
    )
    .leaves_nothing(),
    Route::get(at!("/tenants/{tenant}/limits"), Right::Read, limits::of_tenant, "The limits of a tenant as a whole.")
        .gives(one::<Limits>),
    Route::put(
        at!("/tenants/{tenant}/limits"),
        Right::Operate,
        limits::put_tenant,
        "Puts other limits in their place.",
    )
    .takes(one::<Limits>)
    .gives(one::<Limits>),
    // Members.
    Route::get(at!("/tenants/{tenant}/members"), Right::Read, members::list, "The members of a tenant.")
        .asks(PAGE)
        .gives(many::<Member>),
    Route::post(
        at!("/tenants/{tenant}/members"),
        Right::Change,
        members::create,
        "Makes a member, of a role that the key that asks may give.",
    )
    .takes(one::<NewMember>)
    .makes(one::<Member>),
    Route::get(at!("/tenants/{tenant}/members/{member}"), Right::Read, members::show, "One member.")
        .gives(one::<Member>),
    Route::patch(
        at!("/tenants/{tenant}/members/{member}"),
        Right::Change,
        members::change,
        "Changes a member. A tenant that has an owner keeps one.",
    )
    .takes(one::<ChangedMember>)
    .gives(one::<Member>),
    Route::delete(
        at!("/tenants/{tenant}/members/{member}"),
        Right::Change,
        members::remove,
        "Removes a member and revokes its keys.",
    )
    .leaves_nothing(),
    // Keys.
    Route::get(
        at!("/tenants/{tenant}/keys"),
        Right::ReadOwn,
        keys::list,
        "The keys of a tenant or of one `member`, revoked ones too.",
    )
    .asks(&["after", "limit", "member"])
    .gives(many::<Key>),
    Route::post(
        at!("/tenants/{tenant}/keys"),
        Right::ChangeOwn,
        mint::create,
        "Makes a key. Its text is in this answer and nowhere else.",
    )
    .takes(one::<NewKey>)
    .makes(one::<MadeKey>),
    Route::get(at!("/tenants/{tenant}/keys/{key}"), Right::ReadOwn, keys::show, "One key.").gives(one::<Key>),
    Route::patch(
        at!("/tenants/{tenant}/keys/{key}"),
        Right::Change,
        keys::change,
        "Changes a key's name, bindings, limits or expiry.",
    )
    .takes(one::<ChangedKey>)
    .gives(one::<Key>),
    Route::delete(
        at!("/tenants/{tenant}/keys/{key}"),
        Right::ChangeOwn,
        keys::revoke,
        "Revokes a key, for good. A second time changes nothing.",
    )
    .gives(one::<Key>),
    Route::post(
        at!("/tenants/{tenant}/keys/{key}/rotate"),
        Right::ChangeOwn,
        mint::rotate,
        "Makes a key with the same settings, held by the same budgets, and ends this one.",
    )
    .takes(one::<Rotation>)
    .makes(one::<MadeKey>),
    Route::get(at!("/tenants/{tenant}/keys/{key}/limits"), Right::ReadOwn, limits::of_key, "The limits of a key.")
        .gives(one::<Limits>),
    Route::put(
        at!("/tenants/{tenant}/keys/{key}/limits"),
        Right::Change,
        limits::put_key,
        "Puts other limits in their place.",
    )
    .takes(one::<Limits>)
    .gives(one::<Limits>),
    Route::get(at!("/keys"), Right::Operate, keys::list_operators, "The operator's own management keys.")
        .asks(PAGE)
        .gives(many::<Key>),
    Route::post(
        at!("/keys"),
        Right::Operate,
        mint::create_operators,
        "Makes an operator's key. Its text is in this answer and nowhere else.",
    )
    .takes(one::<NewOperatorKey>)
    .makes(one::<MadeKey>),
    Route::delete(
        at!("/keys/{key}"),
        Right::Operate,
        keys::revoke_operators,
        "Revokes one of the operator's keys, for good.",
    )
    .gives(one::<Key>),
    // Credentials.
    Route::get(
        at!("/tenants/{tenant}/credentials"),
        Right::Read,
        credentials::list,
        "The credentials of a tenant, without their secrets.",
    )
    .asks(PAGE)
    .gives(many::<Credential>),
    Route::post(
        at!("/tenants/{tenant}/credentials"),
        Right::Change,
        credentials::create,
        "Seals a vendor's secret. It is never shown again.",
    )
    .takes(one::<NewCredential>)
    .makes(one::<Credential>),
    Route::get(
        at!("/tenants/{tenant}/credentials/{credential}"),
        Right::Read,
        credentials::show,
        "One credential, without its secret.",
    )
    .gives(one::<Credential>),
    Route::put(
        at!("/tenants/{tenant}/credentials/{credential}"),
        Right::Change,
        credentials::replace,
        "Puts another secret in its place. Another base URL needs the secret too.",
    )
    .takes(one::<ReplacedCredential>)
    .gives(one::<Credential>),
    Route::delete(
        at!("/tenants/{tenant}/credentials/{credential}"),
        Right::Change,
        credentials::remove,
        "Removes a credential.",
    )
    .leaves_nothing(),
    // Budgets.
    Route::get(
        at!("/tenants/{tenant}/budgets"),
        Right::Read,
        budgets::list,
        "The budgets of a tenant, and where each stands.",
    )
    .asks(PAGE)
    .gives(many::<StandingBudget>),
    Route::post(at!("/tenants/{tenant}/budgets"), Right::Change, budgets::create, "Makes a budget.")
        .takes(one::<NewBudget>)
        .makes(one::<StandingBudget>),
    Route::get(
        at!("/tenants/{tenant}/budgets/{budget}"),
        Right::Read,
        budgets::show,
        "One budget, and where it stands.",
    )
    .gives(one::<StandingBudget>),
    Route::patch(
        at!("/tenants/{tenant}/budgets/{budget}"),
        Right::Change,
        budgets::change,
        "Changes the limit of a budget.",
    )
    .takes(one::<ChangedBudget>)
    .gives(one::<StandingBudget>),
    Route::delete(
        at!("/tenants/{tenant}/budgets/{budget}"),
        Right::Change,
        budgets::remove,
        "Removes a budget. What was spent stays written down.",
    )
    .leaves_nothing(),
    // Money.
    Route::get(
        at!("/tenants/{tenant}/balances"),
        Right::Read,
        balances::list_balances,
        "The prepaid balances of a tenant.",
    )
    .gives(list::<Balance>),
    Route::get(
        at!("/tenants/{tenant}/balances/{kind}/top-ups"),
        Right::Read,
        balances::top_ups,
        "What was paid into a balance, the earliest first.",
    )
    .asks(PAGE)
    .gives(many::<TopUp>),
    Route::post(
        at!("/tenants/{tenant}/balances/{kind}/top-ups"),
        Right::Operate,
        balances::top_up,
        "Pays into a balance. The same `idempotency_key` counts once.",
    )
    .takes(one::<NewTopUp>)
    .gives(one::<Balance>),
    // Reports.
    Route::get(
        at!("/tenants/{tenant}/usage"),
        Right::ReadOwn,
        reports::usage,
        "What was used from one day to another (UTC), both included.",
    )
    .asks(&["from", "to", "key"])
    .gives(list::<Usage>),
    Route::get(
        at!("/tenants/{tenant}/statements/{month}"),
        Right::Read,
        reports::statement,
        "What was used in a month, `2026-11`, by model.",
    )
    .gives(one::<Statement>),
    Route::get(
        at!("/tenants/{tenant}/records"),
        Right::Read,
        reports::records,
        "The records of a tenant's requests, the latest first.",
    )
    .asks(&["before", "limit"])
    .gives(anything),
    Route::get(
        at!("/tenants/{tenant}/records/{id}"),
        Right::Read,
        reports::record,
        "The record of one request, by its id.",
    )
    .gives(anything),
    // The box.
    Route::get(at!("/nodes"), Right::Operate, operate::nodes, "The nodes that share the ledger.")
        .gives(list::<SeenNode>),
    Route::post(
        at!("/nodes/{node}/write-off"),
        Right::Operate,
        operate::write_off,
        "Counts what was lent to a node that is gone for good as spent.",
    )
    .leaves_nothing(),
    Route::post(
        at!("/vault/reseal"),
        Right::Operate,
        operate::reseal,
        "Seals every credential under the newest master key.",
    )
    .gives(one::<Resealed>),
];
