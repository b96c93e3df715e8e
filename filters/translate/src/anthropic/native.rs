//! A conversation on its way to Anthropic as its client wrote it, without what Anthropic would refuse.
//!
//! A client gives back what it was given. Where another vendor's model answered an earlier turn, that
//! is thinking which Anthropic did not seal, or a citation of a search that it did not run: it
//! refuses both. And it refuses its own thinking where that is bound to another account, or to a conversation
//! that has changed since. All else stays byte for byte.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tollgate_api::{Edit, Edits, Seal, Sealer};

use super::thinking::MANUAL;
use crate::json::Text;
use crate::object::{members, span_in};
use crate::unseal::{Seals, is_marked};

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

/// The changes of this request that leave out of `messages`, their JSON text, what Anthropic would refuse; none
/// where there is nothing of the kind.
pub(crate) fn unsealed(body: &[u8], messages: &[u8], seals: Seals) -> Edits {
    let Some(kept) = kept(messages, seals) else { return Edits::new() };
    let Ok(text) = serde_json::to_string(&kept) else { return Edits::new() };
    let mut edits = Edits::from_iter([Edit { member: "messages".into(), value: Some(text.into()) }]);
    if thinks_by_budget(body) && kept.iter().rev().find_map(|raw| calls_unthinking(raw)) == Some(true) {
        edits.push(Edit { member: "thinking".into(), value: Some(r#"{"type":"disabled"}"#.into()) });
    }
    edits
}

/// Whether something to leave out may be in these bytes.
pub(crate) fn may_hold_refused(messages: &[u8], seals: Seals) -> bool {
    let is_empty = |(name, at): (&str, usize)| {
        let after = messages[at + name.len()..].trim_ascii_start();
        after.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"\"\""))
    };
    let named = |name: &'static str| memmem::find_iter(messages, name).map(move |at| (name, at));
    let thinks = || seals == Seals::None && memmem::find(messages, b"thinking\"").is_some();
    is_marked(messages) || EMPTIED.into_iter().flat_map(named).any(is_empty) || thinks()
}

/// The messages without it; `None` where there is nothing to leave out.
fn kept(messages: &[u8], seals: Seals) -> Option<Vec<Cow<'_, RawValue>>> {
    let list: Vec<&RawValue> = serde_json::from_slice(messages).ok()?;
    let kept: Vec<_> = list.iter().filter_map(|raw| message(raw, seals)).collect();
    let changed = kept.len() < list.len() || kept.iter().any(|message| matches!(message, Cow::Owned(_)));
    changed.then_some(kept)
}

/// The message without blocks that are refused; `None` where no other is in it.
fn message(raw: &RawValue, seals: Seals) -> Option<Cow<'_, RawValue>> {
    let members = members(raw.get()).unwrap_or_default();
    let content = members.iter().find(|member| member.name == "content").map(|member| member.value);
    let Some((text, Ok(list))) = content.map(|text| (text, serde_json::from_str::<Vec<&RawValue>>(text))) else {
        return Some(Cow::Borrowed(raw));
    };
    let kept: Vec<_> = list.iter().filter_map(|raw| block(raw, seals)).collect();
    if kept.len() == list.len() && kept.iter().all(|block| matches!(block, Cow::Borrowed(_))) {
        return Some(Cow::Borrowed(raw));
    }
    if kept.is_empty() { None } else { Some(replaced(raw, text, &to_raw_value(&kept).ok()?)) }
}

/// The block, unless it is refused; its citations without those that are.
fn block(raw: &RawValue, seals: Seals) -> Option<Cow<'_, RawValue>> {
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
    (seals != Seals::None && !sealed.is_some_and(is_ours)).then_some(Cow::Borrowed(raw))
}

