//! Where an answer is from: Google's `groundingMetadata` and `citationMetadata`, and citations.
//!
//! Google counts places in bytes; citations count them in characters of the text so far.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_api::Citation;

use crate::json::{Count, Text};

/// Citations in one choice, at most.
const CITATIONS_MAX: usize = 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Grounding<'a> {
    #[serde(borrow)]
    grounding_chunks: Option<Vec<Chunk<'a>>>,
    #[serde(borrow)]
    grounding_supports: Option<Vec<Support<'a>>>,
}

/// A source: one of these.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    web: Option<Source<'a>>,
    #[serde(borrow)]
    retrieved_context: Option<Source<'a>>,
    #[serde(borrow)]
    maps: Option<Source<'a>>,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow)]
    uri: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Support<'a> {
    #[serde(borrow)]
    segment: Option<Segment<'a>>,
    grounding_chunk_indices: Option<Vec<usize>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Segment<'a> {
    start_index: Option<Count>,
    end_index: Option<Count>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Citations<'a> {
    #[serde(borrow)]
    citations: Option<Vec<Cited<'a>>>,
    /// The Developer API's name for them.
    #[serde(borrow)]
    citation_sources: Option<Vec<Cited<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cited<'a> {
    start_index: Option<Count>,
    end_index: Option<Count>,
    #[serde(borrow)]
    uri: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}

/// A citation, and where in the text it is, in bytes.
type Found = (Citation, Option<(usize, usize)>);

/// What was cited of one choice already, by source, title and place: Google repeats it with every
/// chunk.
#[derive(Default)]
pub(super) struct Seen(BTreeSet<Key>);

type Key = (Option<String>, Option<String>, Option<(u64, u64)>);

impl Seen {
    /// The citations in either member that are new, over the text so far.
    pub(super) fn new_in(
        &mut self,
        grounding: Option<&RawValue>,
        citations: Option<&RawValue>,
        text: &str,
    ) -> Vec<Citation> {
        let mut found: Vec<Found> = Vec::new();
        if let Some(grounding) = grounding.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            grounded(&grounding, text, &mut found);
        }
        if let Some(citations) = citations.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            cited(citations, &mut found);
        }
        found.truncate(CITATIONS_MAX);
        let places = found.iter().filter_map(|(_, bytes)| *bytes).flat_map(|(start, end)| [start, end]);
        let characters = characters(text, places.collect());
        let mut new = Vec::new();
        for (mut citation, bytes) in found {
            citation.cited = bytes.and_then(|(start, end)| Some((*characters.get(&start)?, *characters.get(&end)?)));
            let key = (citation.url.clone(), citation.title.clone(), citation.cited);
            if self.0.len() < CITATIONS_MAX && self.0.insert(key) {
                new.push(citation);
            }
        }
        new
    }
}

/// Each support names its sources; a source that no support names stands for the whole answer.
fn grounded(grounding: &Grounding<'_>, text: &str, found: &mut Vec<Found>) {
    let chunks = grounding.grounding_chunks.as_deref().unwrap_or_default();
    let mut named = BTreeSet::new();
    for support in grounding.grounding_supports.iter().flatten() {
        let bytes = support.segment.as_ref().and_then(|segment| segment.bytes(text));
        for index in support.grounding_chunk_indices.iter().flatten() {
            let Some(source) = chunks.get(*index).and_then(Chunk::citation) else { continue };
            if found.len() < CITATIONS_MAX {
                named.insert(*index);
                found.push((source, bytes));
            }
        }
    }
    let rest = chunks.iter().enumerate().filter(|(index, _)| !named.contains(index));
    found.extend(rest.filter_map(|(_, chunk)| Some((chunk.citation()?, None))));
}

fn cited(citations: Citations<'_>, found: &mut Vec<Found>) {
    let lists = citations.citations.into_iter().chain(citations.citation_sources);
    for Cited { start_index, end_index, uri, title } in lists.flatten() {
        let citation = Citation { url: Text::said(uri), title: Text::said(title), ..Citation::default() };
        found.push((citation, span(start_index, end_index)));
    }
}

fn span(start: Option<Count>, end: Option<Count>) -> Option<(usize, usize)> {
    let span = (usize::try_from(start.unwrap_or_default().0).ok()?, usize::try_from(end?.0).ok()?);
    Some(span).filter(|(start, end)| start <= end)
}

impl Segment<'_> {
    /// Where it is in the text. Its numbers count from its own part of the answer, which need not be
    /// the first: its words decide.
    fn bytes(&self, text: &str) -> Option<(usize, usize)> {
        let numbers = span(self.start_index, self.end_index);
        let Some(words) = self.text.as_ref().filter(|words| !words.0.is_empty()) else { return numbers };
        let same = numbers.filter(|(start, end)| text.get(*start..*end) == Some(&*words.0));
        same.or_else(|| text.find(&*words.0).map(|start| (start, start + words.0.len())))
    }
}

impl Chunk<'_> {
    fn citation(&self) -> Option<Citation> {
        let text = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.0.clone().into_owned());
        let source = self.web.as_ref().or(self.retrieved_context.as_ref()).or(self.maps.as_ref())?;
        Some(Citation {
            url: text(&source.uri),
            title: text(&source.title),
            quote: text(&source.text),
            ..Citation::default()
        })
    }
}

