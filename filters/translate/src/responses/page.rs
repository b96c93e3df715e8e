//! The JSON of an answer's events, put together by hand: this runs for every token of every answer.

use serde::Serialize;

/// Numbers the events of one stream.
#[derive(Default)]
pub(super) struct Page(u64);

/// Where an item stands in the answer, and its id.
pub(super) struct Place {
    /// The number of the item.
    pub(super) index: u32,
    /// The id as JSON.
    pub(super) id: String,
}

impl Page {
    /// For a stream whose events so far are not known.
    pub(super) fn from(number: u32) -> Self {
        Self(number.into())
    }

    /// One event; `members` adds what it has beside its type and its number.
    pub(super) fn event(&mut self, kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
        put(out, &["event: ", kind, "\ndata: {\"type\":\"", kind, "\",\"sequence_number\":"]);
        number(out, self.0);
        self.0 += 1;
        members(out);
        out.extend_from_slice(b"}\n\n");
    }

    /// An event about an item.
    pub(super) fn about(&mut self, place: &Place, kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
        self.event(kind, out, |out| {
            put(out, &[",\"item_id\":", &place.id, ",\"output_index\":"]);
            number(out, place.index);
            members(out);
        });
    }

    /// An item begins or is complete; `item` writes it.
    pub(super) fn item(&mut self, place: &Place, kind: &str, out: &mut Vec<u8>, item: impl FnOnce(&mut Vec<u8>)) {
        self.event(kind, out, |out| {
            put(out, &[",\"output_index\":"]);
            number(out, place.index);
            put(out, &[",\"item\":"]);
            item(out);
        });
    }
}

/// A text that grows piece by piece, kept as the inside of a JSON string.
#[derive(Default)]
pub(super) struct Quoted(String);

impl Quoted {
    /// Adds a piece.
    pub(super) fn push(&mut self, text: &str) -> &str {
        let mut quoted = Vec::with_capacity(text.len() + 8);
        json(&mut quoted, text);
        let inside = std::str::from_utf8(&quoted[1..quoted.len() - 1]).expect("what serde_json writes is UTF-8");
        let before = self.0.len();
        self.0.push_str(inside);
        &self.0[before..]
    }

    /// All of it, to stand between quotes.
    pub(super) fn inside(&self) -> &str {
        &self.0
    }
}

/// Appends text as it is.
pub(super) fn put(out: &mut Vec<u8>, pieces: &[&str]) {
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

/// Appends a number.
pub(super) fn number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a value as JSON.
pub(super) fn json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("strings and numbers are JSON, and memory takes all");
}
