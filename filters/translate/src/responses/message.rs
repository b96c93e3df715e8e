//! A message of an answer while it is written: its parts, one after the other.

use tollgate_api::Citation;

use super::page::{Page, Place, Quoted, json, number, put};

/// A message that is not complete.
pub(super) struct Message {
    place: Place,
    /// The parts that are complete, with commas between them.
    parts: Vec<u8>,
    /// How many parts began.
    count: u32,
    part: Option<Part>,
}

/// A part that is not complete.
struct Part {
    kind: Kind,
    number: u32,
    text: Quoted,
    annotations: Vec<u8>,
    cited: u32,
    logprobs: Vec<u8>,
    /// Characters of the answer's text before it, and with it.
    span: (u64, u64),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Refusal,
}

impl Message {
    /// Begins one.
    pub(super) fn begin(place: Place, page: &mut Page, out: &mut Vec<u8>) -> Self {
        let message = Self { place, parts: Vec::new(), count: 0, part: None };
        page.item(&message.place, "response.output_item.added", out, |out| message.write("in_progress", out));
        message
    }

    fn write(&self, status: &str, out: &mut Vec<u8>) {
        put(out, &["{\"id\":", &self.place.id, ",\"type\":\"message\",\"status\":\"", status]);
        put(out, &["\",\"role\":\"assistant\",\"content\":["]);
        out.extend_from_slice(&self.parts);
        put(out, &["]}"]);
    }

    /// A piece of text. `said` counts the characters of the answer's text before it.
    pub(super) fn text(&mut self, text: &str, said: u64, page: &mut Page, out: &mut Vec<u8>) {
        self.delta(text, "", said, page, out);
    }

    /// How likely the tokens of the text so far were: a JSON array.
    pub(super) fn logprobs(&mut self, tokens: &str, said: u64, page: &mut Page, out: &mut Vec<u8>) {
        let inside = tokens.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
        self.delta("", &inside.replace(['\n', '\r'], " "), said, page, out);
    }

    fn delta(&mut self, text: &str, logprobs: &str, said: u64, page: &mut Page, out: &mut Vec<u8>) {
        let (place, part) = self.part(Kind::Text, said, page, out);
        part.span.1 = said + text.chars().count() as u64;
        list(&mut part.logprobs, logprobs);
        let piece = part.text.push(text);
        page.about(place, "response.output_text.delta", out, |out| {
            put(out, &[",\"content_index\":"]);
            number(out, part.number);
            put(out, &[",\"delta\":\"", piece, "\",\"logprobs\":[", logprobs, "]"]);
        });
    }

    /// A piece of a refusal.
    pub(super) fn refusal(&mut self, text: &str, said: u64, page: &mut Page, out: &mut Vec<u8>) {
        let (place, part) = self.part(Kind::Refusal, said, page, out);
        let piece = part.text.push(text);
        page.about(place, "response.refusal.delta", out, |out| {
            put(out, &[",\"content_index\":"]);
            number(out, part.number);
            put(out, &[",\"delta\":\"", piece, "\""]);
        });
    }

    /// A source of the text so far.
    pub(super) fn cite(&mut self, citation: &Citation, said: u64, page: &mut Page, out: &mut Vec<u8>) {
        let (place, part) = self.part(Kind::Text, said, page, out);
        let annotation = annotation(citation, part.span);
        page.about(place, "response.output_text.annotation.added", out, |out| {
            put(out, &[",\"content_index\":"]);
            number(out, part.number);
            put(out, &[",\"annotation_index\":"]);
            number(out, part.cited);
            put(out, &[",\"annotation\":", &annotation]);
        });
        part.cited += 1;
        list(&mut part.annotations, &annotation);
    }

    /// The open part of this kind, begun if there is none.
    fn part(&mut self, kind: Kind, said: u64, page: &mut Page, out: &mut Vec<u8>) -> (&Place, &mut Part) {
        if self.part.as_ref().is_some_and(|part| part.kind != kind) {
            self.end_part(page, out);
        }
        let Self { place, count, part, .. } = self;
        let part = part.get_or_insert_with(|| {
            let part = Part::new(kind, *count, said);
            *count += 1;
            page.about(place, "response.content_part.added", out, |out| part.member(out));
            part
        });
        (place, part)
    }

