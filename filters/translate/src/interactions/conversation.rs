//! The turns of a conversation, written as the steps of an interaction.

use std::borrow::Cow;
use std::collections::HashMap;

use tollgate_api::{Seal, Sealer};

use super::steps::{Answer, Item, Media, Step, object};
use crate::neutral::{Content, Part, Request, Role, Source, Turn};

/// How the names of pictures end, and what they are then.
const PICTURES: [(&str, &str); 5] = [
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".webp", "image/webp"),
    (".gif", "image/gif"),
];
/// The same of films.
const FILMS: [(&str, &str); 3] = [(".mp4", "video/mp4"), (".mov", "video/mov"), (".webm", "video/webm")];
/// Where Google itself looks for films.
const YOUTUBE: [&str; 2] = ["youtube.com/", "youtu.be/"];

/// The system prompt beside the conversation. A prompt alone is what the user says: Google wants
/// an input.
pub(super) fn written(request: &Request) -> (Option<Cow<'_, str>>, Vec<Step<'_>>) {
    let system = system(&request.system);
    let steps = steps(&request.turns);
    match system {
        Some(system) if steps.is_empty() && !request.unknown.contains_key("previous_interaction_id") => {
            (None, vec![Step::UserInput { content: vec![Item::text(system)] }])
        }
        system => (system, steps),
    }
}

fn system(parts: &[Part]) -> Option<Cow<'_, str>> {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    texts.fold(None, |all: Option<Cow<'_, str>>, text| match all {
        None => Some(Cow::Borrowed(text)),
        Some(all) => Some(Cow::Owned(format!("{all}\n\n{text}"))),
    })
}

fn steps(turns: &[Turn]) -> Vec<Step<'_>> {
    let mut steps = Steps::default();
    for turn in turns {
        turn.parts.iter().for_each(|part| steps.part(turn.role, &part.content));
        steps.flush(turn.role);
    }
    steps.done
}

#[derive(Default)]
struct Steps<'a> {
    done: Vec<Step<'a>>,
    /// Content of the turn that no step holds yet.
    content: Vec<Item<'a>>,
    /// Which tool a call named: its result names it too.
    names: HashMap<&'a str, &'a str>,
}

impl<'a> Steps<'a> {
    fn part(&mut self, role: Role, content: &'a Content) {
        if let Some(item) = item(content) {
            self.content.push(item);
            return;
        }
        self.flush(role);
        match content {
            Content::Thinking { seal: Some(seal), text } => self.thought(text, seal),
            Content::RedactedThinking(seal) => self.thought("", seal),
            Content::ToolCall { id, name, arguments, seal } => {
                if let Some(seal) = seal {
                    self.thought("", seal);
                }
                self.names.insert(id, name);
                let arguments = object(arguments);
                self.done.push(Step::FunctionCall { id: id.into(), name: name.into(), arguments });
            }
            Content::ToolResult { id, parts, failed } => {
                let name = self.names.get(id.as_str()).copied();
                let result = answer(parts);
                self.done.push(Step::FunctionResult { call_id: id, name, result, is_error: *failed });
            }
            _ => {}
        }
    }

    /// A thought of Google's own: it takes no other vendor's, and none without a seal.
    fn thought(&mut self, text: &'a str, seal: &'a Seal) {
        if let Some(signature) = seal.of(Sealer::Google) {
            let summary = if text.is_empty() { Vec::new() } else { vec![Item::text(text)] };
            self.done.push(Step::Thought { signature: Some(signature.into()), summary });
        }
    }

    fn flush(&mut self, role: Role) {
        if !self.content.is_empty() {
            let content = std::mem::take(&mut self.content);
            self.done.push(match role {
                Role::User | Role::System => Step::UserInput { content },
                Role::Assistant => Step::ModelOutput { content },
            });
        }
    }
}

fn answer(parts: &[Part]) -> Answer<'_> {
    match parts {
        [] => Answer::Text(""),
        [Part { content: Content::Text(text), .. }] => Answer::Text(text),
        parts => Answer::Items(parts.iter().filter_map(|part| item(&part.content)).collect()),
    }
}

/// What is content and no step of its own. Google refuses a text without a character.
fn item(content: &Content) -> Option<Item<'_>> {
    Some(match content {
        Content::Text(text) if text.is_empty() => return None,
        Content::Text(text) => Item::text(text),
        Content::Image(source) => Item::Image(media(source)),
        Content::Audio(source) => Item::Audio(media(source)),
        Content::Document { source, .. } => {
            let media = media(source);
            match media.mime_type {
                Some(kind) if kind.starts_with("image/") => Item::Image(media),
                Some(kind) if kind.starts_with("audio/") => Item::Audio(media),
                Some(kind) if kind.starts_with("video/") => Item::Video(media),
                None if YOUTUBE.iter().any(|place| media.uri.is_some_and(|uri| uri.contains(place))) => {
                    Item::Video(media)
                }
                _ => Item::Document(media),
            }
        }
        _ => return None,
    })
}

fn media(source: &Source) -> Media<'_> {
    match source {
        Source::Base64 { media_type, data } => {
            let mime_type = Some(media_type.as_str()).filter(|kind| !kind.is_empty());
            Media { mime_type, data: Some(data), uri: None }
        }
        Source::Url(url) => Media { mime_type: kind_of(url), data: None, uri: Some(url) },
    }
}

/// What a file is, where its name tells.
fn kind_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let known = PICTURES.iter().chain(&FILMS).chain(&[(".pdf", "application/pdf")]);
    known.clone().find(|(end, _)| path.ends_with(end)).map(|(_, kind)| *kind)
}
