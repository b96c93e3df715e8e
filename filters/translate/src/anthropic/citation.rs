//! Citations in a text block, read and written.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Citation, CitedSpan, Event};

use crate::json::Text;

/// Citations of one block, at most: what is beyond is passed over.
const CITATIONS_MAX: usize = 1024;

/// One citation as it comes: each type has some of these.
#[derive(Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    cited_text: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    document_title: Option<Text<'a>>,
    document_index: Option<u64>,
    start_char_index: Option<u64>,
    end_char_index: Option<u64>,
    start_page_number: Option<u64>,
    end_page_number: Option<u64>,
    start_block_index: Option<u64>,
    end_block_index: Option<u64>,
}

impl Given<'_> {
    fn span(&self) -> Option<CitedSpan> {
        let characters = self.start_char_index.zip(self.end_char_index).map(|(a, b)| CitedSpan::Characters(a, b));
        let pages = || self.start_page_number.zip(self.end_page_number).map(|(a, b)| CitedSpan::Pages(a, b));
        let blocks = || self.start_block_index.zip(self.end_block_index).map(|(a, b)| CitedSpan::Blocks(a, b));
        characters.or_else(pages).or_else(blocks)
    }
}

/// Reads one. What is newer than this code is no reason to fail an answer.
pub(super) fn read(raw: &RawValue) -> Option<Citation> {
    serde_json::from_str(raw.get()).ok().map(of)
}

/// Reads the list of a block.
pub(super) fn read_all(raw: &RawValue) -> Vec<Citation> {
    let list: Option<Vec<&RawValue>> = serde_json::from_str(raw.get()).ok().flatten();
    list.into_iter().flatten().filter_map(read).collect()
}

fn of(given: Given<'_>) -> Citation {
    Citation {
        source: given.span(),
        document: given.document_index,
        url: Text::said(given.url).or_else(|| Text::said(given.source)),
        title: Text::said(given.title).or_else(|| Text::said(given.document_title)),
        quote: Text::said(given.cited_text),
        cited: None,
    }
}

/// What the open text block cites. It comes before the text, and is told after it, with its place.
#[derive(Default)]
pub(super) struct Cited {
    /// Characters of text so far.
    chars: u64,
    /// Of these, the ones before the block.
    before: u64,
    citations: Vec<Citation>,
}

impl Cited {
    /// Counts a piece of text, and tells it.
    pub(super) fn text(&mut self, piece: Option<Text<'_>>) -> Option<Event> {
        let text = Text::said(piece)?;
        self.chars += text.chars().count() as u64;
        Some(Event::Text { choice: 0, text })
    }

    /// Keeps what the block cites.
    pub(super) fn by(&mut self, citations: impl IntoIterator<Item = Citation>) {
        let room = CITATIONS_MAX - self.citations.len();
        self.citations.extend(citations.into_iter().take(room));
    }

    /// The block ends, if one was open.
    pub(super) fn close(&mut self, out: &mut Vec<Event>) {
        let cited = Some((std::mem::replace(&mut self.before, self.chars), self.chars));
        let citations = self.citations.drain(..).map(|citation| Box::new(Citation { cited, ..citation }));
        out.extend(citations.map(|citation| Event::Cited { choice: 0, citation }));
    }
}

/// One citation as it is written: every member that a strict client looks for is there.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Location<'a> {
    #[serde(rename = "web_search_result_location")]
    Web {
        cited_text: &'a str,
        url: &'a str,
        title: Option<&'a str>,
        /// Anthropic's own, and required: an empty one is cut out again before Anthropic sees it.
        encrypted_index: &'static str,
    },
    #[serde(rename = "char_location")]
    Characters {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_char_index: u64,
        end_char_index: u64,
    },
    #[serde(rename = "page_location")]
    Pages {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_page_number: u64,
        end_page_number: u64,
    },
    #[serde(rename = "content_block_location")]
    Blocks {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_block_index: u64,
        end_block_index: u64,
    },
}

/// Writes one. A source that names neither an address nor a place is cited at its beginning.
pub(super) fn write(citation: &Citation) -> Location<'_> {
    let cited_text = citation.quote.as_deref().unwrap_or_default();
    let document_title = citation.title.as_deref();
    let document_index = citation.document.unwrap_or_default();
    if let Some(url) = &citation.url {
        return Location::Web { cited_text, url, title: document_title, encrypted_index: "" };
    }
    match citation.source.unwrap_or(CitedSpan::Characters(0, 0)) {
        CitedSpan::Characters(start_char_index, end_char_index) => {
            Location::Characters { cited_text, document_index, document_title, start_char_index, end_char_index }
        }
        CitedSpan::Pages(start_page_number, end_page_number) => {
            Location::Pages { cited_text, document_index, document_title, start_page_number, end_page_number }
        }
        CitedSpan::Blocks(start_block_index, end_block_index) => {
            Location::Blocks { cited_text, document_index, document_title, start_block_index, end_block_index }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_citation_reads_back_as_it_was_written() {
        let about = |source| Citation {
            title: Some("t".into()),
            quote: Some("q".into()),
            document: Some(1),
            source: Some(source),
            ..Citation::default()
        };
        let web =
            Citation { url: Some("https://a".into()), document: None, source: None, ..about(CitedSpan::Pages(1, 2)) };
        let documents = [CitedSpan::Characters(3, 4), CitedSpan::Pages(1, 2), CitedSpan::Blocks(0, 1)].map(about);
        for citation in documents.into_iter().chain([web]) {
            let text = serde_json::to_string(&write(&citation)).expect("JSON");
            let raw = serde_json::from_str(&text).expect("JSON");
            assert_eq!(read(raw), Some(citation), "{text}");
        }
    }
}
