//! What an answer says, so that two can be told apart, or not: in whatever pieces its events came.

use tollgate_api::{Cost, Event, Money, Usage};

/// One cent in, two out.
pub(crate) fn cents(_: &Usage) -> Option<Cost> {
    Some(Cost { input: Money::from_nano(10_000_000), output: Money::from_nano(20_000_000) })
}

/// The last count.
pub(crate) fn last_usage(events: &[Event]) -> Option<Usage> {
    events.iter().rev().find_map(|event| if let Event::Usage(usage) = event { Some(*usage) } else { None })
}

/// Pieces joined.
pub(crate) fn joined<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (Some(Event::Text { choice: a, text }), Event::Text { choice: b, text: more })
            | (Some(Event::Refusal { choice: a, text }), Event::Refusal { choice: b, text: more })
                if a == b =>
            {
                text.push_str(more);
            }
            (Some(Event::ToolArguments { index: a, json, .. }), Event::ToolArguments { index: b, json: more, .. })
                if a == b =>
            {
                json.push_str(more);
            }
            (
                Some(Event::Thinking { choice: a, text, seal: seal @ None }),
                Event::Thinking { choice: b, text: more, seal: later },
            ) if a == b => {
                text.push_str(more);
                seal.clone_from(later);
            }
            (_, event) => joined.push(event.clone()),
        }
    }
    joined
}

/// Pieces joined, the last count at the end, and neither start nor end.
pub(crate) fn essence(events: &[Event]) -> Vec<Event> {
    let says = |event: &&Event| !matches!(event, Event::Start { .. } | Event::Usage(_) | Event::End);
    let mut said = joined(events.iter().filter(says));
    said.extend(last_usage(events).map(Event::Usage));
    said
}
