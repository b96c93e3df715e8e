//! Splicing: what is sent is the body with the edits made, and every other member as it was.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;
use tollgate_api::{Address, Edit, Surface};
use tollgate_translate::{request, splice as spliced};

use crate::speakers::pick;

const MEMBERS: [&str; 8] = ["model", "messages", "input", "stream_options", "tools", "b", "é\"", "new"];
const VALUES: [Option<&str>; 8] =
    [None, Some("0"), Some("null"), Some("[1, 2]"), Some("{ }"), Some("{\"b\":1}"), Some("\"\\\"}{\""), None];

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The target: a byte for the surface, one for the number of edits, two for each, and the body.
pub fn splice(input: &[u8]) {
    let [surface, count, rest @ ..] = input else { return };
    let Some((edits, body)) = rest.split_at_checked(2 * usize::from(count % 4)) else { return };
    let edits: Vec<Edit> = edits
        .chunks_exact(2)
        .map(|pair| Edit { member: pick(&MEMBERS, pair[0]).into(), value: pick(&VALUES, pair[1]).map(Into::into) })
        .collect();
    let address = Address::of(pick(&Surface::ALL, *surface));
    let Ok(call) = request::read(&address, Bytes::copy_from_slice(body)) else { return };
    let sent = spliced(&call, &edits, Some("vendor/\"m\""), count & 0x80 != 0);
    let before: Members<'_> = serde_json::from_slice(body).expect("it was read");
    let after: Members<'_> = serde_json::from_slice(&sent).expect("it is still an object");
    check(&edits, &before, &after);
}

fn check(edits: &[Edit], before: &Members<'_>, after: &Members<'_>) {
    let decided = |name: &str| matches!(name, "model" | "stream_options");
    let last = |name: &str| edits.iter().rev().find(|edit| &*edit.member == name && name != "model");
    for (name, value) in before.iter().filter(|(name, _)| !decided(name) && last(name).is_none()) {
        assert_eq!(after.get(name).map(|value| value.get()), Some(value.get()), "{name}");
    }
    for name in after.keys().filter(|name| !decided(name) && !before.contains_key(*name)) {
        assert!(last(name).is_some_and(|edit| edit.value.is_some()), "{name} was made up");
    }
    for edit in edits.iter().filter(|edit| !decided(&edit.member)) {
        let wanted = last(&edit.member).and_then(|edit| edit.value.as_deref());
        assert_eq!(after.get(&*edit.member).map(|value| value.get()), wanted, "{}", edit.member);
    }
}
