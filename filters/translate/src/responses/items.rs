//! Turns, written as the items of a Responses request.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;
use tollgate_api::{Refusal, Sealer};

use crate::freeform;
use crate::losses::Losses;
use crate::neutral::{Content, Part, Request, Role, Source, Tool, Turn};

/// The longest id of a call that OpenAI takes, in characters.
const ID_MAX: usize = 64;

/// One item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message { role: &'static str, content: Vec<WirePart<'a>> },
    Reasoning { summary: Vec<Summary<'a>>, encrypted_content: &'a str },
    FunctionCall { call_id: Cow<'a, str>, name: &'a str, arguments: &'a str },
    CustomToolCall { call_id: Cow<'a, str>, name: &'a str, input: Cow<'a, str> },
    FunctionCallOutput { call_id: Cow<'a, str>, output: Output<'a> },
    CustomToolCallOutput { call_id: Cow<'a, str>, output: Output<'a> },
}

/// A summary of reasoning.
#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct Summary<'a> {
    text: &'a str,
}

/// What a tool answered: a text where it is nothing else, as older servers know no other.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(&'a str),
    Parts(Vec<WirePart<'a>>),
}

/// A part of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WirePart<'a> {
    InputText { text: &'a str },
    OutputText { text: &'a str },
    InputImage { image_url: Cow<'a, str> },
    InputFile(File<'a>),
    InputAudio { input_audio: Audio<'a> },
}

/// A file.
#[derive(Serialize)]
pub(super) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<Cow<'a, str>>,
}

/// Something to listen to.
#[derive(Serialize)]
pub(super) struct Audio<'a> {
    data: &'a str,
    format: &'static str,
}

/// The names of the tools whose argument is plain text.
pub(super) fn freeform_names(tools: &[Tool]) -> BTreeSet<&str> {
    let freeform = tools.iter().filter_map(|tool| match tool {
        Tool::Freeform { name, .. } => Some(name.as_str()),
        Tool::Function { .. } | Tool::Hosted(_) => None,
    });
    freeform.collect()
}

/// The system prompt as an item.
pub(super) fn system(parts: &[Part]) -> Item<'_> {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(WirePart::InputText { text }),
        _ => None,
    });
    Item::Message { role: "system", content: texts.collect() }
}

/// The items of a conversation.
pub(super) fn turns<'a>(request: &'a Request, losses: &mut Losses) -> Result<Vec<Item<'a>>, Refusal> {
    let freeform = freeform_names(&request.tools);
    let mut writer = Writer { items: Vec::new(), freeform, custom: BTreeSet::new(), losses };
    for (i, turn) in request.turns.iter().enumerate() {
        writer.turn(turn, &format!("turns[{i}]"))?;
    }
    Ok(writer.items)
}

struct Writer<'a, 'l> {
    items: Vec<Item<'a>>,
    /// The names of the tools whose argument is plain text.
    freeform: BTreeSet<&'a str>,
    /// The ids of their calls so far.
    custom: BTreeSet<&'a str>,
    losses: &'l mut Losses,
}

