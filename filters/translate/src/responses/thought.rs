//! An item of reasoning while it is written, and items that are nothing but a seal.

use tollgate_api::{Seal, Sealer};

use super::page::{Page, Place, Quoted, json, put};

/// An item of reasoning that is not complete.
pub(super) struct Thought {
    place: Place,
    /// Its summary: one part.
    text: Quoted,
}

impl Thought {
    /// Begins one that is shown.
    pub(super) fn begin(place: Place, page: &mut Page, out: &mut Vec<u8>) -> Self {
        page.item(&place, "response.output_item.added", out, |out| write(&place, None, None, out));
        page.about(&place, "response.reasoning_summary_part.added", out, |out| part("", out));
        Self { place, text: Quoted::default() }
    }

    /// A piece of it.
    pub(super) fn push(&mut self, text: &str, page: &mut Page, out: &mut Vec<u8>) {
        let piece = self.text.push(text);
        page.about(&self.place, "response.reasoning_summary_text.delta", out, |out| {
            put(out, &[",\"summary_index\":0,\"delta\":\"", piece, "\""]);
        });
    }

    /// It is complete. Gives it back as JSON.
    pub(super) fn end(self, seal: Option<&Seal>, page: &mut Page, out: &mut Vec<u8>) -> Vec<u8> {
        let text = self.text.inside();
        page.about(&self.place, "response.reasoning_summary_text.done", out, |out| {
            put(out, &[",\"summary_index\":0,\"text\":\"", text, "\""]);
        });
        page.about(&self.place, "response.reasoning_summary_part.done", out, |out| part(text, out));
        let mut item = Vec::new();
        write(&self.place, Some(text), seal, &mut item);
        page.item(&self.place, "response.output_item.done", out, |out| out.extend_from_slice(&item));
        item
    }
}

/// An item with a seal and nothing to show. Gives it back as JSON.
pub(super) fn hidden(place: &Place, seal: &Seal, page: &mut Page, out: &mut Vec<u8>) -> Vec<u8> {
    page.item(place, "response.output_item.added", out, |out| write(place, None, None, out));
    let mut item = Vec::new();
    write(place, None, Some(seal), &mut item);
    page.item(place, "response.output_item.done", out, |out| out.extend_from_slice(&item));
    item
}

fn part(text: &str, out: &mut Vec<u8>) {
    put(out, &[",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"", text, "\"}"]);
}

fn write(place: &Place, summary: Option<&str>, seal: Option<&Seal>, out: &mut Vec<u8>) {
    put(out, &["{\"id\":", &place.id, ",\"type\":\"reasoning\",\"summary\":["]);
    if let Some(text) = summary {
        put(out, &["{\"type\":\"summary_text\",\"text\":\"", text, "\"}"]);
    }
    put(out, &["],\"encrypted_content\":"]);
    json(out, &seal.map(|seal| seal.spelled_for(Sealer::OpenAi)));
    out.push(b'}');
}
