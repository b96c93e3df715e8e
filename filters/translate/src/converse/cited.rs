//! Where an answer's words are from, as Converse says it.

use serde::Serialize;
use tollgate_api::{Citation, CitedSpan};

/// A citation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cited<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_content: Option<[Piece<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location<'a>>,
}

#[derive(Serialize)]
struct Piece<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Location<'a> {
    Web {
        url: &'a str,
    },
    DocumentChar(Place),
    DocumentPage(Place),
    DocumentChunk(Place),
    #[serde(rename = "searchResultLocation")]
    SearchResult(Place),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    document_index: Option<u64>,
    start: u64,
    end: u64,
}

impl<'a> Cited<'a> {
    /// What Converse has a place for of this.
    pub(super) fn of(citation: &'a Citation) -> Self {
        Self {
            title: citation.title.as_deref(),
            source_content: citation.quote.as_deref().map(|text| [Piece { text }]),
            location: location(citation),
        }
    }
}

/// A page of the web, or a place in a document: there is room for one of them.
fn location(citation: &Citation) -> Option<Location<'_>> {
    let document_index = citation.document;
    let place = |start, end| Place { document_index, start, end };
    Some(match (citation.url.as_deref(), citation.source) {
        (Some(url), _) => Location::Web { url },
        (None, None) => return None,
        (None, Some(CitedSpan::Characters(start, end))) => Location::DocumentChar(place(start, end)),
        (None, Some(CitedSpan::Pages(start, end))) => Location::DocumentPage(place(start, end)),
        (None, Some(CitedSpan::Blocks(start, end))) if document_index.is_some() => {
            Location::DocumentChunk(place(start, end))
        }
        (None, Some(CitedSpan::Blocks(start, end))) => Location::SearchResult(place(start, end)),
    })
}
