//! The items of a request's `input`, read as turns.
//!
//! Items of tools that OpenAI runs itself cannot cross to another vendor, and have no place in the
//! neutral form.

use serde::Deserialize;
use tollgate_api::{Refusal, Seal, Sealer};

use crate::freeform;
use crate::json::{Json, TextOr, invalid, unsupported};
use crate::losses::Losses;
use crate::neutral::{Content, Part, Request, Role, Source};

/// Items that stand for content which only OpenAI has: without it the conversation is another.
const KEPT_ELSEWHERE: [&str; 2] = ["item_reference", "compaction"];

#[derive(Deserialize)]
struct Item {
    role: Option<Speaker>,
    content: Option<TextOr<WirePart>>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    input: Option<String>,
    output: Option<TextOr<WirePart>>,
    summary: Option<Vec<WirePart>>,
    encrypted_content: Option<String>,
    result: Option<String>,
    output_format: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Speaker {
    System,
    Developer,
    User,
    Assistant,
}

#[derive(Deserialize, Default)]
struct WirePart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    image_url: Option<String>,
    file_data: Option<String>,
    file_url: Option<String>,
    filename: Option<String>,
    input_audio: Option<Audio>,
    cache_control: Option<Json>,
    /// OpenAI's own word for a mark of what to cache.
    prompt_cache_breakpoint: Option<Json>,
}

#[derive(Deserialize)]
struct Audio {
    data: String,
    format: String,
}

/// Reads `instructions`: a text, or items as in `input`.
pub(super) fn instructions(request: &mut Request, given: TextOr<Json>, losses: &mut Losses) -> Result<(), Refusal> {
    match given {
        TextOr::Text(text) if text.is_empty() => Ok(()),
        TextOr::Text(text) => {
            request.system.push(Content::Text(text).into());
            Ok(())
        }
        TextOr::List(items) => read(request, items, "instructions", losses),
    }
}

/// Reads `input`.
pub(super) fn items(request: &mut Request, items: Vec<Json>, losses: &mut Losses) -> Result<(), Refusal> {
    read(request, items, "input", losses)
}

fn read(request: &mut Request, items: Vec<Json>, list: &str, losses: &mut Losses) -> Result<(), Refusal> {
    let mut reader = Reader { request, seal: None };
    for (i, raw) in items.iter().enumerate() {
        reader.item(raw, &format!("{list}[{i}]"), losses)?;
    }
    reader.unseal();
    Ok(())
}

struct Reader<'a> {
    request: &'a mut Request,
    /// The seal of the call that comes next. Google seals calls; here it travels in an item of
    /// reasoning before the call, which is what clients give back as it came.
    seal: Option<Seal>,
}

impl Reader<'_> {
    fn item(&mut self, raw: &Json, path: &str, losses: &mut Losses) -> Result<(), Refusal> {
        let kind = kind_of(raw, path)?;
        match kind.as_str() {
            "function_call" | "custom_tool_call" | "message" | "reasoning" => {}
            "function_call_output" | "custom_tool_call_output" | "image_generation_call" => {}
            kind if KEPT_ELSEWHERE.contains(&kind) => {
                return Err(unsupported(
                    path,
                    "stands for what OpenAI keeps: send the items themselves, with `store: false`",
                ));
            }
            _ => return losses.lose(path, "is of a tool that only OpenAI runs"),
        }
        let item: Item = raw.to().ok_or_else(|| invalid(path, "is not an item of its type"))?;
        if !matches!(kind.as_str(), "function_call" | "custom_tool_call") {
            self.unseal();
        }
        match kind.as_str() {
            "message" => self.message(item, path),
            "reasoning" => {
                self.reasoning(item);
                Ok(())
            }
            "image_generation_call" => {
                self.image(item);
                Ok(())
            }
            "function_call_output" | "custom_tool_call_output" => self.result(item, path),
            _ => self.call(item, path),
        }
    }

    /// A seal that no call followed is reasoning like any other.
    fn unseal(&mut self) {
        let parts = self.seal.take().map(|seal| Content::RedactedThinking(seal).into());
        self.request.say(Role::Assistant, parts.into_iter().collect());
    }

    fn message(&mut self, item: Item, path: &str) -> Result<(), Refusal> {
        let role = item.role.ok_or_else(|| invalid(&format!("{path}.role"), "is missing"))?;
        let parts = parts(item.content, &format!("{path}.content"))?;
        match role {
            Speaker::User => self.request.say(Role::User, parts),
            Speaker::Assistant => self.request.say(Role::Assistant, parts),
            Speaker::System | Speaker::Developer => {
                if parts.iter().any(|part| !matches!(part.content, Content::Text(_))) {
                    return Err(unsupported(&format!("{path}.content"), "of a system message must be text"));
                }
                self.request.instruct(parts);
            }
        }
        Ok(())
    }

    fn call(&mut self, item: Item, path: &str) -> Result<(), Refusal> {
        let missing = |member: &str| invalid(&format!("{path}.{member}"), "is missing");
        let call = Content::ToolCall {
            id: item.call_id.ok_or_else(|| missing("call_id"))?,
            name: item.name.ok_or_else(|| missing("name"))?,
            arguments: match (item.arguments, item.input) {
                (Some(arguments), _) => arguments,
                (None, Some(text)) => freeform::wrap(&text),
                (None, None) => return Err(missing("arguments")),
            },
            seal: self.seal.take(),
        };
        self.request.say(Role::Assistant, vec![call.into()]);
        Ok(())
    }

    fn result(&mut self, item: Item, path: &str) -> Result<(), Refusal> {
        let id = item.call_id.ok_or_else(|| invalid(&format!("{path}.call_id"), "is missing"))?;
        let parts = parts(item.output, &format!("{path}.output"))?;
        self.request.say(Role::User, vec![Content::ToolResult { id, parts, failed: false }.into()]);
        Ok(())
    }

    fn reasoning(&mut self, item: Item) {
        let seal = item.encrypted_content.filter(|data| !data.is_empty()).map(|data| Seal::read(data, Sealer::OpenAi));
        let summary = texts(item.summary.unwrap_or_default());
        let said = if summary.is_empty() { item.content.map(reasoning_text).unwrap_or_default() } else { summary };
        let content = match seal {
            // Nothing but a seal, and of Google's: that of the call which follows.
            Some(seal) if said.is_empty() && seal.by == Sealer::Google => {
                self.seal = Some(seal);
                return;
            }
            Some(seal) if said.is_empty() => Content::RedactedThinking(seal),
            seal => Content::Thinking { text: said.join("\n\n"), seal },
        };
        if !matches!(&content, Content::Thinking { text, seal: None } if text.is_empty()) {
            self.request.say(Role::Assistant, vec![content.into()]);
        }
    }

    fn image(&mut self, item: Item) {
        let media_type = format!("image/{}", item.output_format.as_deref().unwrap_or("png"));
        let image = item.result.map(|data| Content::Image(Source::Base64 { media_type, data }).into());
        self.request.say(Role::Assistant, image.into_iter().collect());
    }
}

