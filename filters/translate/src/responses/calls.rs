//! The tool calls of an answer while they are written. Parallel ones may be open at once.

use crate::freeform;

use super::page::{Page, Place, Quoted, json, put};

/// A call that is not complete.
pub(super) struct Call {
    place: Place,
    /// The call's number in the answer.
    pub(super) number: u32,
    /// Its id and its tool as JSON.
    named: String,
    arguments: Arguments,
}

enum Arguments {
    Json(Quoted),
    /// Those of a tool whose argument is plain text: the text is told once all of it is there.
    Freeform(String),
}

impl Call {
    /// Begins one.
    pub(super) fn begin(
        place: Place,
        number: u32,
        (id, name): (&str, &str),
        freeform: bool,
        page: &mut Page,
        out: &mut Vec<u8>,
    ) -> Self {
        let mut named = b",\"call_id\":".to_vec();
        json(&mut named, id);
        put(&mut named, &[",\"name\":"]);
        json(&mut named, name);
        let named = String::from_utf8(named).expect("what serde_json writes is UTF-8");
        let arguments = match freeform {
            true => Arguments::Freeform(String::new()),
            false => Arguments::Json(Quoted::default()),
        };
        let call = Self { place, number, named, arguments };
        page.item(&call.place, "response.output_item.added", out, |out| call.write("", "in_progress", out));
        call
    }

    fn write(&self, said: &str, status: &str, out: &mut Vec<u8>) {
        let (kind, member) = match self.arguments {
            Arguments::Json(_) => ("function_call", "arguments"),
            Arguments::Freeform(_) => ("custom_tool_call", "input"),
        };
        put(out, &["{\"id\":", &self.place.id, ",\"type\":\"", kind, "\",\"status\":\"", status, "\"", &self.named]);
        put(out, &[",\"", member, "\":\"", said, "\"}"]);
    }

    /// A piece of its arguments.
    pub(super) fn push(&mut self, piece: &str, page: &mut Page, out: &mut Vec<u8>) {
        match &mut self.arguments {
            Arguments::Json(all) => {
                let piece = all.push(piece);
                page.about(&self.place, "response.function_call_arguments.delta", out, |out| {
                    put(out, &[",\"delta\":\"", piece, "\""]);
                });
            }
            Arguments::Freeform(all) => all.push_str(piece),
        }
    }

    /// It is complete. Gives it back as JSON.
    pub(super) fn end(self, status: &str, page: &mut Page, out: &mut Vec<u8>) -> Vec<u8> {
        let mut text = Quoted::default();
        let said = match &self.arguments {
            Arguments::Json(all) => {
                page.about(&self.place, "response.function_call_arguments.done", out, |out| {
                    put(out, &[&self.named, ",\"arguments\":\"", all.inside(), "\""]);
                });
                all.inside()
            }
            Arguments::Freeform(all) => {
                text.push(&freeform::unwrap(all));
                for (kind, member) in [("delta", "delta"), ("done", "input")] {
                    let kind = format!("response.custom_tool_call_input.{kind}");
                    page.about(&self.place, &kind, out, |out| {
                        put(out, &[",\"", member, "\":\"", text.inside(), "\""]);
                    });
                }
                text.inside()
            }
        };
        let mut item = Vec::new();
        self.write(said, status, &mut item);
        page.item(&self.place, "response.output_item.done", out, |out| out.extend_from_slice(&item));
        item
    }
}
