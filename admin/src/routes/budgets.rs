//! Budgets of a tenant and where they stand. What is spent is counted elsewhere.

use serde::Serialize;
use serde_json::Value;
use tollgate_store::{Budget, Covers, Period, Standing, StoreError, window_of};
use utoipa::ToSchema;

use crate::answer::{page, value};
use crate::ask::Ask;
use crate::form::{Body, Form, missing};
use crate::refusal::{Code, Refusal};

const DAY_SECONDS: i64 = 86_400;

/// A budget and where it stands now.
#[derive(Serialize, ToSchema)]
pub(crate) struct StandingBudget {
    #[serde(flatten)]
    budget: Budget,
    /// Where it stands in its present window.
    standing: BudgetStanding,
}

/// Where a budget stands in its present window.
#[derive(Serialize, ToSchema)]
pub(crate) struct BudgetStanding {
    /// US dollars it holds.
    #[serde(serialize_with = "tollgate_store::money::serialize")]
    #[schema(value_type = String)]
    limit: i64,
    /// US dollars spent and written down.
    #[serde(serialize_with = "tollgate_store::money::serialize")]
    #[schema(value_type = String)]
    settled: i64,
    /// US dollars handed to nodes and not yet spent.
    #[serde(serialize_with = "tollgate_store::money::serialize")]
    #[schema(value_type = String)]
    leased: i64,
    /// When the window began, seconds since 1970; 0 for one that never ends.
    window: i64,
    /// When the next one begins, seconds since 1970; `null` for never.
    resets_at: Option<i64>,
}

/// A budget to be made.
#[derive(ToSchema)]
pub(crate) struct NewBudget {
    /// What it covers: `"tenant"`, `{"key": "…"}`, `{"member": "mem_…"}` or `{"tag": "…"}`. A key is covered
    /// with all that it comes of by rotation and all that come of it; the answer names the first of them.
    covers: Covers,
    /// When it is whole again.
    period: Period,
    /// US dollars, as a decimal text.
    #[schema(value_type = String, example = "25.00")]
    limit: i64,
}

impl Body for NewBudget {
    const MEMBERS: &'static [&'static str] = &["covers", "period", "limit"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        let periods = [("day", Period::Day), ("month", Period::Month), ("total", Period::Total)];
        Ok(Self {
            covers: covers(form)?,
            period: form.choice("period", &periods)?.ok_or_else(|| missing("period"))?,
            limit: limit(form)?,
        })
    }
}

/// What changes of a budget.
#[derive(ToSchema)]
pub(crate) struct ChangedBudget {
    /// US dollars, as a decimal text.
    #[schema(value_type = String, example = "25.00")]
    limit: i64,
}

impl Body for ChangedBudget {
    const MEMBERS: &'static [&'static str] = &["limit"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self { limit: limit(form)? })
    }
}

fn limit(form: &mut Form) -> Result<i64, Refusal> {
    match form.money("limit")? {
        None => Err(missing("limit")),
        Some(limit) if limit < 0 => Err(Refusal::invalid("`limit` is negative", "write \"0\" or more")),
        Some(limit) => Ok(limit),
    }
}

/// One of the three objects that a budget can cover.
struct Covered(Covers);

impl Body for Covered {
    const MEMBERS: &'static [&'static str] = &["key", "member", "tag"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        match (form.text("key")?, form.text("member")?, form.text("tag")?) {
            (Some(key), None, None) => Ok(Self(Covers::Key(key))),
            (None, Some(member), None) => Ok(Self(Covers::Member(member))),
            (None, None, Some(tag)) => Ok(Self(Covers::Tag(tag))),
            _ => Err(Refusal::invalid("`covers` names none, or more than one", "name one `key`, `member` or `tag`")),
        }
    }
}

fn covers(form: &mut Form) -> Result<Covers, Refusal> {
    if form.is_text("covers") {
        return Ok(form.choice("covers", &[("tenant", ())])?.map_or(Covers::Tenant, |()| Covers::Tenant));
    }
    form.nested::<Covered>("covers")?.map(|Covered(covers)| covers).ok_or_else(|| missing("covers"))
}

