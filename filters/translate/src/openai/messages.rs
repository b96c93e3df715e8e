//! The conversation, written as the messages of a Chat Completions request.

use std::borrow::Cow;

use serde::Serialize;
use tollgate_api::{Refusal, Seal, Sealer};

use super::accent::{Accent, Attaches, GivenBack, Seals};
use super::details;
use super::ids::call_id;
use super::message::{Extra, ThinkingBlock};
use super::turns::audio_format;
use crate::freeform;
use crate::json::Json;
use crate::losses::Losses;
use crate::neutral::{Content, Part, Request, Role, Source, Tool, Turn};

/// What Google documents for a call whose seal is not at hand.
const UNSEALED: &str = "skip_thought_signature_validator";

#[derive(Default, Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
    content: Option<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<details::Written<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<ThinkingBlock>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

/// A plain text where that says all: some servers know nothing else.
#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Text(&'a str),
    Parts(Vec<WirePart<'a>>),
}

#[derive(Serialize)]
struct WirePart<'a> {
    #[serde(flatten)]
    kind: Kind<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a Json>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind<'a> {
    Text {
        text: &'a str,
    },
    ImageUrl {
        image_url: Url,
    },
    VideoUrl {
        video_url: Url,
    },
    InputAudio {
        input_audio: Audio<'a>,
    },
    File {
        file: File<'a>,
    },
    DocumentUrl {
        document_url: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        document_name: Option<&'a str>,
    },
    Thinking {
        thinking: [Thought<'a>; 1],
    },
}

#[derive(Serialize)]
struct Url {
    url: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Audio<'a> {
    Object { data: &'a str, format: &'a str },
    Bare(&'a str),
}

#[derive(Serialize)]
struct File<'a> {
    file_data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

#[derive(Serialize)]
struct Thought<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Call<'a> {
    id: Cow<'a, str>,
    #[serde(flatten)]
    called: Called<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Called<'a> {
    Function { function: Function<'a> },
    Custom { custom: Custom<'a> },
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Custom<'a> {
    name: &'a str,
    input: Cow<'a, str>,
}

/// Writes the messages.
pub(super) fn messages<'a>(request: &'a Request, losses: &mut Losses) -> Result<Vec<Message<'a>>, Refusal> {
    let mut scribe = Scribe { accent: request.accent, tools: &request.tools, losses };
    let mut messages = Vec::new();
    messages.extend(scribe.system(&request.system)?);
    for turn in &request.turns {
        match turn.role {
            Role::System => messages.extend(scribe.system(&turn.parts)?),
            Role::User => scribe.user(turn, &mut messages)?,
            Role::Assistant => messages.push(scribe.assistant(turn)?),
        }
    }
    Ok(messages)
}

/// Who writes, and for whom.
struct Scribe<'a, 'l> {
    accent: Accent,
    tools: &'a [Tool],
    losses: &'l mut Losses,
}