impl<'a> Writer<'a, '_> {
    fn turn(&mut self, turn: &'a Turn, path: &str) -> Result<(), Refusal> {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "system",
        };
        let mut said = Vec::new();
        for part in &turn.parts {
            if let Some(part) = self.wire(&part.content, turn.role, path)? {
                said.push(part);
            } else if let Some(item) = self.item(&part.content, path)? {
                self.message(role, &mut said);
                self.items.push(item);
            }
        }
        self.message(role, &mut said);
        Ok(())
    }

    fn message(&mut self, role: &'static str, said: &mut Vec<WirePart<'a>>) {
        if !said.is_empty() {
            self.items.push(Item::Message { role, content: std::mem::take(said) });
        }
    }

    /// What is an item of its own.
    fn item(&mut self, content: &'a Content, path: &str) -> Result<Option<Item<'a>>, Refusal> {
        Ok(match content {
            Content::ToolCall { id, name, arguments, .. } if self.freeform.contains(name.as_str()) => {
                self.custom.insert(id);
                Some(Item::CustomToolCall { call_id: call_id(id), name, input: freeform::unwrap(arguments) })
            }
            Content::ToolCall { id, name, arguments, .. } => {
                let arguments = if arguments.is_empty() { "{}" } else { arguments };
                Some(Item::FunctionCall { call_id: call_id(id), name, arguments })
            }
            Content::ToolResult { id, parts, .. } => {
                let output = self.output(parts, path)?;
                Some(match self.custom.contains(id.as_str()) {
                    true => Item::CustomToolCallOutput { call_id: call_id(id), output },
                    false => Item::FunctionCallOutput { call_id: call_id(id), output },
                })
            }
            // Reasoning without a seal of OpenAI's is refused there: it is left out.
            Content::Thinking { text, seal } => {
                let seal = seal.as_ref().and_then(|seal| seal.of(Sealer::OpenAi));
                seal.map(|seal| Item::Reasoning { summary: vec![Summary { text }], encrypted_content: seal })
            }
            Content::RedactedThinking(seal) => {
                let seal = seal.of(Sealer::OpenAi);
                seal.map(|seal| Item::Reasoning { summary: Vec::new(), encrypted_content: seal })
            }
            Content::Text(_) | Content::Image(_) | Content::Audio(_) | Content::Document { .. } => None,
        })
    }

    fn output(&mut self, parts: &'a [Part], path: &str) -> Result<Output<'a>, Refusal> {
        match parts {
            [] => return Ok(Output::Text("")),
            [Part { content: Content::Text(text), .. }] => return Ok(Output::Text(text)),
            _ => {}
        }
        let mut wire = Vec::with_capacity(parts.len());
        for part in parts {
            wire.extend(self.wire(&part.content, Role::User, path)?);
        }
        Ok(Output::Parts(wire))
    }

    /// What is a part of a message.
    fn wire(&mut self, content: &'a Content, role: Role, path: &str) -> Result<Option<WirePart<'a>>, Refusal> {
        Ok(match (content, role) {
            (Content::Text(text), Role::User | Role::System) => Some(WirePart::InputText { text }),
            (Content::Text(text), Role::Assistant) => Some(WirePart::OutputText { text }),
            (Content::Image(source), Role::User | Role::System) => {
                Some(WirePart::InputImage { image_url: url(source) })
            }
            (Content::Document { source, name }, Role::User | Role::System) => {
                Some(WirePart::InputFile(file(source, name.as_deref())))
            }
            (Content::Audio(source), Role::User | Role::System) => match audio(source) {
                Some(input_audio) => Some(WirePart::InputAudio { input_audio }),
                None => self.lose(path, "has audio that is neither MP3 nor WAV, which OpenAI does not take")?,
            },
            (Content::Image(_) | Content::Document { .. } | Content::Audio(_), Role::Assistant) => {
                self.lose(path, "has a file of the model's own, which OpenAI does not take back")?
            }
            _ => None,
        })
    }

    fn lose(&mut self, path: &str, why: &str) -> Result<Option<WirePart<'a>>, Refusal> {
        self.losses.lose(path, why).map(|()| None)
    }
}

/// A call's id, no longer than OpenAI takes. The same id always becomes the same, and different
/// ids stay different.
fn call_id(id: &str) -> Cow<'_, str> {
    if id.chars().count() <= ID_MAX {
        return Cow::Borrowed(id);
    }
    // FNV-1a: telling apart is all that is wanted of it.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let head: String = id.chars().take(ID_MAX - 17).collect();
    Cow::Owned(format!("{head}_{hash:016x}"))
}

fn url(source: &Source) -> Cow<'_, str> {
    match source {
        Source::Url(url) => Cow::Borrowed(url),
        Source::Base64 { .. } => Cow::Owned(source.to_url()),
    }
}

fn file<'a>(source: &'a Source, name: Option<&'a str>) -> File<'a> {
    let filename = name.map(Cow::Borrowed);
    match source {
        Source::Url(url) => File { file_url: Some(url), file_data: None, filename: None },
        // Bytes without a name are refused: it is from its ending that OpenAI knows what they are.
        Source::Base64 { media_type, .. } => {
            let unnamed = || Cow::Owned(format!("file.{}", ending(media_type)));
            let filename = Some(filename.unwrap_or_else(unnamed));
            File { file_url: None, file_data: Some(source.to_url()), filename }
        }
    }
}

fn ending(media_type: &str) -> &str {
    match media_type {
        "text/plain" => "txt",
        "text/markdown" => "md",
        _ => media_type.rsplit_once('/').map_or("pdf", |(_, kind)| kind),
    }
}

fn audio(source: &Source) -> Option<Audio<'_>> {
    let Source::Base64 { media_type, data } = source else { return None };
    let format = match media_type.as_str() {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        _ => return None,
    };
    Some(Audio { data, format })
}