/// Whether the client gives thinking a budget: Anthropic then insists that the last turn which calls tools begins
/// with thinking.
fn thinks_by_budget(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        thinking: Option<Thinking<'a>>,
    }
    #[derive(Deserialize)]
    struct Thinking<'a> {
        #[serde(rename = "type", borrow)]
        kind: Text<'a>,
    }
    let asked = serde_json::from_slice::<Asked<'_>>(body).ok();
    asked.and_then(|asked| asked.thinking).is_some_and(|thinking| thinking.kind.0 == MANUAL)
}

/// Whether this message of the model's calls tools and does not begin with thinking; `None` where it is not the
/// model's.
fn calls_unthinking(raw: &RawValue) -> Option<bool> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        role: Text<'a>,
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let message = serde_json::from_str::<Message<'_>>(raw.get()).ok().filter(|m| m.role.0 == "assistant")?;
    let blocks: Vec<Block<'_>> = serde_json::from_str(message.content.get()).unwrap_or_default();
    let is_thinking = |block: &Block<'_>| matches!(&*block.kind.0, "thinking" | "redacted_thinking");
    Some(blocks.iter().any(|block| block.kind.0 == "tool_use") && !blocks.first().is_some_and(is_thinking))
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
        let edits = unsealed(b"{}", messages.as_bytes(), Seals::Unmarked);
        edits.into_iter().next().and_then(|edit| edit.value).map(String::from)
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

    /// What becomes of `messages` and of `thinking`, where Anthropic could not read what it was given.
    fn refused(thinking: &str, messages: &str) -> [Option<String>; 2] {
        let body = format!(r#"{{"thinking":{thinking},"messages":{messages}}}"#);
        let edits = unsealed(body.as_bytes(), messages.as_bytes(), Seals::None);
        ["messages", "thinking"].map(|member| {
            let edit = edits.iter().find(|edit| &*edit.member == member)?;
            edit.value.as_deref().map(str::to_owned)
        })
    }

    const BUDGET: &str = r#"{"type":"enabled","budget_tokens":2048}"#;

    #[test]
    fn thinking_that_anthropic_cannot_read_is_left_out_whole() {
        let messages = r#"[{"role":"user","content":"hi"},{"role":"assistant","content":[
            {"type":"thinking","thinking":"a","signature":"EqQB"},{"type":"redacted_thinking","data":"EqQC"},
            {"type":"text","text":"b"}]},{"role":"user","content":"and"}]"#;
        let expected = concat!(
            r#"[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"text","text":"b"}]},"#,
            r#"{"role":"user","content":"and"}]"#
        );
        assert_eq!(refused(BUDGET, messages), [Some(expected.to_owned()), None]);
        assert_eq!(refused("null", r#"[{"role":"user","content":"thinking\""}]"#), [None, None]);
    }

    #[test]
    fn a_turn_that_calls_tools_without_its_thinking_is_gone_on_with_unthinking() {
        let turn = |first: &str| {
            format!(
                r#"[{{"role":"assistant","content":[{first}{{"type":"tool_use","id":"t","name":"f","input":{{}}}}]}},
                {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":"4"}}]}}]"#
            )
        };
        let sealed = turn(r#"{"type":"thinking","thinking":"a","signature":"EqQB"},"#);
        let disabled = Some(r#"{"type":"disabled"}"#.to_owned());
        assert_eq!(refused(BUDGET, &sealed)[1], disabled);
        // Whoever thinks as much as it sees fit may also not have thought.
        assert_eq!(refused(r#"{"type":"adaptive"}"#, &sealed)[1], None);
        // What came without is no work of ours.
        assert_eq!(refused(BUDGET, &turn("")), [None, None]);
        let foreign = Seal::new(Sealer::OpenAi, "gAAA").spelled_for(Sealer::Anthropic).into_owned();
        let foreign = turn(&format!(r#"{{"type":"thinking","thinking":"a","signature":"{foreign}"}},"#));
        let body = format!(r#"{{"thinking":{BUDGET}}}"#);
        let edits = unsealed(body.as_bytes(), foreign.as_bytes(), Seals::Unmarked);
        assert_eq!(edits.last().and_then(|edit| edit.value.as_deref()), disabled.as_deref());
    }
}
