//! What an answer of Converse is made of, streamed or whole, as serde reads it.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_api::{Citation, CitedSpan};

use super::usage::{Report, Served};
use crate::json::Text;

/// One event of a stream: all members of all events, of which each has a few.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Frame<'a> {
    pub(super) content_block_index: Option<u32>,
    #[serde(borrow)]
    pub(super) start: Option<Start<'a>>,
    #[serde(borrow)]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) additional_model_response_fields: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) usage: Option<Report<'a>>,
    #[serde(borrow)]
    pub(super) service_tier: Option<Served<'a>>,
}

/// How a block begins; a block of text or reasoning just does.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start<'a> {
    #[serde(borrow)]
    pub(super) tool_use: Option<ToolUse<'a>>,
    #[serde(borrow)]
    pub(super) image: Option<Image<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tool_use: Option<ToolPiece<'a>>,
    #[serde(borrow)]
    pub(super) reasoning_content: Option<ReasoningPiece<'a>>,
    #[serde(borrow)]
    pub(super) citation: Option<Cited<'a>>,
    #[serde(borrow)]
    pub(super) image: Option<Image<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ToolPiece<'a> {
    #[serde(borrow)]
    pub(super) input: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReasoningPiece<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) redacted_content: Option<Text<'a>>,
}

/// A whole answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole<'a> {
    #[serde(borrow)]
    pub(super) output: Option<Output<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) additional_model_response_fields: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) usage: Option<Report<'a>>,
    #[serde(borrow)]
    pub(super) service_tier: Option<Served<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Output<'a> {
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Vec<Block<'a>>>,
}

/// One content block, of which one member is there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Block<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tool_use: Option<ToolUse<'a>>,
    #[serde(borrow)]
    pub(super) reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow)]
    pub(super) citations_content: Option<CitationsContent<'a>>,
    #[serde(borrow)]
    pub(super) image: Option<Image<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    #[serde(borrow)]
    pub(super) tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    /// Said of a tool that Amazon runs itself.
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reasoning<'a> {
    #[serde(borrow)]
    pub(super) reasoning_text: Option<ReasoningPiece<'a>>,
    #[serde(borrow)]
    pub(super) redacted_content: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct CitationsContent<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Vec<Piece<'a>>>,
    #[serde(borrow)]
    pub(super) citations: Option<Vec<Cited<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Image<'a> {
    #[serde(borrow)]
    pub(super) format: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) source: Option<Source<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Source<'a> {
    #[serde(borrow)]
    pub(super) bytes: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cited<'a> {
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(borrow)]
    source_content: Option<Vec<Piece<'a>>>,
    #[serde(borrow)]
    location: Option<Location<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    #[serde(borrow)]
    web: Option<Web<'a>>,
    document_char: Option<Place>,
    document_page: Option<Place>,
    document_chunk: Option<Place>,
    search_result_location: Option<Place>,
}

#[derive(Deserialize)]
struct Web<'a> {
    #[serde(borrow)]
    url: Option<Text<'a>>,
}

/// How a place in a source is counted.
type Span = fn(u64, u64) -> CitedSpan;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    document_index: Option<u64>,
    start: Option<u64>,
    end: Option<u64>,
}

/// The stop sequence that was met, among the members of the vendor's own answer where they were asked
/// for: in a stream they may be those of its delta.
pub(super) fn sequence(fields: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Fields {
        stop_sequence: Option<String>,
        delta: Option<Delta>,
    }
    #[derive(Deserialize)]
    struct Delta {
        stop_sequence: Option<String>,
    }
    let fields: Fields = serde_json::from_str(fields.get()).ok()?;
    fields.stop_sequence.or_else(|| fields.delta?.stop_sequence)
}

impl Cited<'_> {
    /// In no vendor's words.
    pub(super) fn citation(self) -> Citation {
        let quote: String =
            self.source_content.into_iter().flatten().filter_map(|piece| Text::said(piece.text)).collect();
        let (url, place, source) = self.location.map_or((None, None, None), Location::parts);
        let source_url = Text::said(self.source).filter(|source| source.contains("://"));
        Citation {
            url: url.or(source_url),
            title: Text::said(self.title),
            quote: Some(quote).filter(|quote| !quote.is_empty()),
            document: place.and_then(|place| place.document_index),
            cited: None,
            source,
        }
    }
}

impl Location<'_> {
    fn parts(self) -> (Option<String>, Option<Place>, Option<CitedSpan>) {
        let url = self.web.and_then(|web| Text::said(web.url));
        let kinds = [
            self.document_char.map(|place| (place, CitedSpan::Characters as Span)),
            self.document_page.map(|place| (place, CitedSpan::Pages as Span)),
            self.document_chunk.or(self.search_result_location).map(|place| (place, CitedSpan::Blocks as Span)),
        ];
        let found = kinds.into_iter().flatten().next();
        let span = found.and_then(|(place, span)| Some(span(place.start?, place.end?)));
        (url, found.map(|(place, _)| place), span)
    }
}
