//! What a body says of how a tenant meets deadlines: what is there replaces what was, the rest stays.

use tollgate_api::{NoStart, RaceMode, StartWithin};
use tollgate_store::Deadlines;

use crate::form::{Body, Form};
use crate::refusal::Refusal;

/// The members that are there; within each, nothing is as configured.
#[derive(Default)]
pub(crate) struct ChangedDeadlines {
    start_within: Option<Option<StartWithin>>,
    require: Option<Option<bool>>,
    race: Option<Option<RaceMode>>,
}

impl ChangedDeadlines {
    /// What holds after the change.
    pub(crate) fn of(self, was: Deadlines) -> Deadlines {
        let Self { start_within, require, race } = self;
        Deadlines {
            start_within: start_within.unwrap_or(was.start_within),
            require: require.unwrap_or(was.require),
            race: race.unwrap_or(was.race),
        }
    }
}

impl Body for ChangedDeadlines {
    const MEMBERS: &'static [&'static str] = &["start_within", "require", "race"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        let races = [RaceMode::Overlap, RaceMode::Sequential].map(|race| (race.as_str(), race));
        let [start, require, race] = ["start_within", "require", "race"].map(|name| form.has(name));
        Ok(Self {
            start_within: Some(start_within(form)?).filter(|_| start),
            require: Some(form.flag("require")?).filter(|_| require),
            race: Some(form.choice("race", &races)?).filter(|_| race),
        })
    }
}

fn start_within(form: &mut Form) -> Result<Option<StartWithin>, Refusal> {
    let Some(text) = form.text("start_within")? else { return Ok(None) };
    let wrong = |right: NoStart| Refusal::invalid("`start_within` says no start", format!("it {right}"));
    text.parse().map(Some).map_err(wrong)
}
