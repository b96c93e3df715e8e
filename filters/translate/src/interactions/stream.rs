//! Answers of Google Interactions: the events of a stream, or a whole interaction as the same
//! events.
//!
//! What the vendor's own tools did is passed over, as is every event, step or delta that is newer
//! than this code.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tollgate_api::{Event, StopReason};

use super::output::{Delta, Frame, Interaction, Item, Step, is_foreign_event, is_foreign_step};
use super::ruler::Ruler;
use super::{seals, usage};
use crate::complaint;
use crate::dialect::{Decode, Garbage, VendorError};
use crate::json::Text;

/// Tool calls in one answer, at most.
const CALLS_MAX: u32 = 1024;
/// Parts of the codes by which the vendor says that its filters, and no fault, ended an answer.
const FILTERS: [&str; 7] = ["block", "content_filter", "prohibited", "recitation", "safety", "spii", "language"];

/// Reads one streamed answer.
#[derive(Default)]
pub(crate) struct Stream {
    started: bool,
    stopped: bool,
    /// Tool calls that began.
    calls: u32,
    /// Those that are still open, by the number of their step.
    open: BTreeMap<u32, Call>,
    text: Ruler,
    /// Where the text that annotations count in begins.
    base: usize,
    /// Why a step of the answer failed.
    trouble: Option<VendorError>,
}

/// A tool call whose step is open.
struct Call {
    number: u32,
    /// Arguments that came with the start, to be told only if no pieces follow.
    whole: Option<String>,
}

/// Reads a whole answer.
pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Garbage> {
    let mut interaction: Interaction<'_> = serde_json::from_slice(body).map_err(|error| garbage("the body", &error))?;
    if let (Some(error), None) = (interaction.error, &interaction.steps) {
        out.push(failed(complained(error)));
        return Ok(());
    }
    if interaction.status.is_none() && interaction.steps.is_none() {
        return Err(Garbage("the body is JSON, but not an interaction".into()));
    }
    let mut stream = Stream::default();
    let steps = interaction.steps.take().unwrap_or_default();
    stream.start(&mut interaction, out);
    for (index, raw) in (0..).zip(steps) {
        match serde_json::from_str(raw.get()) {
            Ok(step) => stream.step(index, step, out)?,
            Err(_) if is_foreign_step(raw.get()) => {}
            Err(error) => return Err(garbage("a step", &error)),
        }
        stream.close(index, out);
    }
    stream.finish(interaction, out);
    out.extend(stream.stopped.then_some(Event::End));
    Ok(())
}

impl Decode for Stream {
    fn event(&mut self, _name: Option<&str>, data: &str, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if data.trim() == "[DONE]" {
            // The mark alone does not make an answer whole.
            out.extend(self.stopped.then_some(Event::End));
            return Ok(());
        }
        match serde_json::from_str::<Frame<'_>>(data) {
            Ok(frame) => self.frame(frame, out),
            Err(_) if is_foreign_event(data) => Ok(()),
            Err(error) => Err(garbage("an event", &error)),
        }
    }
}

impl Stream {
    fn frame(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        let index = frame.index.unwrap_or_default();
        match (&*frame.event_type, frame.delta, frame.step, frame.interaction) {
            ("step.delta", Some(delta), ..) => self.delta(index, delta, out),
            ("step.start", _, Some(step), _) => self.step(index, step, out)?,
            ("step.stop", ..) => self.close(index, out),
            ("interaction.created", .., Some(mut interaction)) => self.start(&mut interaction, out),
            ("interaction.completed", .., Some(mut interaction)) => {
                self.start(&mut interaction, out);
                self.finish(interaction, out);
            }
            // An error of Google's front end names no event.
            ("error" | "", ..) => match frame.error {
                Some(error) => self.fail(complained(error), out),
                None if frame.event_type == "error" => self.fail(unexplained(), out),
                None => return Err(Garbage("an event does not say of which type it is".into())),
            },
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, interaction: &mut Interaction<'_>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let model = Text::said(interaction.model.take()).or_else(|| Text::said(interaction.agent.take()));
            let id = Text::said(interaction.id.take()).unwrap_or_default();
            out.push(Event::Start { id, model: model.unwrap_or_default() });
        }
    }

    /// A step: as it begins, or all of it.
    fn step(&mut self, index: u32, step: Step<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        match &*step.kind {
            "function_call" => self.call(index, step, out)?,
            "thought" => {
                let summary = step.summary.into_iter().flatten().filter_map(|item| Text::said(item.text));
                out.extend(thinking(summary.collect(), step.signature));
            }
            "model_output" => {
                self.base = self.text.len();
                for item in step.content.into_iter().flatten() {
                    self.base = self.text.len();
                    self.item(item, out);
                }
                self.trouble = step.error.map(complained).or(self.trouble.take());
            }
            _ => {}
        }
        Ok(())
    }

    fn call(&mut self, index: u32, step: Step<'_>, out: &mut Vec<Event>) -> Result<(), Garbage> {
        if self.calls == CALLS_MAX {
            return Err(Garbage(format!("more than {CALLS_MAX} tool calls in one answer")));
        }
        self.close(index, out);
        let number = self.calls;
        self.calls += 1;
        let whole = step.arguments.map(argument_text).filter(|json| !json.is_empty());
        self.open.insert(index, Call { number, whole: Some(whole.unwrap_or_else(|| "{}".into())) });
        let id = Text::said(step.id).unwrap_or_else(|| format!("fc_{number}"));
        let seal = Text::said(step.signature).map(|signature| seals::read(signature).0);
        out.push(Event::ToolStart {
            choice: 0,
            index: number,
            id,
            name: Text::said(step.name).unwrap_or_default(),
            seal,
        });
        Ok(())
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, out: &mut Vec<Event>) {
        match &*delta.kind {
            "thought_summary" => out
                .extend(thinking(delta.content.and_then(|content| Text::said(content.text)).unwrap_or_default(), None)),
            "thought_signature" => out.extend(thinking(String::new(), delta.signature)),
            "arguments_delta" => {
                let json = delta.arguments.map(argument_text).filter(|json| !json.is_empty());
                if let (Some(call), Some(json)) = (self.open.get_mut(&index), json) {
                    call.whole = None;
                    out.push(Event::ToolArguments { choice: 0, index: call.number, json });
                }
            }
            "text" | "image" | "text_annotation_delta" => self.item(delta.into_item(), out),
            _ => {}
        }
    }

