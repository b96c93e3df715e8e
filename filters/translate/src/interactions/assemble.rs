//! Events gathered into one whole interaction.

use std::borrow::Cow;

use serde::Serialize;
use tollgate_api::{Cost, Event, StopReason};

use super::citation::Written;
use super::events::Interaction;
use super::layout::{Act, Addition, Layout, Opening};
use super::steps::{Item, Media, Step, object};
use crate::dialect::AnswerHead;

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    interaction: Interaction<'a>,
    steps: Vec<Step<'a>>,
}

/// What a step adds up to.
enum Gathered<'a> {
    Output(Vec<Item<'a>>),
    Thought { signature: Option<Cow<'a, str>>, summary: String },
    Call { id: &'a str, name: &'a str, arguments: String },
}

/// The whole answer as JSON.
pub(super) fn assemble(head: &AnswerHead, events: &[Event], cost: Option<Cost>) -> Vec<u8> {
    let (mut reason, mut usage) = (StopReason::EndOfTurn, None);
    let (mut layout, mut steps) = (Layout::default(), Vec::new());
    for event in events {
        match event {
            Event::Usage(counts) => usage = Some((*counts, cost)),
            Event::Stop { choice: 0, reason: why, .. } => reason = *why,
            _ => {}
        }
        layout.take(event, &mut |act| gather(&mut steps, act));
    }
    let interaction = Interaction::over(head, reason, usage);
    let whole = Whole { interaction, steps: steps.into_iter().map(Gathered::step).collect() };
    serde_json::to_vec(&whole).expect("strings and numbers are JSON")
}

fn gather<'a>(steps: &mut Vec<Gathered<'a>>, act: Act<'a>) {
    match act {
        Act::Open(_, Opening::Output) => steps.push(Gathered::Output(Vec::new())),
        Act::Open(_, Opening::Thought) => steps.push(Gathered::Thought { signature: None, summary: String::new() }),
        Act::Open(_, Opening::Call { id, name }) => steps.push(Gathered::Call { id, name, arguments: String::new() }),
        Act::Add(number, addition) => {
            if let Some(step) = usize::try_from(number).ok().and_then(|number| steps.get_mut(number)) {
                step.add(addition);
            }
        }
        Act::Close(_) => {}
    }
}

impl<'a> Gathered<'a> {
    fn add(&mut self, addition: Addition<'a>) {
        match (self, addition) {
            (Self::Output(items), Addition::Text(piece)) => last_text(items).0.to_mut().push_str(piece),
            (Self::Output(items), Addition::Annotation(annotation)) => last_text(items).1.push(annotation),
            (Self::Output(items), Addition::Image { media_type, data }) => {
                items.push(Item::Image(Media { mime_type: Some(media_type), data: Some(data), uri: None }));
            }
            (Self::Thought { summary, .. }, Addition::Summary(piece)) => summary.push_str(piece),
            (Self::Thought { signature, .. }, Addition::Signature(seal)) => *signature = Some(seal),
            (Self::Call { arguments, .. }, Addition::Arguments(piece)) => arguments.push_str(piece),
            _ => {}
        }
    }

    fn step(self) -> Step<'a> {
        match self {
            Self::Output(content) => Step::ModelOutput { content },
            Self::Thought { signature, summary } => {
                let summary = if summary.is_empty() { Vec::new() } else { vec![Item::text(summary)] };
                Step::Thought { signature, summary }
            }
            Self::Call { id, name, arguments } => {
                let arguments = Cow::Owned(object(&arguments).into_owned());
                Step::FunctionCall { id: id.into(), name: name.into(), arguments }
            }
        }
    }
}

/// The text at the end, begun if there is none.
fn last_text<'a, 'i>(items: &'i mut Vec<Item<'a>>) -> (&'i mut Cow<'a, str>, &'i mut Vec<Written<'a>>) {
    if !matches!(items.last(), Some(Item::Text { .. })) {
        items.push(Item::text(""));
    }
    match items.last_mut() {
        Some(Item::Text { text, annotations }) => (text, annotations),
        _ => unreachable!("a text was just pushed"),
    }
}
