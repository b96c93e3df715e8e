//! Sources that an answer names: OpenAI's `annotations`, and the lists of those that search the web
//! for every answer.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::{Citation, Event};

/// One of `annotations`.
#[derive(Serialize, Deserialize)]
pub(super) struct Annotation {
    #[serde(rename = "type")]
    kind: String,
    url_citation: Option<UrlCitation>,
}

#[derive(Serialize, Deserialize)]
struct UrlCitation {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_index: Option<u64>,
    url: String,
    title: Option<String>,
    /// OpenRouter's: the words of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// One of Perplexity's `search_results`.
#[derive(Deserialize)]
struct Found {
    url: String,
    title: Option<String>,
    snippet: Option<String>,
}

impl Annotation {
    /// A citation as clients of this surface know it: only pages of the web have a place there.
    pub(super) fn of(citation: &Citation) -> Option<Self> {
        let Citation { url, title, quote, cited, .. } = citation;
        let url_citation = UrlCitation {
            start_index: cited.map(|(start, _)| start),
            end_index: cited.map(|(_, end)| end),
            url: url.clone()?,
            title: title.clone(),
            content: quote.clone(),
        };
        Some(Self { kind: "url_citation".into(), url_citation: Some(url_citation) })
    }

    fn citation(self) -> Option<Citation> {
        let UrlCitation { start_index, end_index, url, title, content } = self.url_citation?;
        let cited = start_index.zip(end_index);
        Some(Citation { url: Some(url), title, quote: content, cited, ..Citation::default() })
    }
}

/// Tells the citations in `annotations`; what is not of their shape tells nothing.
pub(super) fn annotations(list: &RawValue, choice: u32, out: &mut Vec<Event>) {
    let list: Vec<Annotation> = serde_json::from_str(list.get()).unwrap_or_default();
    tell(list.into_iter().filter_map(Annotation::citation), choice, out);
}

/// Tells the pages that an answer was made from: `search_results`, or the bare URLs of `citations`.
pub(super) fn pages(found: Option<&RawValue>, urls: Option<&RawValue>, out: &mut Vec<Event>) {
    let found = found.and_then(|list| serde_json::from_str::<Vec<Found>>(list.get()).ok()).unwrap_or_default();
    if !found.is_empty() {
        let citation = |Found { url, title, snippet }| Citation {
            url: Some(url),
            title,
            quote: snippet.filter(|snippet| !snippet.is_empty()),
            ..Citation::default()
        };
        return tell(found.into_iter().map(citation), 0, out);
    }
    let urls = urls.and_then(|list| serde_json::from_str::<Vec<String>>(list.get()).ok()).unwrap_or_default();
    tell(urls.into_iter().map(|url| Citation { url: Some(url), ..Citation::default() }), 0, out);
}

fn tell(citations: impl Iterator<Item = Citation>, choice: u32, out: &mut Vec<Event>) {
    out.extend(citations.map(|citation| Event::Cited { choice, citation: Box::new(citation) }));
}