impl<'a> Scribe<'a, '_> {
    /// What the model is told.
    fn system(&mut self, parts: &'a [Part]) -> Result<Option<Message<'a>>, Refusal> {
        let parts = self.parts(parts.iter())?;
        Ok(said(parts).map(|content| Message { role: "system", content: Some(content), ..Message::default() }))
    }

    /// A user's turn: one message per tool result, and one for the rest. Where a result is text
    /// alone, what else a tool gave follows it in the user's name.
    fn user(&mut self, turn: &'a Turn, messages: &mut Vec<Message<'a>>) -> Result<(), Refusal> {
        let row = self.accent.row();
        let mut rest = Vec::new();
        for part in &turn.parts {
            let Content::ToolResult { id, parts, .. } = &part.content else { continue };
            let fits = |part: &&Part| row.rich_results || matches!(part.content, Content::Text(_));
            let (fitting, others): (Vec<_>, Vec<_>) = parts.iter().partition(fits);
            let mut content = self.parts(fitting)?;
            if let Some(last) = content.last_mut() {
                last.cache_control = last.cache_control.or(self.cache(part));
            }
            rest.extend(self.parts(others)?);
            messages.push(Message {
                role: "tool",
                tool_call_id: Some(call_id(row.ids, id)),
                content: Some(said(content).unwrap_or(Said::Text(""))),
                ..Message::default()
            });
        }
        rest.extend(self.parts(&turn.parts)?);
        messages.extend(said(rest).map(|content| Message {
            role: "user",
            content: Some(content),
            ..Message::default()
        }));
        Ok(())
    }

    fn assistant(&mut self, turn: &'a Turn) -> Result<Message<'a>, Refusal> {
        let row = self.accent.row();
        let mut content = Vec::new();
        for part in &turn.parts {
            match &part.content {
                Content::Text(text) => {
                    content.push(WirePart { kind: Kind::Text { text }, cache_control: self.cache(part) });
                }
                Content::Thinking { text, .. } if row.given_back == GivenBack::Part && !text.is_empty() => {
                    let thinking = [Thought { kind: "text", text }];
                    content.push(WirePart { kind: Kind::Thinking { thinking }, cache_control: None });
                }
                Content::Image(_) | Content::Audio(_) | Content::Document { .. } => {
                    self.losses.lose("messages", "give back what the model made, which only its own vendor takes")?;
                }
                _ => {}
            }
        }
        let mut message =
            Message { role: "assistant", content: said(content), tool_calls: self.calls(turn), ..Message::default() };
        match row.given_back {
            GivenBack::Nowhere | GivenBack::Part => {}
            GivenBack::Blocks => message.thinking_blocks = turn.parts.iter().filter_map(block).collect(),
            GivenBack::Content => message.reasoning_content = thought(turn),
            GivenBack::ContentOfCalls if message.tool_calls.is_empty() => message.reasoning_content = thought(turn),
            GivenBack::ContentOfCalls => message.reasoning_content = Some(thought(turn).unwrap_or_default()),
            GivenBack::Reasoning => message.reasoning = thought(turn),
            GivenBack::Details => message.reasoning_details = details::written(turn),
        }
        Ok(message)
    }

    fn calls(&self, turn: &'a Turn) -> Vec<Call<'a>> {
        let mut calls: Vec<_> = turn.parts.iter().filter_map(|part| self.call(part)).collect();
        if let (Seals::Googles, Some(first)) = (self.accent.row().seals, calls.first_mut()) {
            // Of calls made at once only the first is sealed.
            first.extra_content.get_or_insert_with(|| Extra::new(UNSEALED));
        }
        calls
    }

    fn call(&self, part: &'a Part) -> Option<Call<'a>> {
        let Content::ToolCall { id, name, arguments, seal } = &part.content else { return None };
        let is_this = |tool: &Tool| matches!(tool, Tool::Freeform { name: its, .. } if its == name);
        let called = if self.accent.takes("custom") && self.tools.iter().any(is_this) {
            Called::Custom { custom: Custom { name, input: freeform::unwrap(arguments) } }
        } else {
            let arguments = if arguments.is_empty() { "{}" } else { arguments };
            Called::Function { function: Function { name, arguments } }
        };
        let extra = |seal: &Seal| match self.accent.row().seals {
            Seals::Nowhere => None,
            Seals::Googles => seal.of(Sealer::Google).map(Extra::new),
            Seals::Any => Some(Extra::sealed(seal)),
        };
        let extra_content = seal.as_ref().and_then(extra);
        Some(Call { id: call_id(self.accent.row().ids, id), called, extra_content })
    }

    /// What can stand in the content of a message.
    fn parts(&mut self, parts: impl IntoIterator<Item = &'a Part>) -> Result<Vec<WirePart<'a>>, Refusal> {
        let parts = parts.into_iter().filter_map(|part| self.part(part).transpose());
        parts.collect()
    }

    fn part(&mut self, part: &'a Part) -> Result<Option<WirePart<'a>>, Refusal> {
        let kind = match &part.content {
            Content::Text(text) => Some(Kind::Text { text }),
            Content::Image(source) => Some(Kind::ImageUrl { image_url: Url { url: source.to_url() } }),
            Content::Audio(source) => self.audio(source)?,
            Content::Document { source, name } => self.document(source, name.as_deref())?,
            _ => None,
        };
        Ok(kind.map(|kind| WirePart { kind, cache_control: self.cache(part) }))
    }

    fn audio(&mut self, source: &'a Source) -> Result<Option<Kind<'a>>, Refusal> {
        let input_audio = match (self.accent.row().attaches, source) {
            (Attaches::Mistral, Source::Url(text) | Source::Base64 { data: text, .. }) => Audio::Bare(text),
            (_, Source::Base64 { media_type, data }) => Audio::Object { data, format: audio_format(media_type) },
            (_, Source::Url(_)) => {
                self.losses.lose("messages", "hold a sound by its URL: send its bytes, this upstream fetches none")?;
                return Ok(None);
            }
        };
        Ok(Some(Kind::InputAudio { input_audio }))
    }

    fn document(&mut self, source: &'a Source, name: Option<&'a str>) -> Result<Option<Kind<'a>>, Refusal> {
        let is_film = matches!(source, Source::Base64 { media_type, .. } if media_type.starts_with("video/"));
        Ok(Some(match (self.accent.row().attaches, source) {
            (Attaches::Mistral, _) => Kind::DocumentUrl { document_url: source.to_url(), document_name: name },
            (Attaches::BytesAndPlaces, _) if is_film => Kind::VideoUrl { video_url: Url { url: source.to_url() } },
            (Attaches::Bytes, Source::Url(_)) => {
                self.losses.lose("messages", "hold a file by its URL: send its bytes, this upstream fetches none")?;
                return Ok(None);
            }
            _ => Kind::File { file: File { file_data: source.to_url(), filename: name } },
        }))
    }

    fn cache(&self, part: &'a Part) -> Option<&'a Json> {
        part.cache.as_ref().filter(|_| self.accent.takes("cache_control"))
    }
}

/// The content of a message; `None` where there is nothing to say.
fn said(mut parts: Vec<WirePart<'_>>) -> Option<Said<'_>> {
    match &parts[..] {
        [] => None,
        [WirePart { kind: Kind::Text { .. }, cache_control: None }] => match parts.pop()?.kind {
            Kind::Text { text } => Some(Said::Text(text)),
            _ => None,
        },
        _ => Some(Said::Parts(parts)),
    }
}

/// The text of all thinking in a turn, whosever seal is on it.
fn thought(turn: &Turn) -> Option<String> {
    let texts = turn.parts.iter().filter_map(|part| match &part.content {
        Content::Thinking { text, .. } => Some(text.as_str()),
        _ => None,
    });
    Some(texts.collect::<String>()).filter(|text| !text.is_empty())
}

fn block(part: &Part) -> Option<ThinkingBlock> {
    match &part.content {
        Content::Thinking { text, seal } => Some(ThinkingBlock::shown(text, seal.as_ref())),
        Content::RedactedThinking(seal) => Some(ThinkingBlock::hidden(seal)),
        _ => None,
    }
}
