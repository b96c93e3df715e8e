//! Deadline races and hedging. Which models have a flex tier is for the catalogue to say.

use tollgate_api::StartWithin;

use super::Desk;
use super::percent::{Share, WHOLE};
use crate::checked::{Deadlines, Hedge};
use crate::file::{DeadlinesFile, HedgeFile, Text};
use crate::quantity::Time;

/// Below half, lateness would be the rule; all is what nobody can promise.
const IN_TIME: Share = Share {
    name: "share of requests that start in time",
    bounds: WHOLE / 2 + 1..=WHOLE - 1,
    remedy: "write per cent, more than 50 and less than 100, with at most four places: `99`, `99.5`",
};
const EXTRA: Share = Share {
    name: "share of attempts beyond one a request",
    bounds: 1..=WHOLE,
    remedy: "write per cent, more than 0 and at most 100, with at most four places: `5`, `0.5`",
};

pub(super) fn deadlines(file: &DeadlinesFile, desk: &mut Desk<'_>) -> Deadlines {
    let DeadlinesFile {
        start_within,
        require,
        race,
        longest,
        least_wait,
        first_content,
        in_time_percent,
        flex_rest,
        flex_stalls,
        flex_stalled_rest,
    } = file;
    Deadlines {
        start_within: start_within.as_ref().and_then(|text| start(text, *longest, desk)),
        require: *require,
        race: *race,
        longest: longest.0,
        least_wait: least_wait.0,
        first_content: first_content.0,
        late_millionths: WHOLE - IN_TIME.read(in_time_percent, desk),
        flex_rest: flex_rest.0,
        flex_stalls: flex_stalls.get(),
        flex_stalled_rest: flex_stalled_rest.0,
    }
}

fn start(text: &Text, longest: Time, desk: &mut Desk<'_>) -> Option<StartWithin> {
    let shown = desk.shown(text);
    match text.parse() {
        Ok(StartWithin::Time(time)) if time > longest.0 => {
            let what = format!("`{shown}` is longer than `longest`, which is {longest}");
            desk.note(text, what, format!("write `{longest}` or less, or raise `longest`"));
            None
        }
        Ok(start) => Some(start),
        Err(error) => {
            desk.note(text, format!("`{shown}` says no start"), format!("it {error}"));
            None
        }
    }
}

pub(super) fn hedge(file: &HedgeFile, desk: &mut Desk<'_>) -> Hedge {
    let HedgeFile { extra_percent } = file;
    Hedge { extra_millionths: EXTRA.read(extra_percent, desk) }
}