/// What sort of item it is: a message where it does not say.
fn kind_of(raw: &Json, path: &str) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let kind: Kind = raw.to().ok_or_else(|| invalid(path, "must be an object with a `type`"))?;
    Ok(kind.kind.unwrap_or_else(|| "message".into()))
}

fn texts(parts: Vec<WirePart>) -> Vec<String> {
    parts.into_iter().filter_map(|part| part.text).collect()
}

fn reasoning_text(content: TextOr<WirePart>) -> Vec<String> {
    match content {
        TextOr::Text(text) => vec![text],
        TextOr::List(parts) => texts(parts),
    }
}

fn parts(content: Option<TextOr<WirePart>>, path: &str) -> Result<Vec<Part>, Refusal> {
    let one = |text| WirePart { kind: "input_text".into(), text: Some(text), ..WirePart::default() };
    let list = content.map_or_else(Vec::new, |content| content.into_list(one));
    list.into_iter().enumerate().map(|(i, wire)| part(wire, &format!("{path}[{i}]"))).collect()
}

fn part(wire: WirePart, path: &str) -> Result<Part, Refusal> {
    let missing = |member: &str| invalid(&format!("{path}.{member}"), "is missing");
    let content = match wire.kind.as_str() {
        "input_text" | "output_text" | "text" => Content::Text(wire.text.ok_or_else(|| missing("text"))?),
        "refusal" => Content::Text(wire.refusal.ok_or_else(|| missing("refusal"))?),
        "input_image" => match wire.image_url {
            Some(url) => Content::Image(Source::from_url(url)),
            None => return Err(unsupported(path, "must bring its `image_url`: ids of files are one vendor's own")),
        },
        "input_file" => document(wire.file_data, wire.file_url, wire.filename, path)?,
        "input_audio" => audio(wire.input_audio.ok_or_else(|| missing("input_audio"))?),
        _ => return Err(unsupported(path, "is of a type that only its own vendor knows")),
    };
    let marked = wire.prompt_cache_breakpoint.and_then(|_| Json::parse(r#"{"type":"ephemeral"}"#));
    Ok(Part { content, cache: wire.cache_control.or(marked) })
}

fn document(data: Option<String>, url: Option<String>, name: Option<String>, path: &str) -> Result<Content, Refusal> {
    match (data, url) {
        (Some(data), _) => Ok(Content::Document { source: bytes(data, name.as_deref()), name }),
        (None, Some(url)) => Ok(Content::Document { source: Source::from_url(url), name }),
        _ => Err(unsupported(path, "must bring its `file_data` or `file_url`: ids of files are one vendor's own")),
    }
}

/// `file_data`: a `data:` URL, or bare base64 of what the file's name says.
fn bytes(data: String, name: Option<&str>) -> Source {
    if data.starts_with("data:") {
        return Source::from_url(data);
    }
    let ending = name.and_then(|name| name.rsplit_once('.')).map_or("pdf", |(_, ending)| ending);
    let media_type = match ending.to_ascii_lowercase().as_str() {
        "txt" => "text/plain".to_owned(),
        "md" => "text/markdown".to_owned(),
        text @ ("csv" | "html" | "xml") => format!("text/{text}"),
        other => format!("application/{other}"),
    };
    Source::Base64 { media_type, data }
}

fn audio(Audio { data, format }: Audio) -> Content {
    let media_type = if format == "mp3" { "audio/mpeg".into() } else { format!("audio/{format}") };
    Content::Audio(Source::Base64 { media_type, data })
}
