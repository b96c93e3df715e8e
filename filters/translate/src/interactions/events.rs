//! Events written as the stream of an interaction.

use serde::Serialize;
use tollgate_api::{Cost, Event, StopReason, Usage};

use super::citation::Written;
use super::created::timestamp;
use super::layout::{Act, Addition, Layout, Opening};
use super::usage;
use crate::dialect::{AnswerHead, Encode, Failure};

const IN_PROGRESS: &str = "in_progress";
/// How an event ends.
const END: &[u8] = b"}\n\n";

/// Writes one streamed answer.
pub(crate) struct EventWriter {
    head: AnswerHead,
    layout: Layout,
    begun: bool,
    reason: StopReason,
    usage: Option<(Usage, Option<Cost>)>,
    failed: bool,
}

#[derive(Serialize)]
struct Nothing {}

/// An interaction without its steps.
#[derive(Serialize)]
pub(super) struct Interaction<'a> {
    id: &'a str,
    object: &'static str,
    model: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[Complaint<'static>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<usage::Member>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Step<'a> {
    ModelOutput,
    Thought,
    FunctionCall { id: &'a str, name: &'a str, arguments: Nothing },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Delta<'a> {
    Text {
        text: &'a str,
    },
    Image {
        mime_type: &'a str,
        data: &'a str,
    },
    #[serde(rename = "text_annotation_delta")]
    Annotation {
        annotations: [Written<'a>; 1],
    },
    ThoughtSummary {
        content: Summary<'a>,
    },
    ThoughtSignature {
        signature: &'a str,
    },
    #[serde(rename = "arguments_delta")]
    Arguments {
        arguments: &'a str,
    },
}

#[derive(Serialize)]
struct Summary<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Complaint<'a> {
    code: &'a str,
    message: &'a str,
}

impl EventWriter {
    /// A writer for the answer with this head.
    pub(super) fn new(head: &AnswerHead) -> Self {
        let (head, layout, reason) = (head.clone(), Layout::default(), StopReason::EndOfTurn);
        Self { head, layout, begun: false, reason, usage: None, failed: false }
    }

    /// Before anything else: that there is an interaction.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            frame(out, "interaction.created", None, ("interaction", &Interaction::begun(&self.head)));
            open_frame(out, "interaction.status_update");
            member(out, "interaction_id", &self.head.id);
            member(out, "status", IN_PROGRESS);
            out.extend_from_slice(END);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        self.layout.close(&mut |act| write_act(out, &act));
        let interaction = Interaction::over(&self.head, self.reason, self.usage.take());
        frame(out, "interaction.completed", None, ("interaction", &interaction));
        out.extend_from_slice(b"event: done\ndata: [DONE]\n\n");
    }
}

impl Encode for EventWriter {
    fn event(&mut self, event: &Event, cost: Option<Cost>, out: &mut Vec<u8>) {
        match event {
            // A failure is the last word: an end after it would make it look like success.
            _ if self.failed => {}
            Event::Start { .. } | Event::Failed { .. } => {}
            Event::Usage(usage) => self.usage = Some((*usage, cost)),
            Event::End => self.end(out),
            event => {
                if let Event::Stop { choice: 0, reason, .. } = event {
                    self.reason = *reason;
                }
                self.begin(out);
                self.layout.take(event, &mut |act| write_act(out, &act));
            }
        }
    }

    fn fail(&mut self, why: &Failure<'_>, out: &mut Vec<u8>) {
        self.failed = true;
        out.extend(failure(why));
    }
}

impl<'a> Interaction<'a> {
    fn begun(head: &'a AnswerHead) -> Self {
        let AnswerHead { id, model, .. } = head;
        Self {
            id,
            object: "interaction",
            model,
            status: IN_PROGRESS,
            created: None,
            updated: None,
            service_tier: None,
            errors: None,
            usage: None,
        }
    }

    /// Of a whole answer, or of the end of a stream.
    pub(super) fn over(head: &'a AnswerHead, reason: StopReason, usage: Option<(Usage, Option<Cost>)>) -> Self {
        let moment = timestamp(head.created);
        let filtered = Complaint { code: "safety", message: "The answer was stopped by a content filter." };
        Self {
            status: status(reason),
            created: Some(moment.clone()),
            updated: Some(moment),
            service_tier: usage.map(|(usage, _)| usage.tier.as_str()),
            errors: (reason == StopReason::Refused).then_some([filtered]),
            usage: usage.map(|(usage, cost)| usage::write(&usage, cost)),
            ..Self::begun(head)
        }
    }
}

/// The event that ends a stream which cannot be finished: no `[DONE]` follows it.
pub(super) fn failure(failure: &Failure<'_>) -> Vec<u8> {
    let Failure { code, message, .. } = *failure;
    let mut out = Vec::new();
    frame(&mut out, "error", None, ("error", &Complaint { code, message }));
    out
}

/// Google's word for why an interaction is over.
fn status(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndOfTurn | StopReason::StopSequence => "completed",
        StopReason::ToolUse => "requires_action",
        StopReason::MaxTokens | StopReason::Refused => "incomplete",
        StopReason::Paused => "requires_continuation",
    }
}

fn write_act(out: &mut Vec<u8>, act: &Act<'_>) {
    match act {
        Act::Open(index, opening) => {
            let step = match *opening {
                Opening::Output => Step::ModelOutput,
                Opening::Thought => Step::Thought,
                Opening::Call { id, name } => Step::FunctionCall { id, name, arguments: Nothing {} },
            };
            frame(out, "step.start", Some(*index), ("step", &step));
        }
        Act::Add(index, addition) => frame(out, "step.delta", Some(*index), ("delta", &delta(addition))),
        Act::Close(index) => {
            open_frame(out, "step.stop");
            member(out, "index", index);
            out.extend_from_slice(END);
        }
    }
}

fn delta<'a>(addition: &'a Addition<'_>) -> Delta<'a> {
    match addition {
        Addition::Text(text) => Delta::Text { text },
        Addition::Image { media_type, data } => Delta::Image { mime_type: media_type, data },
        Addition::Annotation(annotation) => Delta::Annotation { annotations: [annotation.clone()] },
        Addition::Summary(text) => Delta::ThoughtSummary { content: Summary { kind: "text", text } },
        Addition::Signature(signature) => Delta::ThoughtSignature { signature },
        Addition::Arguments(arguments) => Delta::Arguments { arguments },
    }
}

/// One event with one member beside its type and its number.
fn frame(out: &mut Vec<u8>, kind: &str, index: Option<u32>, (name, value): (&str, &impl Serialize)) {
    open_frame(out, kind);
    if let Some(index) = index {
        member(out, "index", &index);
    }
    member(out, name, value);
    out.extend_from_slice(END);
}

/// An event up to where its members begin, its type said.
fn open_frame(out: &mut Vec<u8>, kind: &str) {
    for piece in ["event: ", kind, "\ndata: {\"event_type\":\"", kind, "\""] {
        out.extend_from_slice(piece.as_bytes());
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &(impl Serialize + ?Sized)) {
    for piece in [",\"", name, "\":"] {
        out.extend_from_slice(piece.as_bytes());
    }
    serde_json::to_writer(out, value).expect("strings and numbers are JSON, and memory takes all");
}