pub(crate) fn list(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let limit = ask.query.limit()?;
    let found = ask.store().budgets(&ask.scope, ask.tenant(), ask.query.get("after"), limit)?;
    let standing = found.into_iter().map(|budget| stand(ask, budget)).filter_map(still_there);
    page(&standing.collect::<Result<Vec<_>, _>>()?, limit, |standing| &standing.budget.id)
}

pub(crate) fn show(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    value(&stand(ask, ask.store().budget(&ask.scope, ask.tenant(), ask.id("budget"))?)?)
}

pub(crate) fn create(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let NewBudget { covers, period, limit } = ask.body.read()?;
    ask.tenant_is_there()?;
    let tenant = ask.tenant().to_owned();
    let by_operator = ask.manager.tenant.is_none();
    let budget = Budget { id: String::new(), tenant, covers, period, limit, by_operator, created_ms: ask.now() };
    let made = ask.store().create_budget(&ask.scope, budget).map_err(|error| match error {
        StoreError::NotFound => {
            let remedy = "see `GET …/keys` and `GET …/members`";
            Refusal::invalid("`covers` names no key or member of this tenant", remedy)
        }
        other => other.into(),
    })?;
    ask.changed(&format!("budget {} created", made.id));
    value(&stand(ask, made)?)
}

pub(crate) fn change(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let ChangedBudget { limit } = ask.body.read()?;
    let was = commanded(ask)?;
    let new = ask.store().change_budget(&ask.scope, &Budget { limit, ..was })?;
    ask.changed(&format!("budget {} changed", new.id));
    value(&stand(ask, new)?)
}

pub(crate) fn remove(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let id = commanded(ask)?.id;
    ask.store().remove_budget(&ask.scope, ask.tenant(), &id)?;
    ask.changed(&format!("budget {id} removed"));
    Ok(Value::Null)
}

/// The budget of the path, where who asks may change it: what the operator made is the operator's alone.
fn commanded(ask: &Ask<'_>) -> Result<Budget, Refusal> {
    let budget = ask.store().budget(&ask.scope, ask.tenant(), ask.id("budget"))?;
    if budget.by_operator && ask.manager.tenant.is_some() {
        let remedy = "ask the operator to change or remove it; budgets beside it can only hold more tightly";
        return Err(Refusal::new(Code::Forbidden, "the operator made this budget", remedy));
    }
    Ok(budget)
}

/// One that was removed while the list was read is left out.
fn still_there(standing: Result<StandingBudget, Refusal>) -> Option<Result<StandingBudget, Refusal>> {
    match standing {
        Err(refusal) if refusal == Refusal::not_found() => None,
        other => Some(other),
    }
}

fn stand(ask: &Ask<'_>, budget: Budget) -> Result<StandingBudget, Refusal> {
    let now = ask.now_secs();
    let Standing { window, limit, settled, leased } =
        ask.store().budget_standing(&ask.scope, &budget.tenant, &budget.id, now)?;
    let standing = BudgetStanding { limit, settled, leased, window, resets_at: resets_at(budget.period, window) };
    Ok(StandingBudget { budget, standing })
}

/// The beginning of the window after the one that begins here. No month is longer than 31 days, and none is
/// over within the first day.
fn resets_at(period: Period, window: i64) -> Option<i64> {
    let within_next = match period {
        Period::Day => window + DAY_SECONDS,
        Period::Month => window + 32 * DAY_SECONDS,
        Period::Total => return None,
    };
    Some(window_of(period, within_next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_whole_again_when_the_next_window_begins() {
        let (january, february, march) = (1_767_225_600, 1_769_904_000, 1_772_323_200);
        assert_eq!(resets_at(Period::Month, january), Some(february));
        assert_eq!(resets_at(Period::Month, february), Some(march));
        assert_eq!(resets_at(Period::Day, january), Some(january + DAY_SECONDS));
        assert_eq!(resets_at(Period::Total, 0), None);
    }
}
