//! The pieces of an answer as they come: steps, what is in them, and the deltas of a stream.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::citation::Annotation;
use super::usage::Report;
use crate::json::Text;

/// An interaction: empty at the start of a stream, without its steps at the end of one, complete
/// in a whole answer.
#[derive(Deserialize)]
pub(super) struct Interaction<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) agent: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) steps: Option<Vec<&'a RawValue>>,
    pub(super) usage: Option<Report>,
    #[serde(borrow)]
    pub(super) service_tier: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) errors: Option<Vec<&'a RawValue>>,
}

/// An event of a stream.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(default, borrow)]
    pub(super) event_type: Cow<'a, str>,
    pub(super) index: Option<u32>,
    #[serde(borrow)]
    pub(super) interaction: Option<Interaction<'a>>,
    #[serde(borrow)]
    pub(super) step: Option<Step<'a>>,
    #[serde(borrow)]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// A step of an answer; in a stream, what is known of it at its start.
#[derive(Deserialize)]
pub(super) struct Step<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) summary: Option<Vec<Item<'a>>>,
    #[serde(borrow)]
    pub(super) content: Option<Vec<Item<'a>>>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// A piece of content.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) annotations: Option<Vec<Annotation<'a>>>,
    #[serde(borrow)]
    pub(super) mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
}

/// A piece of a step.
#[derive(Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) annotations: Option<Vec<Annotation<'a>>>,
    #[serde(borrow)]
    pub(super) mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
    /// Of the summary of a thought.
    #[serde(borrow)]
    pub(super) content: Option<Item<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    /// JSON text in a string; the object itself where the vendor runs the tool.
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
}

impl<'a> Delta<'a> {
    /// The content that it adds.
    pub(super) fn into_item(self) -> Item<'a> {
        let Self { kind, text, annotations, mime_type, data, .. } = self;
        Item { kind, text, annotations, mime_type, data }
    }
}

/// The events that are understood: any other may have any shape.
const EVENTS: [&str; 6] =
    ["interaction.created", "interaction.completed", "step.start", "step.delta", "step.stop", "error"];
/// The same of steps.
const STEPS: [&str; 3] = ["function_call", "model_output", "thought"];
/// The same of deltas.
const DELTAS: [&str; 6] =
    ["arguments_delta", "image", "text", "text_annotation_delta", "thought_signature", "thought_summary"];

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Whether a step is of a kind that this code does not know, and so may look like anything.
pub(super) fn is_foreign_step(json: &str) -> bool {
    serde_json::from_str::<Kind<'_>>(json).is_ok_and(|step| !STEPS.contains(&&*step.kind))
}

/// The same of an event, or of what is in it.
pub(super) fn is_foreign_event(json: &str) -> bool {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        event_type: Cow<'a, str>,
        #[serde(borrow)]
        step: Option<&'a RawValue>,
        #[serde(borrow)]
        delta: Option<&'a RawValue>,
    }
    serde_json::from_str::<Event<'_>>(json).is_ok_and(|event| {
        !EVENTS.contains(&&*event.event_type)
            || event.step.is_some_and(|step| is_foreign_step(step.get()))
            || event.delta.is_some_and(|delta| is_foreign_delta(delta.get()))
    })
}

fn is_foreign_delta(json: &str) -> bool {
    serde_json::from_str::<Kind<'_>>(json).is_ok_and(|delta| !DELTAS.contains(&&*delta.kind))
}