    fn end_part(&mut self, page: &mut Page, out: &mut Vec<u8>) {
        let Some(part) = self.part.take() else { return };
        let kind = match part.kind {
            Kind::Text => "response.output_text.done",
            Kind::Refusal => "response.refusal.done",
        };
        page.about(&self.place, kind, out, |out| part.all(out));
        page.about(&self.place, "response.content_part.done", out, |out| part.member(out));
        let mut json = Vec::new();
        part.write(&mut json);
        list(&mut self.parts, std::str::from_utf8(&json).expect("what is put together of text is text"));
    }

    /// It is complete. Gives it back as JSON.
    pub(super) fn end(mut self, status: &str, page: &mut Page, out: &mut Vec<u8>) -> Vec<u8> {
        self.end_part(page, out);
        let mut item = Vec::new();
        self.write(status, &mut item);
        page.item(&self.place, "response.output_item.done", out, |out| out.extend_from_slice(&item));
        item
    }
}

impl Part {
    fn new(kind: Kind, number: u32, said: u64) -> Self {
        let (text, annotations, logprobs) = (Quoted::default(), Vec::new(), Vec::new());
        Self { kind, number, text, annotations, cited: 0, logprobs, span: (said, said) }
    }

    /// It, as a member of the events that begin and end it.
    fn member(&self, out: &mut Vec<u8>) {
        put(out, &[",\"content_index\":"]);
        number(out, self.number);
        put(out, &[",\"part\":"]);
        self.write(out);
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Text => {
                put(out, &["{\"type\":\"output_text\",\"text\":\"", self.text.inside(), "\",\"annotations\":["]);
                out.extend_from_slice(&self.annotations);
                put(out, &["],\"logprobs\":["]);
                out.extend_from_slice(&self.logprobs);
                put(out, &["]}"]);
            }
            Kind::Refusal => put(out, &["{\"type\":\"refusal\",\"refusal\":\"", self.text.inside(), "\"}"]),
        }
    }

    /// All that it says, as members of the event that ends its text.
    fn all(&self, out: &mut Vec<u8>) {
        put(out, &[",\"content_index\":"]);
        number(out, self.number);
        match self.kind {
            Kind::Text => {
                put(out, &[",\"text\":\"", self.text.inside(), "\",\"logprobs\":["]);
                out.extend_from_slice(&self.logprobs);
                put(out, &["]"]);
            }
            Kind::Refusal => put(out, &[",\"refusal\":\"", self.text.inside(), "\""]),
        }
    }
}

/// Adds to the inside of a JSON array.
fn list(to: &mut Vec<u8>, more: &str) {
    if !to.is_empty() && !more.trim().is_empty() {
        to.push(b',');
    }
    to.extend_from_slice(more.trim().as_bytes());
}

/// A source in OpenAI's words, which know pages of the web and files. `span` is where the part's
/// text begins and ends within the answer's: a source without a place is one of all of it.
fn annotation(citation: &Citation, span: (u64, u64)) -> String {
    let (start, end) = citation.cited.unwrap_or(span);
    let title = citation.title.as_deref().unwrap_or_default();
    let mut out = Vec::new();
    match &citation.url {
        Some(url) => {
            put(&mut out, &["{\"type\":\"url_citation\",\"start_index\":"]);
            number(&mut out, start.saturating_sub(span.0));
            put(&mut out, &[",\"end_index\":"]);
            number(&mut out, end.saturating_sub(span.0));
            put(&mut out, &[",\"url\":"]);
            json(&mut out, url);
            put(&mut out, &[",\"title\":"]);
        }
        None => {
            put(&mut out, &["{\"type\":\"file_citation\",\"index\":"]);
            number(&mut out, end.saturating_sub(span.0));
            put(&mut out, &[",\"file_id\":\"document_"]);
            number(&mut out, citation.document.unwrap_or_default());
            put(&mut out, &["\",\"filename\":"]);
        }
    }
    json(&mut out, title);
    out.push(b'}');
    String::from_utf8(out).expect("what is put together of text is text")
}