    /// What a reader sees.
    fn item(&mut self, item: Item<'_>, out: &mut Vec<Event>) {
        match &*item.kind {
            "image" => {
                if let Some(data) = Text::said(item.data) {
                    let media_type = Text::said(item.mime_type).unwrap_or_default();
                    out.push(Event::Image { choice: 0, media_type, data });
                    self.base = self.text.len();
                }
            }
            "text" => {
                if let Some(text) = Text::said(item.text) {
                    self.text.push(&text);
                    out.push(Event::Text { choice: 0, text });
                }
            }
            _ => {}
        }
        let (text, base) = (&self.text, self.base);
        let at = |byte| text.chars(base.saturating_add(usize::try_from(byte).unwrap_or(usize::MAX))) as u64;
        let citations = item.annotations.into_iter().flatten().filter_map(|annotation| annotation.citation(at));
        out.extend(citations.map(|citation| Event::Cited { choice: 0, citation: Box::new(citation) }));
    }

    /// A step is complete. Arguments that never came in pieces are told now.
    fn close(&mut self, index: u32, out: &mut Vec<Event>) {
        if let Some(Call { number, whole: Some(json) }) = self.open.remove(&index) {
            out.push(Event::ToolArguments { choice: 0, index: number, json });
        }
    }

    fn close_all(&mut self, out: &mut Vec<Event>) {
        while let Some((&index, _)) = self.open.first_key_value() {
            self.close(index, out);
        }
    }

    /// The interaction is over: why, and what it took.
    fn finish(&mut self, interaction: Interaction<'_>, out: &mut Vec<Event>) {
        let tier = usage::tier(interaction.service_tier.as_ref());
        let usage = interaction.usage.map(|report| Event::Usage(report.usage(tier)));
        let said = interaction.error.into_iter().chain(interaction.errors.into_iter().flatten()).next();
        let trouble = said.map(complained).or(self.trouble.take());
        let status = interaction.status.as_ref().map_or("", |status| &*status.0);
        let reason = match (status, trouble) {
            (_, Some(trouble)) if is_filter(&trouble) => StopReason::Refused,
            ("failed" | "cancelled", trouble) => {
                out.extend(usage);
                let what = if status == "failed" { "the interaction failed" } else { "the interaction was cancelled" };
                let plain = || VendorError { kind: status.into(), code: None, message: what.into(), retry_after: None };
                out.push(failed(trouble.unwrap_or_else(plain)));
                return;
            }
            ("requires_action", _) => StopReason::ToolUse,
            ("incomplete" | "budget_exceeded", _) => StopReason::MaxTokens,
            ("requires_continuation" | "in_progress" | "queued", _) => StopReason::Paused,
            _ if self.calls > 0 => StopReason::ToolUse,
            _ => StopReason::EndOfTurn,
        };
        self.stop(reason, out);
        out.extend(usage);
    }

    fn stop(&mut self, reason: StopReason, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.stopped, true) {
            self.close_all(out);
            out.push(Event::Stop { choice: 0, reason, sequence: None });
        }
    }

    fn fail(&mut self, error: VendorError, out: &mut Vec<Event>) {
        match is_filter(&error) {
            true => self.stop(StopReason::Refused, out),
            false => out.push(failed(error)),
        }
    }
}

fn thinking(text: String, signature: Option<Text<'_>>) -> Option<Event> {
    let signature = Text::said(signature).map(seals::read);
    match signature {
        Some((seal, true)) if text.is_empty() => Some(Event::RedactedThinking { seal }),
        None if text.is_empty() => None,
        signature => Some(Event::Thinking { choice: 0, text, seal: signature.map(|(seal, _)| seal) }),
    }
}

/// Arguments as JSON text: what is in the string, or the object as it stands.
fn argument_text(raw: &RawValue) -> String {
    match raw.get() {
        "null" => String::new(),
        text if text.starts_with('"') => serde_json::from_str(text).unwrap_or_default(),
        text => text.to_owned(),
    }
}

fn is_filter(error: &VendorError) -> bool {
    let word = error.code.as_deref().unwrap_or(&error.kind).to_ascii_lowercase();
    FILTERS.iter().any(|filter| word.contains(filter))
}

fn complained(error: &RawValue) -> VendorError {
    complaint::in_stream(&serde_json::from_str(error.get()).unwrap_or_default())
}

/// Google names no type, but a code; its front end names a status.
fn failed(VendorError { kind, code, message, .. }: VendorError) -> Event {
    let kind = code.filter(|_| kind.starts_with("http_")).unwrap_or(kind);
    Event::Failed { kind, message }
}

fn unexplained() -> VendorError {
    let message = "the upstream reported an error without saying which".into();
    VendorError { kind: "error".into(), code: None, message, retry_after: None }
}

fn garbage(what: &str, error: &serde_json::Error) -> Garbage {
    let not = if error.is_data() { "not of the shape of Interactions" } else { "not JSON" };
    Garbage(format!("{what} is {not} at line {}, column {}", error.line(), error.column()))
}
