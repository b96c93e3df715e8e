//! A conversation on its way to a Responses upstream as its client wrote it, without what the vendor refuses:
//! reasoning that it cannot read, another's or all of it, and members that are null.
//!
//! OpenAI refuses a request for one seal that it did not make, or made for another account
//! (`invalid_encrypted_content`), and each turn brings all of them again.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_api::{Edit, Edits, Seal, Sealer};

use crate::json::Text;
use crate::object::{Member, members};
use crate::unseal::{Seals, is_marked};

/// Items that need no id, and whose id binds them to the reasoning that came before them.
const BOUND: [&str; 3] = ["message", "function_call", "custom_tool_call"];

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    encrypted_content: Option<Text<'a>>,
}

/// Whether such reasoning may be in these bytes.
pub(crate) fn may_hold_refused(input: &[u8], seals: Seals) -> bool {
    match seals {
        Seals::Unmarked => is_marked(input),
        Seals::None => memmem::find(input, b"encrypted_content").is_some(),
    }
}

/// The change of `input`, its JSON text, that leaves it out; none where there is none of it.
pub(crate) fn unsealed(input: &[u8], seals: Seals) -> Edits {
    edit(changed(input, seals))
}

fn changed(input: &[u8], seals: Seals) -> Option<String> {
    let list: Vec<&RawValue> = serde_json::from_slice(input).ok()?;
    let kept: Vec<_> = list.iter().filter(|raw| !is_refused(raw, seals)).collect();
    if kept.len() == list.len() {
        return None;
    }
    serde_json::to_string(&kept.into_iter().map(|raw| unbound(raw)).collect::<Vec<_>>()).ok()
}

/// Whether it is reasoning under a seal that the vendor would refuse.
fn is_refused(raw: &RawValue, seals: Seals) -> bool {
    let Ok(Item { kind: Some(kind), encrypted_content: Some(seal) }) = serde_json::from_str(raw.get()) else {
        return false;
    };
    let is_foreign = || Seal::read(seal.0.into_owned(), Sealer::OpenAi).by != Sealer::OpenAi;
    kind.0 == "reasoning" && (seals == Seals::None || is_foreign())
}

/// The item without the id by which the vendor would miss the reasoning before it.
fn unbound(raw: &RawValue) -> Cow<'_, RawValue> {
    without(raw, |members| {
        let kind = members.iter().find(|member| member.name == "type").map(|member| member.value.trim_matches('"'));
        BOUND.contains(&kind.unwrap_or("message")).then_some("id")
    })
}

/// Whether contents that are null may be in these bytes. Codex writes them in its reasoning, and xAI has no word
/// for them.
#[must_use]
pub fn has_nulls(input: &[u8]) -> bool {
    const NAME: &[u8] = b"\"content\"";
    memmem::find_iter(input, NAME).any(|at| {
        let after = input[at + NAME.len()..].trim_ascii_start();
        after.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
    })
}

