//! The client's request with only the touched members changed.
//!
//! It reads the body again only where a filter edited it, and checks nothing: the body was proven
//! an object when it was read, and an edit's value is the filter's word.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memchr;
use smallvec::SmallVec;
use tollgate_api::{Call, Edit, Span, Spans};

use crate::object::{Member, members, span_in};
use crate::patch::{Patch, Patches, Text, apply};

const STREAM_OPTIONS: &str = "stream_options";
const TIER: &str = "service_tier";
const ASKING: &str = "{\"include_usage\":true}";

/// What becomes of one member; `None` removes it.
struct Change<'a> {
    member: &'a str,
    value: Option<Cow<'a, str>>,
}

type Changes<'a> = SmallVec<[Change<'a>; 4]>;

/// The body to send to an upstream that speaks the call's own surface.
///
/// `model` is the upstream's name for the model; without one, the call's. It stands above any edit
/// of `model`, and nowhere where the path says it. With `ask_usage` a streamed call asks for usage, whatever the client asked. All
/// other bytes are the client's; where nothing changes, so is the buffer.
#[must_use]
pub fn splice(call: &Call, edits: &[Edit], model: Option<&str>, ask_usage: bool) -> Bytes {
    let model = model.unwrap_or(&call.model);
    let asks = ask_usage && call.stream;
    let mut changes;
    let mut patches = Patches::new();
    if at_known_places(call, edits, &mut patches) {
        if asks {
            patches.extend(asking_in_place(call));
        }
    } else {
        changes = newest(edits);
        if asks {
            ask(call, &mut changes);
        }
        place(call, &changes, &mut patches);
    }
    if let Some(place) = &call.spans.model
        && !names(call.body.get(place.clone()).unwrap_or_default(), model)
    {
        patches.push(Patch { place: place.clone(), text: Text::Quoted(model) });
    }
    if patches.is_empty() { call.body.clone() } else { apply(&call.body, patches).into() }
}

/// Whether all edits are of members whose place, or absence, was found when the body was read: then it need not
/// be read again. What is ours alone goes, all of it, and a tier is asked for.
fn at_known_places<'a>(call: &Call, edits: &'a [Edit], patches: &mut Patches<'a>) -> bool {
    let Spans { ours, open, has_tier, .. } = &call.spans;
    let is_ours = |edit: &Edit| edit.value.is_none() && ours.iter().any(|ours| *ours.name == *edit.member);
    let new = |edit: &'a Edit| (&*edit.member == TIER && !has_tier).then_some(edit.value.as_deref()).flatten();
    let mut tiers = edits.iter().filter_map(new);
    let (tier, others) = (tiers.next(), tiers.next());
    let known = edits.iter().filter(|edit| is_ours(edit)).count() + usize::from(tier.is_some());
    if others.is_some() || known != edits.len() || known - usize::from(tier.is_some()) != ours.len() {
        return false;
    }
    let others_stay = call.spans.has_members;
    patches.extend(tier.map(|value| insert(*open, TIER, value.into(), others_stay)));
    patches.extend(ours.iter().map(|ours| Patch::remove(ours.cut.clone())));
    true
}

/// The last edit of each member, those of `model` left out: the plan decides that one.
fn newest(edits: &[Edit]) -> Changes<'_> {
    let mut changes = Changes::new();
    for edit in edits.iter().rev().filter(|edit| &*edit.member != "model") {
        if changes.iter().all(|change| change.member != &*edit.member) {
            changes.push(Change { member: &edit.member, value: edit.value.as_deref().map(Cow::Borrowed) });
        }
    }
    changes.reverse();
    changes
}

/// Makes the stream's options, as the edits leave them, ask for usage.
fn ask<'a>(call: &'a Call, changes: &mut Changes<'a>) {
    match changes.iter_mut().find(|change| change.member == STREAM_OPTIONS) {
        Some(change) => {
            if let Some(value) = asking(change.value.as_deref().unwrap_or_default()) {
                change.value = Some(value);
            }
        }
        None => {
            let value = asking(options(call));
            changes.extend(value.map(|value| Change { member: STREAM_OPTIONS, value: Some(value) }));
        }
    }
}

/// The ordinary case: nothing else changes, and the body need not be read again.
fn asking_in_place(call: &Call) -> Option<Patch<'static>> {
    let value = asking(options(call))?;
    Some(match &call.spans.stream_options {
        Some(span) => Patch::replace(span.clone(), value),
        None => insert(call.spans.open, STREAM_OPTIONS, value, call.spans.has_members),
    })
}

/// The client's own stream options, as JSON text; empty where it gave none.
fn options(call: &Call) -> &str {
    let span = call.spans.stream_options.clone().unwrap_or_default();
    std::str::from_utf8(call.body.get(span).unwrap_or_default()).unwrap_or_default()
}

