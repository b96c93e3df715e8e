//! A cap on the output, put into a request in its own surface's words. It decides on no figure.

use std::borrow::Cow;

use memchr::memchr;
use tollgate_api::{Call, Edit, Edits, Surface};

use crate::object::{members, span_in};
use crate::patch::{Patch, Patches, Text, apply};

/// The edits, with those that cap the output at `cap` after them.
///
/// `newer` says that the upstream insists on `max_completion_tokens`, where the surface has two words
/// and the client used neither.
#[must_use]
pub fn capped(call: &Call, edits: &[Edit], cap: u64, newer: bool) -> Edits {
    let mut edits: Edits = edits.iter().cloned().collect();
    let value = cap.to_string();
    let mut set = |member: &str, value: &str| {
        edits.push(Edit { member: member.into(), value: Some(value.into()) });
    };
    match call.surface {
        Surface::ChatCompletions => {
            if call.caps.max_completion_tokens || (newer && !call.caps.max_tokens) {
                set("max_completion_tokens", &value);
            }
            if call.caps.max_tokens || (!newer && !call.caps.max_completion_tokens) {
                set("max_tokens", &value);
            }
        }
        Surface::Responses => set("max_output_tokens", &value),
        Surface::Messages => set("max_tokens", &value),
        Surface::GenerateContent if member(call, "generation_config").is_some() => {
            set("generation_config", &within(call, "generation_config", "max_output_tokens", &value));
        }
        Surface::GenerateContent => {
            set("generationConfig", &within(call, "generationConfig", "maxOutputTokens", &value));
        }
        Surface::Interactions => {
            set("generation_config", &within(call, "generation_config", "max_output_tokens", &value));
        }
        Surface::Converse => set("inferenceConfig", &within(call, "inferenceConfig", "maxTokens", &value)),
        Surface::Embeddings | Surface::Native => {}
    }
    edits
}

/// The JSON text of a member of the body.
fn member<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    let body = std::str::from_utf8(&call.body).ok()?;
    let members = members(body).ok()?;
    members.iter().find(|member| member.name == name).map(|member| member.value)
}

/// The object that the client gave as `outer`, with `inner` in it set.
fn within(call: &Call, outer: &str, inner: &str, value: &str) -> String {
    let given = member(call, outer).filter(|text| text.starts_with('{')).unwrap_or("{}");
    let members = members(given).unwrap_or_default();
    let patch = match members.iter().find(|member| member.name == inner) {
        Some(member) => Patch::replace(span_in(given, member.value), value),
        None => {
            let open = memchr(b'{', given.as_bytes()).map_or(0, |at| at + 1);
            let text = Text::Member { name: inner, value: Cow::Borrowed(value), comma: !members.is_empty() };
            Patch { place: open..open, text }
        }
    };
    String::from_utf8(apply(given.as_bytes(), Patches::from_iter([patch]))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tollgate_api::Address;

    use super::*;

    fn call(surface: Surface, body: &str) -> Call {
        let mut address = Address::of(surface);
        address.model = matches!(surface, Surface::GenerateContent | Surface::Converse).then(|| "m".into());
        crate::request::read(&address, Bytes::copy_from_slice(body.as_bytes())).expect(body)
    }

    #[test]
    fn a_cap_is_put_where_the_surface_has_it_and_nothing_beside_it_is_lost() {
        for (surface, body, sent) in [
            (Surface::Responses, r#"{"model":"m","input":"x"}"#, r#"{"max_output_tokens":7,"model":"m","input":"x"}"#),
            (
                Surface::Messages,
                r#"{"model":"m","messages":[1],"max_tokens":99}"#,
                r#"{"model":"m","messages":[1],"max_tokens":7}"#,
            ),
            (
                Surface::GenerateContent,
                r#"{"contents":[1],"generationConfig":{"topK":1}}"#,
                r#"{"contents":[1],"generationConfig":{"maxOutputTokens":7,"topK":1}}"#,
            ),
            (
                Surface::GenerateContent,
                r#"{"contents":[1],"generation_config":{"max_output_tokens":9}}"#,
                r#"{"contents":[1],"generation_config":{"max_output_tokens":7}}"#,
            ),
            (
                Surface::GenerateContent,
                r#"{"contents":[1]}"#,
                r#"{"generationConfig":{"maxOutputTokens":7},"contents":[1]}"#,
            ),
            (
                Surface::Converse,
                r#"{"messages":[1],"inferenceConfig":null}"#,
                r#"{"messages":[1],"inferenceConfig":{"maxTokens":7}}"#,
            ),
            (
                Surface::ChatCompletions,
                r#"{"model":"m","messages":[1]}"#,
                r#"{"max_tokens":7,"model":"m","messages":[1]}"#,
            ),
        ] {
            let call = call(surface, body);
            let edits = capped(&call, &[], 7, false);
            let spliced = crate::splice(&call, &edits, None, false);
            assert_eq!(std::str::from_utf8(&spliced), Ok(sent));
        }
    }
}
