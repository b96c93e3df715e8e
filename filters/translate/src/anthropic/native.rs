//! A conversation on its way to Anthropic as its client wrote it, without what other vendors put there.
//!
//! A client gives back what it was given. Where another vendor's model answered an earlier turn, that
//! is thinking which Anthropic did not seal, or a citation of a search that it did not run: it
//! refuses both. All else stays byte for byte.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tollgate_api::{Edit, Seal, Sealer};

use crate::json::Text;
use crate::object::{members, span_in};

/// Members of ours that are empty where Anthropic's own never are.
const EMPTIED: [&str; 2] = ["\"signature\"", "\"encrypted_index\""];

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

/// The change of `messages`, their JSON text, that leaves out what Anthropic would refuse; `None`,
/// and quickly, where there is nothing of the kind.
#[must_use]
pub fn native_messages(messages: &[u8]) -> Option<Edit> {
    if !may_hold_foreign(messages) {
        return None;
    }
    let list: Vec<&RawValue> = serde_json::from_slice(messages).ok()?;
    let kept: Vec<_> = list.iter().filter_map(|raw| message(raw)).collect();
    let changed = kept.len() < list.len() || kept.iter().any(|message| matches!(message, Cow::Owned(_)));
    let text = changed.then(|| serde_json::to_string(&kept).ok()).flatten()?;
    Some(Edit { member: "messages".into(), value: Some(text.into()) })
}

/// Whether a seal of another vendor, or an empty one, is in these bytes.
fn may_hold_foreign(messages: &[u8]) -> bool {
    let is_empty = |(name, at): (&str, usize)| {
        let after = messages[at + name.len()..].trim_ascii_start();
        after.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"\"\""))
    };
    let named = |name: &'static str| memmem::find_iter(messages, name).map(move |at| (name, at));
    memmem::find(messages, Seal::MARK.as_bytes()).is_some() || EMPTIED.into_iter().flat_map(named).any(is_empty)
}

/// The message without foreign blocks; `None` where no other is in it.
fn message(raw: &RawValue) -> Option<Cow<'_, RawValue>> {
    let members = members(raw.get()).unwrap_or_default();
    let content = members.iter().find(|member| member.name == "content").map(|member| member.value);
    let Some((text, Ok(list))) = content.map(|text| (text, serde_json::from_str::<Vec<&RawValue>>(text))) else {
        return Some(Cow::Borrowed(raw));
    };
    let kept: Vec<_> = list.iter().filter_map(|raw| block(raw)).collect();
    if kept.len() == list.len() && kept.iter().all(|block| matches!(block, Cow::Borrowed(_))) {
        return Some(Cow::Borrowed(raw));
    }
    if kept.is_empty() { None } else { Some(replaced(raw, text, &to_raw_value(&kept).ok()?)) }
}

/// The block, unless it is foreign; its citations without those that are.
fn block(raw: &RawValue) -> Option<Cow<'_, RawValue>> {
    let Ok(block) = serde_json::from_str::<Block<'_>>(raw.get()) else { return Some(Cow::Borrowed(raw)) };
    let sealed = match &*block.kind.0 {
        "thinking" => block.signature,
        "redacted_thinking" => block.data,
        "text" => return Some(block.citations.and_then(|list| cited(raw, list)).unwrap_or(Cow::Borrowed(raw))),
        _ => return Some(Cow::Borrowed(raw)),
    };
    // One without the member is no work of ours: Anthropic says what it thinks of it.
    let is_ours = |seal: Text<'_>| {
        seal.0.is_empty() || Seal::read(seal.0.into_owned(), Sealer::Anthropic).of(Sealer::Anthropic).is_none()
    };
    (!sealed.is_some_and(is_ours)).then_some(Cow::Borrowed(raw))
}

/// The block with fewer citations, where some of them are foreign.
fn cited<'a>(raw: &'a RawValue, list: &'a RawValue) -> Option<Cow<'a, RawValue>> {
    #[derive(Deserialize)]
    struct Location<'a> {
        #[serde(borrow)]
        encrypted_index: Option<Text<'a>>,
    }
    let foreign = |raw: &&RawValue| {
        let location = serde_json::from_str::<Location<'_>>(raw.get()).ok();
        location.and_then(|location| location.encrypted_index).is_some_and(|index| index.0.is_empty())
    };
    let all: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let kept: Vec<_> = all.iter().filter(|raw| !foreign(raw)).collect();
    if kept.len() == all.len() { None } else { Some(replaced(raw, list.get(), &to_raw_value(&kept).ok()?)) }
}

/// The value with another text in place of `part`, a slice of it.
fn replaced<'a>(whole: &'a RawValue, part: &str, by: &RawValue) -> Cow<'a, RawValue> {
    let (text, span) = (whole.get(), span_in(whole.get(), part));
    let text = [&text[..span.start], by.get(), &text[span.end..]].concat();
    RawValue::from_string(text).map_or(Cow::Borrowed(whole), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(messages: &str) -> Option<String> {
        native_messages(messages.as_bytes()).and_then(|edit| edit.value).map(String::from)
    }

    #[test]
    fn thinking_that_another_vendor_sealed_or_none_is_left_out_for_anthropic() {
        let foreign = Seal::new(Sealer::OpenAi, "gAAA").spelled_for(Sealer::Anthropic).into_owned();
        let messages = format!(
            r#"[{{"role":"user","content": "hi" }},{{"role":"assistant", "content":[
                {{"type":"thinking","thinking":"a","signature":"EqQB"}},
                {{"type":"thinking","thinking":"b","signature" : ""}},
                {{"type":"thinking","thinking":"c","signature":"{foreign}"}},
                {{"type":"redacted_thinking","data":"{foreign}"}},
                {{"type":"text", "text":"d"}}], "x":1.0}},
            {{"role":"assistant","content":[{{"type":"redacted_thinking","data":"{foreign}"}}]}}]"#
        );
        let expected = concat!(
            r#"[{"role":"user","content": "hi" },{"role":"assistant", "content":["#,
            r#"{"type":"thinking","thinking":"a","signature":"EqQB"},{"type":"text", "text":"d"}], "x":1.0}]"#
        );
        assert_eq!(changed(&messages).as_deref(), Some(expected));
    }

    #[test]
    fn citations_of_another_vendors_search_are_left_out_for_anthropic() {
        let messages = r#"[{"role":"assistant","content":[{"type":"text","citations":[
            {"type":"web_search_result_location","encrypted_index":""},
            {"type":"web_search_result_location","encrypted_index":"E"}],"text":"a"}]}]"#;
        let expected = r#"[{"role":"assistant","content":[{"type":"text","citations":[{"type":"web_search_result_location","encrypted_index":"E"}],"text":"a"}]}]"#;
        assert_eq!(changed(messages).as_deref(), Some(expected));
    }

    #[test]
    fn what_anthropic_wrote_itself_is_not_touched() {
        for messages in [
            r#"[{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"EqQB"}]}]"#,
            // The words in a prompt are no seal.
            r#"[{"role":"user","content":"\"signature\":\"\" dG9sbGdhdGU6"}]"#,
            r#"[{"role":"user","content":[{"type":"text","text":"dG9sbGdhdGU6"},7]},"signature", ""]"#,
            r#"{"signature":""}"#,
            r#"[{"signature":"""#,
        ] {
            assert_eq!(changed(messages), None, "{messages}");
        }
    }
}