/// These stream options, asking for usage; `None` where they do already.
fn asking(options: &str) -> Option<Cow<'static, str>> {
    // No options, `null`, or an edit that is no object: nothing there to keep.
    let Ok(members) = members(options) else { return Some(ASKING.into()) };
    let patch = match members.iter().find(|member| member.name == "include_usage") {
        Some(member) if member.value == "true" => return None,
        Some(member) => Patch::replace(span_in(options, member.value), "true"),
        None => {
            let open = memchr(b'{', options.as_bytes()).map_or(0, |at| at + 1);
            insert(open, "include_usage", "true".into(), !members.is_empty())
        }
    };
    let spliced = apply(options.as_bytes(), Patches::from_iter([patch]));
    Some(String::from_utf8(spliced).map_or(ASKING.into(), Cow::Owned))
}

fn insert<'a>(open: usize, name: &'a str, value: Cow<'a, str>, comma: bool) -> Patch<'a> {
    Patch { place: open..open, text: Text::Member { name, value, comma } }
}

/// Places any changes: new members go to the front, the others change or go where they stand.
fn place<'a>(call: &Call, changes: &'a [Change<'a>], patches: &mut Patches<'a>) {
    let text = std::str::from_utf8(&call.body).unwrap_or_default();
    let members = members(text).unwrap_or_default();
    let change_of = |member: &Member<'_>| changes.iter().find(|change| change.member == member.name);
    let stays = |member: &Member<'_>| change_of(member).is_none_or(|change| change.value.is_some());
    place_new(changes, call.spans.open, &members, members.iter().any(stays), patches);

    let (mut end, mut leads) = (call.spans.open, true);
    for (nth, member) in members.iter().enumerate() {
        let span = span_in(text, member.value);
        if stays(member) {
            if leads && nth > 0 {
                patches.push(Patch::remove(comma_after(&call.body, end)));
            }
            leads = false;
            if let Some(value) = change_of(member).and_then(|change| change.value.as_deref()) {
                patches.push(Patch::replace(span.clone(), value));
            }
        } else {
            patches.push(Patch::remove(end..span.end));
        }
        end = span.end;
    }
}

/// Places the changes that set a member which the body does not have.
fn place_new<'a>(
    changes: &'a [Change<'a>],
    open: usize,
    members: &[Member<'_>],
    others_stay: bool,
    patches: &mut Patches<'a>,
) {
    let known = |name: &str| members.iter().any(|member| member.name == name);
    let set = changes.iter().filter_map(|change| Some((change.member, change.value.as_deref()?)));
    let mut new = set.filter(|(name, _)| !known(name)).peekable();
    while let Some((name, value)) = new.next() {
        patches.push(insert(open, name, value.into(), others_stay || new.peek().is_some()));
    }
}

/// From the end of a value up to and with the comma after it.
fn comma_after(body: &[u8], end: usize) -> Span {
    let comma = body.get(end..).and_then(|rest| memchr(b',', rest));
    end..comma.map_or(end, |at| end + at + 1)
}

