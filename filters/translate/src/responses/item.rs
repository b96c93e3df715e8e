//! The items of an answer, and how far each of them was told.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Citation, Event, Seal, Sealer};

use crate::dialect::Garbage;
use crate::freeform;
use crate::json::{Text, one_line};

/// The items that are understood: any other may have any shape.
const KNOWN: [&str; 5] = ["message", "reasoning", "function_call", "custom_tool_call", "image_generation_call"];

/// An item, as it began or as it is complete.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    call_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    /// JSON text in a string; some local servers send the object itself.
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Vec<Part<'a>>>,
    #[serde(borrow)]
    summary: Option<Vec<Part<'a>>>,
    #[serde(borrow)]
    encrypted_content: Option<Text<'a>>,
    #[serde(borrow)]
    result: Option<Text<'a>>,
    #[serde(borrow)]
    output_format: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    annotations: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Annotation {
    url: Option<String>,
    title: Option<String>,
    filename: Option<String>,
    start_index: Option<u64>,
    end_index: Option<u64>,
    /// Where in the text a file is cited.
    index: Option<u64>,
}

impl<'a> Item<'a> {
    /// Reads an item; of one that nobody here knows, its type alone.
    pub(super) fn read(raw: Option<&'a RawValue>) -> Result<Self, Garbage> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
        }
        let raw = raw.ok_or_else(|| Garbage("an event has no `item`".into()))?;
        let broken = |_| Garbage("an item is not of the shape of Responses".into());
        let Kind { kind } = serde_json::from_str(raw.get()).map_err(broken)?;
        if KNOWN.contains(&&*kind) {
            return serde_json::from_str(raw.get()).map_err(broken);
        }
        Ok(Self {
            kind,
            id: None,
            call_id: None,
            name: None,
            arguments: None,
            input: None,
            content: None,
            summary: None,
            encrypted_content: None,
            result: None,
            output_format: None,
        })
    }

    /// Whether it is a call of a tool that the client runs.
    pub(super) fn is_call(&self) -> bool {
        matches!(&*self.kind, "function_call" | "custom_tool_call")
    }

    /// Whether that tool's argument is plain text.
    pub(super) fn is_freeform(&self) -> bool {
        self.kind == "custom_tool_call"
    }

    /// What the result of a call must name.
    pub(super) fn call_id(&self) -> Option<String> {
        let ids = [&self.call_id, &self.id].into_iter().flatten();
        ids.map(|id| id.0.to_string()).find(|id| !id.is_empty())
    }

    /// The tool.
    pub(super) fn name(&self) -> String {
        self.name.as_ref().map(|name| name.0.to_string()).unwrap_or_default()
    }
}

/// How far an item was told.
#[derive(Default)]
pub(super) struct Progress {
    /// The call that it is, if it is one.
    call: Option<Call>,
    /// Whether any of its text, refusal or summary came in pieces.
    told: bool,
    /// The part that came last, and where its text begins within the answer's.
    part: Option<(u32, u64)>,
    /// How many of its citations came by themselves.
    cited: usize,
}

struct Call {
    number: u32,
    freeform: bool,
    /// Whether any of its arguments came.
    told: bool,
}

impl Progress {
    /// Whether it is a call that began.
    pub(super) fn is_call(&self) -> bool {
        self.call.is_some()
    }

    /// It is the call with this number.
    pub(super) fn begin_call(&mut self, number: u32, freeform: bool) {
        self.call = Some(Call { number, freeform, told: false });
    }

    /// A piece of text, in this part of it. `said` counts the characters of the answer's text.
    pub(super) fn text(
        &mut self,
        part: u32,
        said: &mut u64,
        text: String,
        logprobs: Option<&RawValue>,
        out: &mut Vec<Event>,
    ) {
        if self.part.is_none_or(|(last, _)| last != part) {
            self.part = Some((part, *said));
        }
        *said += text.chars().count() as u64;
        if !text.is_empty() {
            self.told = true;
            out.push(Event::Text { choice: 0, text });
        }
        let tokens = logprobs.map(RawValue::get).filter(|tokens| tokens.starts_with('[') && *tokens != "[]");
        out.extend(tokens.map(|tokens| Event::Logprobs { choice: 0, tokens: one_line(tokens).into() }));
    }

