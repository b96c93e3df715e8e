//! Prepaid balances of a tenant, and what is paid into them.

use serde_json::{Value, json};
use tollgate_store::BalanceKind;
use utoipa::ToSchema;

use crate::answer::{page, value};
use crate::ask::Ask;
use crate::form::{Body, Form, missing};
use crate::refusal::Refusal;

/// A payment into a balance.
#[derive(ToSchema)]
pub(crate) struct NewTopUp {
    /// US dollars, as a decimal text; negative for a correction.
    #[schema(value_type = String, example = "100.00")]
    amount: i64,
    /// What makes saying it twice count once.
    idempotency_key: String,
    /// Why, for people.
    note: Option<String>,
}

impl Body for NewTopUp {
    const MEMBERS: &'static [&'static str] = &["amount", "idempotency_key", "note"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self {
            amount: match form.money("amount")? {
                None => return Err(missing("amount")),
                Some(0) => return Err(Refusal::invalid("`amount` is nothing", "write what was paid")),
                Some(amount) => amount,
            },
            idempotency_key: form.needed_text("idempotency_key")?,
            note: form.text("note")?,
        })
    }
}

pub(crate) fn list_balances(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    Ok(json!({"data": value(&ask.store().balances(&ask.scope, ask.tenant())?)?}))
}

/// A page is one of all the tenant's payments, of which those into the other balance are left out.
pub(crate) fn top_ups(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let kind = kind(ask)?;
    let limit = ask.query.limit()?;
    let found = ask.store().top_ups(&ask.scope, ask.tenant(), ask.query.get("after"), limit)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.clone());
    let mut answer = page(&found.into_iter().filter(|one| one.kind == kind).collect::<Vec<_>>(), 0, |one| &one.id)?;
    answer["next"] = next.into();
    Ok(answer)
}

pub(crate) fn top_up(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let kind = kind(ask)?;
    let NewTopUp { amount, idempotency_key, note } = ask.body.read()?;
    let note = note.unwrap_or_default();
    let balance = ask.store().top_up(&ask.scope, ask.tenant(), kind, amount, &note, &idempotency_key, ask.now())?;
    ask.changed(&format!("balance {} topped up", balance.id));
    value(&balance)
}

fn kind(ask: &Ask<'_>) -> Result<BalanceKind, Refusal> {
    match ask.id("kind") {
        "managed" => Ok(BalanceKind::Managed),
        "byok" => Ok(BalanceKind::Byok),
        _ => Err(Refusal::not_found()),
    }
}