/// For places in bytes: how many characters stand before each. One pass, however many there are;
/// places beyond the text or within a character are left out.
fn characters(text: &str, places: BTreeSet<usize>) -> BTreeMap<usize, u64> {
    let (mut at, mut count) = (0, 0);
    let mut characters = BTreeMap::new();
    for place in places {
        let Some(between) = text.get(at..place) else { continue };
        count += between.chars().count() as u64;
        at = place;
        characters.insert(place, count);
    }
    characters
}

/// For places in characters: how many bytes stand before each.
fn bytes(text: &str, places: BTreeSet<u64>) -> BTreeMap<u64, usize> {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    (0..).zip(ends).filter(|(place, _)| places.contains(place)).collect()
}

/// `groundingMetadata`, written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member<'a> {
    grounding_chunks: Vec<WireChunk<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grounding_supports: Vec<WireSupport<'a>>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
#[serde(rename_all = "camelCase")]
enum WireChunk<'a> {
    Web(WireSource<'a>),
    RetrievedContext(WireSource<'a>),
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct WireSource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireSupport<'a> {
    segment: WireSegment<'a>,
    grounding_chunk_indices: [usize; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireSegment<'a> {
    start_index: usize,
    end_index: usize,
    text: &'a str,
}

/// The member for these citations of this text; `None` where there are none.
pub(super) fn write<'a>(citations: &'a [Citation], text: &'a str) -> Option<Member<'a>> {
    if citations.is_empty() {
        return None;
    }
    let places = citations.iter().filter_map(|citation| citation.cited).flat_map(|(start, end)| [start, end]);
    let bytes = bytes(text, places.collect());
    let mut member = Member { grounding_chunks: Vec::new(), grounding_supports: Vec::new() };
    let mut numbers = BTreeMap::new();
    for citation in citations {
        let chunk = WireChunk::of(citation);
        let next = member.grounding_chunks.len();
        let number = *numbers.entry(chunk).or_insert(next);
        if number == next {
            member.grounding_chunks.push(chunk);
        }
        let place = citation.cited.and_then(|(start, end)| Some((*bytes.get(&start)?, *bytes.get(&end)?)));
        let segment = place.and_then(|(start, end)| Some((start, end, text.get(start..end)?)));
        member.grounding_supports.extend(segment.map(|(start_index, end_index, text)| WireSupport {
            segment: WireSegment { start_index, end_index, text },
            grounding_chunk_indices: [number],
        }));
    }
    Some(member)
}

impl<'a> WireChunk<'a> {
    /// A page of the web, or one of the documents that the client sent.
    fn of(citation: &'a Citation) -> Self {
        let (uri, title) = (citation.url.as_deref(), citation.title.as_deref());
        match citation.document {
            None if uri.is_some() => Self::Web(WireSource { uri, title, text: None }),
            _ => Self::RetrievedContext(WireSource { uri, title, text: citation.quote.as_deref() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Der Rhein fließt. Die Spree auch.";

    fn read(seen: &mut Seen, grounding: &str) -> Vec<Citation> {
        seen.new_in(Some(serde_json::from_str(grounding).expect("JSON")), None, TEXT)
    }

    fn page(url: &str, cited: Option<(u64, u64)>) -> Citation {
        Citation { url: Some(url.into()), title: Some("t".into()), cited, ..Citation::default() }
    }

    #[test]
    fn places_are_characters_here_and_bytes_at_google() {
        let grounding = r#"{"webSearchQueries":["q"],
            "groundingChunks":[{"web":{"uri":"a","title":"t"}},{"web":{"uri":"b","title":"t"}}],
            "groundingSupports":[
                {"segment":{"endIndex":18,"text":"Der Rhein fließt."},"groundingChunkIndices":[0]},
                {"segment":{"partIndex":1,"startIndex":3,"endIndex":9,"text":"Die Spree auch."},"groundingChunkIndices":[0,7]}]}"#;
        let mut seen = Seen::default();
        let citations = read(&mut seen, grounding);
        assert_eq!(citations, [page("a", Some((0, 17))), page("a", Some((18, 33))), page("b", None)]);
        assert_eq!(read(&mut seen, grounding), [], "what every chunk repeats is told once");

        let written = serde_json::to_string(&write(&citations, TEXT)).expect("JSON");
        assert!(
            written.contains(r#"{"segment":{"startIndex":19,"endIndex":34,"text":"Die Spree auch."}"#),
            "{written}"
        );
        assert_eq!(read(&mut Seen::default(), &written), citations);
    }

    #[test]
    fn citations_of_either_name_are_read() {
        for name in ["citations", "citationSources"] {
            let json =
                format!(r#"{{"{name}":[{{"startIndex":4,"endIndex":9,"uri":"a","title":"t","license":"MIT"}}]}}"#);
            let raw = serde_json::from_str(&json).expect("JSON");
            assert_eq!(Seen::default().new_in(None, Some(raw), TEXT), [page("a", Some((4, 9)))]);
        }
    }

    #[test]
    fn places_that_are_none_are_left_out() {
        for place in [r#""startIndex":9999,"endIndex":99999"#, r#""startIndex":9,"endIndex":4"#, r#""endIndex":15"#] {
            let json = format!(r#"{{"citations":[{{{place},"uri":"a","title":"t"}}]}}"#);
            let raw = serde_json::from_str(&json).expect("JSON");
            let citations = Seen::default().new_in(None, Some(raw), TEXT);
            let written = serde_json::to_string(&write(&citations, TEXT)).expect("JSON");
            assert!(!written.contains("groundingSupports"), "{written}");
        }
    }
}
