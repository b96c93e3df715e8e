//! Where words of an answer are from, in the `annotations` of a text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tollgate_api::{Citation, CitedSpan};

use crate::json::{Count, Text};

/// One annotation, read.
#[derive(Deserialize)]
pub(super) struct Annotation<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    /// Of a place on a map.
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    document_uri: Option<Text<'a>>,
    #[serde(borrow)]
    file_name: Option<Text<'a>>,
    /// The words of a file.
    #[serde(borrow)]
    source: Option<Text<'a>>,
    page_number: Option<Count>,
    start_index: Option<Count>,
    end_index: Option<Count>,
}

impl Annotation<'_> {
    /// What it cites, where it cites anything. `at` finds the character at a byte of the text.
    pub(super) fn citation(self, at: impl Fn(u64) -> u64) -> Option<Citation> {
        let start = self.start_index.unwrap_or_default().0;
        let cited = self.end_index.map(|end| (at(start), at(end.0)));
        let citation = match &*self.kind {
            "url_citation" => {
                Citation { url: Text::said(self.url), title: Text::said(self.title), ..Citation::default() }
            }
            "place_citation" => {
                Citation { url: Text::said(self.url), title: Text::said(self.name), ..Citation::default() }
            }
            "file_citation" => Citation {
                url: Text::said(self.document_uri),
                title: Text::said(self.file_name),
                quote: Text::said(self.source),
                source: self.page_number.map(|Count(page)| CitedSpan::Pages(page, page)),
                ..Citation::default()
            },
            _ => return None,
        };
        Some(Citation { cited, ..citation })
    }
}

/// One annotation, written.
#[derive(Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Written<'a> {
    /// A page of the web.
    UrlCitation {
        url: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(flatten)]
        cited: Option<Span>,
    },
    /// Anything else.
    FileCitation {
        #[serde(skip_serializing_if = "Option::is_none")]
        document_uri: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        page_number: Option<u64>,
        #[serde(flatten)]
        cited: Option<Span>,
    },
}

/// Bytes of the text that the annotation stands in.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Span {
    pub(super) start_index: usize,
    pub(super) end_index: usize,
}

/// The annotation that says this.
pub(super) fn written(citation: &Citation, cited: Option<Span>) -> Written<'_> {
    let title = citation.title.as_deref();
    match citation.url.as_deref() {
        Some(url) if url.starts_with("http") => Written::UrlCitation { url, title, cited },
        document_uri => Written::FileCitation {
            document_uri,
            file_name: title,
            source: citation.quote.as_deref(),
            page_number: match citation.source {
                Some(CitedSpan::Pages(page, _)) => Some(page),
                _ => None,
            },
            cited,
        },
    }
}
