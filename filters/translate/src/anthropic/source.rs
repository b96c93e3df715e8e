//! Where the bytes of an image or a document are, as Anthropic wants to be told.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use tollgate_api::Refusal;

use crate::losses::Losses;
use crate::neutral::Source;

/// The `source` member.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WireSource<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Text { media_type: &'static str, data: String },
    Url { url: &'a str },
}

/// Of a picture.
pub(super) fn of_image(source: &Source) -> WireSource<'_> {
    match source {
        Source::Url(url) => WireSource::Url { url },
        Source::Base64 { media_type, data } => WireSource::Base64 { media_type, data },
    }
}

/// Of a document: a PDF as it is, a text as its words. `None` where it is neither and may be
/// dropped.
pub(super) fn of_document<'a>(source: &'a Source, losses: &mut Losses) -> Result<Option<WireSource<'a>>, Refusal> {
    let Source::Base64 { media_type, data } = source else { return Ok(Some(of_image(source))) };
    let words = || String::from_utf8(STANDARD.decode(data).ok()?).ok();
    let text = is_text(media_type).then(words).flatten();
    Ok(match text {
        Some(data) => Some(WireSource::Text { media_type: "text/plain", data }),
        None if &*essence(media_type) == "application/pdf" => Some(of_image(source)),
        None => {
            losses.lose("messages", "holds a file that is neither PDF nor text: Anthropic reads no other")?;
            None
        }
    })
}

fn is_text(media_type: &str) -> bool {
    let kind = essence(media_type);
    kind.starts_with("text/") || matches!(&*kind, "application/json" | "application/xml" | "application/yaml")
}

/// The media type without its parameters.
fn essence(media_type: &str) -> Cow<'_, str> {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    if kind.bytes().any(|b| b.is_ascii_uppercase()) { kind.to_ascii_lowercase().into() } else { kind.into() }
}