    /// A piece of a refusal.
    pub(super) fn refusal(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.told = true;
            out.push(Event::Refusal { choice: 0, text });
        }
    }

    /// A piece of reasoning, in this part of it. Parts are paragraphs.
    pub(super) fn thought(&mut self, part: u32, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let paragraph = if self.part.is_some_and(|(last, _)| last != part) { "\n\n" } else { "" };
        (self.part, self.told) = (Some((part, 0)), true);
        out.push(Event::Thinking { choice: 0, text: format!("{paragraph}{text}"), seal: None });
    }

    /// A piece of a call's arguments.
    pub(super) fn arguments(&mut self, json: String, out: &mut Vec<Event>) {
        if let Some(call) = self.call.as_mut().filter(|_| !json.is_empty()) {
            call.told = true;
            out.push(Event::ToolArguments { choice: 0, index: call.number, json });
        }
    }

    /// A piece of the text that a call with plain text brings.
    pub(super) fn input(&mut self, text: &str, out: &mut Vec<Event>) {
        let Some(call) = &self.call else { return };
        let open = if call.told { "" } else { r#"{"input":""# };
        let quoted = serde_json::to_string(text).expect("a string is JSON");
        self.arguments(format!("{open}{}", &quoted[1..quoted.len() - 1]), out);
    }

    /// All arguments of a call, which are told only if no pieces came.
    pub(super) fn all_arguments(&mut self, arguments: &RawValue, out: &mut Vec<Event>) {
        if self.call.as_ref().is_some_and(|call| !call.told) {
            self.arguments(argument_text(arguments), out);
        }
    }

    /// A source of the text so far.
    pub(super) fn cite(&mut self, annotation: &RawValue, out: &mut Vec<Event>) {
        self.cited += 1;
        let base = self.part.map_or(0, |(_, base)| base);
        out.extend(citation(annotation, base).map(|citation| Event::Cited { choice: 0, citation }));
    }

    /// The item is complete: what did not come in pieces is told now.
    pub(super) fn complete(&mut self, item: Item<'_>, said: &mut u64, out: &mut Vec<Event>) {
        match &*item.kind {
            "function_call" => item.arguments.into_iter().for_each(|all| self.all_arguments(all, out)),
            "custom_tool_call" => {
                let text = item.input.filter(|_| self.call.as_ref().is_some_and(|call| !call.told));
                text.into_iter().for_each(|text| self.input(&text.0, out));
            }
            "message" => self.message(item.content.unwrap_or_default(), said, out),
            "reasoning" => self.reasoning(item, out),
            "image_generation_call" => {
                let media_type = format!("image/{}", item.output_format.as_ref().map_or("png", |format| &*format.0));
                let data = Text::said(item.result);
                out.extend(data.map(|data| Event::Image { choice: 0, media_type, data }));
            }
            _ => {}
        }
        self.close(out);
    }

    fn message(&mut self, parts: Vec<Part<'_>>, said: &mut u64, out: &mut Vec<Event>) {
        let (whole, mut cited) = (!self.told, std::mem::take(&mut self.cited));
        for (number, part) in (0..).zip(parts) {
            if whole {
                let text = part.text.map(|text| text.0.into_owned()).unwrap_or_default();
                self.text(number, said, text, part.logprobs, out);
                Text::said(part.refusal).into_iter().for_each(|text| self.refusal(text, out));
            }
            for annotation in part.annotations.unwrap_or_default() {
                match cited.checked_sub(1) {
                    Some(fewer) => cited = fewer,
                    None => self.cite(annotation, out),
                }
            }
        }
    }

    /// Reasoning is sealed as a whole. With nothing to show, not even an empty text, it is hidden.
    fn reasoning(&mut self, item: Item<'_>, out: &mut Vec<Event>) {
        let seal = Text::said(item.encrypted_content).map(|data| Seal::read(data, Sealer::OpenAi));
        let parts = item.summary.into_iter().chain(item.content).flatten();
        let texts: Vec<_> = parts.filter_map(|part| part.text).map(|text| text.0).collect();
        let shown = self.told || !texts.is_empty();
        let text = if self.told { String::new() } else { texts.join("\n\n") };
        match seal {
            Some(seal) if !shown => out.push(Event::RedactedThinking { seal }),
            None if text.is_empty() => {}
            seal => out.push(Event::Thinking { choice: 0, text, seal }),
        }
    }

    /// Nothing more comes of it: the arguments of a call are one JSON value.
    pub(super) fn close(&mut self, out: &mut Vec<Event>) {
        let Some(Call { number, freeform, told }) = self.call.take() else { return };
        let json = match (freeform, told) {
            (true, true) => r#""}"#.to_owned(),
            (true, false) => freeform::wrap(""),
            (false, true) => return,
            (false, false) => "{}".to_owned(),
        };
        out.push(Event::ToolArguments { choice: 0, index: number, json });
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

/// A source, where the annotation is one. `base` is where the text of its part begins within the
/// answer's.
fn citation(annotation: &RawValue, base: u64) -> Option<Box<Citation>> {
    let Annotation { url, title, filename, start_index, end_index, index } =
        serde_json::from_str(annotation.get()).ok()?;
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (url, title) = (said(url), said(title).or_else(|| said(filename)));
    let cited = start_index
        .or(index)
        .zip(end_index.or(index))
        .map(|(start, end)| (base.saturating_add(start), base.saturating_add(end)));
    (url.is_some() || title.is_some()).then(|| Box::new(Citation { url, title, cited, ..Citation::default() }))
}