/// Whether this JSON string is `model`.
fn names(json: &[u8], model: &str) -> bool {
    let Some(inner) = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else { return false };
    if memchr(b'\\', inner).is_none() {
        return inner == model.as_bytes();
    }
    serde_json::from_slice::<String>(json).is_ok_and(|name| name == model)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollgate_api::{Address, Surface};

    use super::*;

    fn call(body: &str) -> Call {
        crate::request::read(&Address::of(Surface::ChatCompletions), Bytes::copy_from_slice(body.as_bytes()))
            .expect(body)
    }

    fn edit(member: &str, value: Option<&str>) -> Edit {
        Edit { member: member.into(), value: value.map(Into::into) }
    }

    fn spliced(body: &str, edits: &[Edit], model: Option<&str>, ask_usage: bool) -> String {
        String::from_utf8(splice(&call(body), edits, model, ask_usage).to_vec()).expect("UTF-8")
    }

    const PLAIN: &str = r#"{"model":"a", "messages":[1]}"#;

    #[test]
    fn a_body_that_nothing_touches_is_the_same_buffer() {
        for (body, ask_usage) in [
            (PLAIN, true),
            (r#"{"model":"a","messages":[1],"stream":false}"#, true),
            (r#"{"model":"\u0061","messages":[1],"stream":true}"#, false),
            (r#"{"model":"a","messages":[1],"stream":true,"stream_options":{"include_usage": true}}"#, true),
        ] {
            let call = call(body);
            for model in [None, Some("a")] {
                let sent = splice(&call, &[], model, ask_usage);
                assert_eq!(sent.as_ptr(), call.body.as_ptr(), "{body}");
            }
        }
    }

    #[test]
    fn what_is_ours_goes_the_same_way_whether_its_place_was_known_or_is_looked_for() {
        let ours = [r#""start_within" : "30s""#, r#""drop_unsupported":true"#];
        let rest = [r#""model":"a""#, r#" "messages":[1, {"x":"," }]"#, r#""stream" :true"#];
        let orders =
            [[0, 1, 2, 3, 4], [2, 0, 3, 1, 4], [2, 3, 4, 0, 1], [0, 2, 1, 3, 4], [2, 3, 0, 1, 4], [1, 2, 3, 4, 0]];
        for (order, tier) in orders.iter().flat_map(|order| [None, Some("\"flex\"")].map(|tier| (order, tier))) {
            let all: Vec<_> = ours.iter().chain(&rest).copied().collect();
            let body = format!(" {{ {} }}", order.map(|place| all[place]).join(" ,"));
            let mut edits: Vec<Edit> = call(&body).without_ours().into_vec();
            edits.extend(tier.map(|tier| edit("service_tier", Some(tier))));
            assert!(at_known_places(&call(&body), &edits, &mut Patches::new()), "{body}");
            let known = spliced(&body, &edits, Some("b"), true);
            // An edit of what is not there has the body read again.
            edits.push(edit("absent", None));
            assert!(!at_known_places(&call(&body), &edits, &mut Patches::new()));
            let looked_for = spliced(&body, &edits, Some("b"), true);
            let parsed =
                |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|e| panic!("{e}: {text}"));
            assert_eq!(parsed(&known), parsed(&looked_for), "{body}");
            assert_eq!(known.len(), looked_for.len(), "{known}\n{looked_for}");
            assert!(parsed(&known).get("start_within").is_none() && parsed(&known)["model"] == "b");
        }
        let null = r#"{"model":"a","service_tier":null,"messages":[1]}"#;
        let sent = spliced(null, &[edit("service_tier", Some("\"flex\""))], None, false);
        assert_eq!(sent, r#"{"model":"a","service_tier":"flex","messages":[1]}"#, "never twice");
    }

    #[test]
    fn the_model_alone_is_replaced_and_escaped() {
        assert_eq!(spliced(PLAIN, &[], Some("vendor/b"), true), r#"{"model":"vendor/b", "messages":[1]}"#);
        assert_eq!(spliced(PLAIN, &[], Some("\"b"), true), r#"{"model":"\"b", "messages":[1]}"#);
    }

    #[test]
    fn a_model_that_a_filter_chose_is_sent() {
        let mut call = call(PLAIN);
        call.model = "chosen".into();
        assert_eq!(splice(&call, &[], None, false), r#"{"model":"chosen", "messages":[1]}"#);
    }

    #[test]
    fn usage_is_asked_for_without_losing_other_options() {
        for (options, sent) in [
            ("", r#"{"stream_options":{"include_usage":true},"stream":true,"#),
            (r#""stream_options":null,"#, r#"{"stream":true,"stream_options":{"include_usage":true},"#),
            (r#""stream_options": { } ,"#, r#"{"stream":true,"stream_options": {"include_usage":true } ,"#),
            (r#""stream_options":{ "x":[1]},"#, r#"{"stream":true,"stream_options":{"include_usage":true, "x":[1]},"#),
            (
                r#""stream_options":{"include_usage":false,"x":1},"#,
                r#"{"stream":true,"stream_options":{"include_usage":true,"x":1},"#,
            ),
        ] {
            let rest = r#""model":"a","messages":[1]}"#;
            let body = format!(r#"{{"stream":true,{options}{rest}"#);
            assert_eq!(spliced(&body, &[], None, true), format!("{sent}{rest}"));
        }
    }

    #[test]
    fn edits_keep_the_commas_right_wherever_the_member_stands() {
        let body = r#"{ "a":1 , "model":"m", "b":2, "messages":[1] , "c":3 }"#;
        for (edits, sent) in [
            (vec![edit("a", None)], r#"{ "model":"m", "b":2, "messages":[1] , "c":3 }"#),
            (vec![edit("b", None)], r#"{ "a":1 , "model":"m", "messages":[1] , "c":3 }"#),
            (vec![edit("c", None)], r#"{ "a":1 , "model":"m", "b":2, "messages":[1] }"#),
            (vec![edit("b", Some("[]"))], r#"{ "a":1 , "model":"m", "b":[], "messages":[1] , "c":3 }"#),
            (vec![edit("new", Some("0"))], r#"{"new":0, "a":1 , "model":"m", "b":2, "messages":[1] , "c":3 }"#),
            (vec![edit("none", None)], body),
            (vec![edit("model", Some("1"))], body),
            (vec![edit("a", Some("0")), edit("a", None)], r#"{ "model":"m", "b":2, "messages":[1] , "c":3 }"#),
            (vec![edit("new", Some("0")), edit("new", None)], body),
            (vec![edit("a", None), edit("messages", None), edit("c", None)], r#"{ "model":"m", "b":2 }"#),
        ] {
            assert_eq!(spliced(body, &edits, None, false), sent, "{edits:?}");
        }
    }

    #[test]
    fn usage_is_asked_for_on_top_of_an_edit_of_the_options() {
        let body = r#"{"model":"a","messages":[1],"stream":true,"stream_options":{"y":1}}"#;
        for (value, options) in [
            (Some(r#"{"x":1}"#), r#"{"include_usage":true,"x":1}"#),
            (Some(r#"{"include_usage":true}"#), r#"{"include_usage":true}"#),
            (Some("7"), r#"{"include_usage":true}"#),
            (None, r#"{"include_usage":true}"#),
        ] {
            let sent = spliced(body, &[edit("stream_options", value)], None, true);
            assert_eq!(sent, body.replace(r#"{"y":1}"#, options), "{value:?}");
        }
        let other = spliced(body, &[edit("z", Some("1"))], None, true);
        assert!(other.ends_with(r#""stream_options":{"include_usage":true,"y":1}}"#), "{other}");
    }

    /// Some blanks, as a client may write them anywhere between tokens.
    fn blank() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["", "", " ", "\n\t", "  \r\n"])
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            prop::sample::select(vec!["0", "null", "[ ]", "{}", "{\"model\": \"x\", \"b\":[1,2]}", "\",\\\"}{\""])
                .prop_map(Into::into),
            ".*".prop_map(|text: String| serde_json::to_string(&text).expect("a string")),
        ]
    }

    /// A valid body: the two required members somewhere among others, blanks anywhere.
    fn body() -> impl Strategy<Value = String> {
        let others = prop::sample::subsequence(vec!["stream", "stream_options", "b", "c", "é\"", "d"], 0..=6);
        let member = (others, prop::collection::vec((value(), blank(), blank(), blank()), 8), any::<bool>());
        (member, any::<prop::sample::Index>(), blank()).prop_map(|((mut names, parts, swap), at, end)| {
            names.insert(at.index(names.len() + 1), "model");
            names.insert(if swap { 0 } else { names.len() }, "messages");
            let members = names.iter().zip(&parts).map(|(name, (value, a, b, c))| {
                let value = match *name {
                    "model" => "\"a\"",
                    "messages" => "[{}]",
                    "stream" => "true",
                    "stream_options" => "{\"k\" :1 }",
                    _ => value,
                };
                format!("{a}{}{b}:{c}{value}{a}", serde_json::to_string(name).expect("a string"))
            });
            format!("{end}{{{}{end}}}{end}", members.collect::<Vec<_>>().join(","))
        })
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        let name = prop::sample::select(vec!["b", "c", "d", "e", "f", "é\"", "messages", "model"]);
        let one = (name, prop::option::of(value()));
        prop::collection::vec(one.prop_map(|(name, value)| edit(name, value.as_deref())), 0..5)
    }

    proptest! {
        #[test]
        fn what_is_sent_is_the_body_with_the_edits_made_and_the_rest_as_it_was(
            body in body(), edits in edits(), model in prop::option::of("[a-z\"]{1,4}"), ask_usage: bool,
        ) {
            let sent = spliced(&body, &edits, model.as_deref(), ask_usage);
            let read = members(&sent).expect("an object");
            let call = call(&body);
            let before = members(&body).expect("an object");

            let wanted = |name: &str| edits.iter().rev().find(|e| &*e.member == name && name != "model");
            let touched = |name: &str| name == "model" || name == STREAM_OPTIONS || wanted(name).is_some();
            let untouched = |all: &[Member<'_>]| -> Vec<(String, String)> {
                all.iter().filter(|m| !touched(&m.name)).map(|m| (m.name.to_string(), m.value.to_owned())).collect()
            };
            prop_assert_eq!(untouched(&read), untouched(&before));
            for edit in edits.iter().filter(|edit| &*edit.member != "model") {
                let got = read.iter().find(|m| *m.name == *edit.member).map(|m| m.value);
                prop_assert_eq!(got, wanted(&edit.member).and_then(|e| e.value.as_deref()));
            }
            let got = |name: &str| read.iter().find(|m| m.name == name).map(|m| m.value.to_owned());
            let model = serde_json::to_string(model.as_deref().unwrap_or("a")).expect("a string");
            prop_assert_eq!(got("model"), Some(model));
            let asked = got(STREAM_OPTIONS).is_some_and(|options| options.contains("\"include_usage\":true"));
            prop_assert_eq!(asked, ask_usage && call.stream);
        }
    }
}