/// The change of `input`, its JSON text, that leaves them out; none where there are none.
#[must_use]
pub fn without_nulls(input: &[u8]) -> Edits {
    let is_null = |member: &Member<'_>| member.name == "content" && member.value == "null";
    let item = |raw| without(raw, |members: &[Member<'_>]| members.iter().any(is_null).then_some("content"));
    let Ok(list) = serde_json::from_slice::<Vec<&RawValue>>(input) else { return Edits::new() };
    let items: Vec<_> = list.into_iter().map(item).collect();
    let changed = items.iter().any(|item| matches!(item, Cow::Owned(_)));
    edit(changed.then(|| serde_json::to_string(&items).ok()).flatten())
}

fn edit(input: Option<String>) -> Edits {
    input.map(|text| Edit { member: "input".into(), value: Some(text.into()) }).into_iter().collect()
}

/// The item without the member that is chosen of its own.
fn without<'a>(raw: &'a RawValue, chosen: impl Fn(&[Member<'a>]) -> Option<&'static str>) -> Cow<'a, RawValue> {
    let members = members(raw.get()).unwrap_or_default();
    let Some(name) = chosen(&members).filter(|name| members.iter().any(|member| member.name == *name)) else {
        return Cow::Borrowed(raw);
    };
    let others = members.iter().filter(|member| member.name != name);
    let others: Vec<_> = others.map(|member| format!("{}:{}", Value::from(&*member.name), member.value)).collect();
    RawValue::from_string(format!("{{{}}}", others.join(","))).map_or(Cow::Borrowed(raw), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(input: &str, seals: Seals) -> Option<String> {
        unsealed(input.as_bytes(), seals).pop().and_then(|edit| edit.value).map(String::from)
    }

    /// A conversation: the reasoning of two turns, and what they led to.
    fn input(first: &str, second: &str) -> String {
        format!(
            r#"[{{"role":"user","content": "hi" }},
            {{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"{first}"}},
            {{"id":"fc_1","type":"function_call","call_id":"c1","name":"f","arguments":"{{}}","x":1.0}},
            {{"type":"function_call_output","id":"fco_1","call_id":"c1","output":"4"}},
            {{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"{second}"}},
            {{"type":"web_search_call","id":"ws_1","status":"completed"}},
            {{"type":"message","role":"assistant","id":"msg_1","content":[{{"type":"output_text","text":"4"}}]}}]"#
        )
    }

    const UNBOUND: [&str; 4] = [
        r#"{"type":"function_call","call_id":"c1","name":"f","arguments":"{}","x":1.0}"#,
        r#"{"type":"function_call_output","id":"fco_1","call_id":"c1","output":"4"}"#,
        r#"{"type":"web_search_call","id":"ws_1","status":"completed"}"#,
        r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"4"}]}"#,
    ];

    #[test]
    fn reasoning_that_another_vendor_sealed_is_left_out_and_nothing_asks_for_it() {
        let foreign = Seal::new(Sealer::Anthropic, "EqQB").spelled_for(Sealer::OpenAi).into_owned();
        let [call, output, search, message] = UNBOUND;
        let own = r#"{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"gAAA"}"#;
        let expected = format!(r#"[{{"role":"user","content": "hi" }},{call},{output},{own},{search},{message}]"#);
        assert_eq!(changed(&input(&foreign, "gAAA"), Seals::Unmarked), Some(expected));
    }

    #[test]
    fn reasoning_that_cannot_be_read_is_left_out_whole() {
        let [call, output, search, message] = UNBOUND;
        let expected = format!(r#"[{{"role":"user","content": "hi" }},{call},{output},{search},{message}]"#);
        assert_eq!(changed(&input("gAAA", "gBBB"), Seals::None), Some(expected));
    }

    #[test]
    fn what_holds_no_such_reasoning_is_not_touched() {
        for seals in [Seals::Unmarked, Seals::None] {
            for input in [
                r#""hi""#,
                r#""encrypted_content dG9sbGdhdGU6""#,
                r#"[{"type":"message","role":"user","id":"msg_1","content":"encrypted_content dG9sbGdhdGU6"}]"#,
                r#"[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null}]"#,
                // Without it, the whole conversation before it would be lost.
                r#"[{"type":"compaction","id":"cmp_1","encrypted_content":"gAAA"}]"#,
                r#"[7,"encrypted_content","dG9sbGdhdGU6"]"#,
                r#"[{"type":"reasoning","encrypted_content":"dG9sbGdhdGU6"#,
            ] {
                assert_eq!(changed(input, seals), None, "{input}");
            }
        }
        assert_eq!(changed(&input("gAAA", "gBBB"), Seals::Unmarked), None, "OpenAI's own");
    }

    #[test]
    fn a_content_that_is_null_is_left_out_and_all_else_stays() {
        let changed = |input: &str| without_nulls(input.as_bytes()).pop().and_then(|edit| edit.value).map(String::from);
        let input = r#"[{"role":"user","content": "\"content\":null" },
            {"type":"reasoning","summary":[],"content" : null,"encrypted_content":null},7]"#;
        let expected = r#"[{"role":"user","content": "\"content\":null" },{"type":"reasoning","summary":[],"encrypted_content":null},7]"#;
        assert_eq!(changed(input).as_deref(), Some(expected));
        for input in [r#""hi""#, r#"[{"role":"user","content":"\"content\": null"}]"#, r#"[{"content":null"#] {
            assert_eq!(changed(input), None, "{input}");
        }
    }
}
