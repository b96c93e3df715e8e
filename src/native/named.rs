//! The model that the body of a vendor's own path names: in JSON, or in a form. It reads no further.

use std::ops::Range;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A form's part is small: the model stands within so many bytes of its head, or is not there.
const HEAD_MAX: usize = 1 << 10;

/// How a body writes the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As a JSON string.
    Json,
    /// As it is.
    Plain,
}

/// A model's name in a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) model: Box<str>,
    /// Where it stands, quotes included.
    pub(super) at: Range<usize>,
    pub(super) spelling: Spelling,
}

impl Named {
    /// Finds it.
    pub(super) fn find(content_type: &str, body: &[u8]) -> Option<Self> {
        if content_type.starts_with("multipart/form-data") {
            return in_form(body);
        }
        in_json(body)
    }

    /// The body with another name in its place.
    pub(super) fn replaced(&self, body: &[u8], model: &str) -> Vec<u8> {
        let name = match self.spelling {
            Spelling::Json => serde_json::Value::from(model).to_string(),
            Spelling::Plain => model.to_owned(),
        };
        [&body[..self.at.start], name.as_bytes(), &body[self.at.end..]].concat()
    }
}

fn in_json(body: &[u8]) -> Option<Named> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        model: &'a RawValue,
    }
    let raw = serde_json::from_slice::<Body<'_>>(body).ok()?.model.get();
    let start = (raw.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let model = serde_json::from_str::<String>(raw).ok()?;
    Some(Named { model: model.into(), at: start..start + raw.len(), spelling: Spelling::Json })
}

/// A part of a form whose name is `model` (RFC 7578): its value is between a blank line and the next break.
fn in_form(body: &[u8]) -> Option<Named> {
    let head = memmem::find(body, b"name=\"model\"")?;
    let near = &body[head..body.len().min(head + HEAD_MAX)];
    let start = head + memmem::find(near, b"\r\n\r\n")? + 4;
    let near = &body[start..body.len().min(start + HEAD_MAX)];
    let end = start + memmem::find(near, b"\r\n")?;
    let model = std::str::from_utf8(&body[start..end]).ok()?;
    Some(Named { model: model.into(), at: start..end, spelling: Spelling::Plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nsound\r\n\
        --x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--x--\r\n";

    #[test]
    fn a_model_is_found_and_replaced_in_json_and_in_a_form() {
        let json = br#"{"prompt":"x","model" : "gpt-\u0069mage"}"#;
        let named = Named::find("application/json", json).expect("named");
        assert_eq!(&*named.model, "gpt-image");
        assert_eq!(named.replaced(json, "a\"b"), br#"{"prompt":"x","model" : "a\"b"}"#);

        let named = Named::find("multipart/form-data; boundary=x", FORM.as_bytes()).expect("named");
        assert_eq!(&*named.model, "whisper");
        let sent = String::from_utf8(named.replaced(FORM.as_bytes(), "whisper-large")).expect("UTF-8");
        assert_eq!(sent, FORM.replace("whisper", "whisper-large"));
    }

    #[test]
    fn a_body_that_names_none_or_is_broken_names_none() {
        for (kind, body) in [
            ("application/json", ""),
            ("application/json", "[]"),
            ("application/json", r#"{"model":7}"#),
            ("application/json", r#"{"model":"m""#),
            ("multipart/form-data", "name=\"model\""),
            ("multipart/form-data", "name=\"model\"\r\n\r\nendless"),
        ] {
            assert_eq!(Named::find(kind, body.as_bytes()), None, "{body}");
        }
    }
}
