//! A client's request, read in one pass: a [`Call`], or a refusal that says where reading stopped.
//!
//! It checks what decides anything here and leaves the rest to the upstream. No refusal quotes the
//! body.

mod value;
mod words;

use bytes::Bytes;
use memchr::memchr;
use smallvec::SmallVec;
use tollgate_api::{Address, Call, Caps, Code, Ours, Refusal, Spans, StartWithin, Surface};

use crate::depth;
use crate::object::{Member, ObjectError, members, span_in};
use value::Value;
use words::Words;

/// How deep a body may nest: what serde_json, and so most of our upstreams' parsers, accept.
const DEPTH_MAX: usize = 128;
/// The member by which a client lets us leave out what an upstream cannot express. Ours alone.
pub(crate) const DROP_UNSUPPORTED: &str = "drop_unsupported";

/// The member by which a client says how soon its answer must start. Ours alone.
const START_WITHIN: &str = "start_within";
/// All members that are ours alone.
const OURS: [&str; 2] = [DROP_UNSUPPORTED, START_WITHIN];
/// The members by which a vendor is asked for a service tier.
const TIERS: [&str; 3] = ["service_tier", "serviceTier", "speed"];

/// Reads the body of a request to this address.
///
/// # Errors
/// The body is not one JSON object ([`Code::InvalidJson`]), or lacks what the surface requires
/// ([`Code::InvalidRequest`]).
pub fn read(address: &Address, body: Bytes) -> Result<Call, Refusal> {
    let text = std::str::from_utf8(&body).map_err(|error| {
        let at = error.valid_up_to();
        Refusal::new(Code::InvalidJson, format!("The body is not UTF-8 at byte {at}."))
    })?;
    let members = members(text).map_err(broken)?;
    if let Some(at) = depth::past(&body, DEPTH_MAX) {
        let what = format!("The body nests more than {DEPTH_MAX} deep at byte {at}.");
        return Err(Refusal::new(Code::InvalidJson, what));
    }
    call(address, &body, &Given { text, members: &members, words: Words::of(address.surface) })
}

fn broken(error: ObjectError) -> Refusal {
    Refusal::new(Code::InvalidJson, format!("The body {error}."))
}

/// The members of a body, found by the words of its surface. `null` counts as not given.
struct Given<'a> {
    text: &'a str,
    members: &'a [Member<'a>],
    words: &'static Words,
}

impl<'a> Given<'a> {
    fn raw(&self, name: &str) -> Option<&'a Member<'a>> {
        self.members.iter().find(|member| member.name == name)
    }

    fn get(&self, name: &str) -> Option<Value<'a>> {
        let member = self.raw(name).filter(|member| member.value != "null")?;
        Some(Value { json: member.value, text: self.text })
    }

    /// The first of these that is given, and its name.
    fn first(&self, names: &[&'static str]) -> Option<(&'static str, Value<'a>)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    /// A member that may stand within another: `outer.inner`.
    fn within(&self, path: &'static str) -> Result<Option<Value<'a>>, Refusal> {
        match path.split_once('.') {
            None if path.is_empty() => Ok(None),
            None => Ok(self.get(path)),
            Some((outer, inner)) => self.get(outer).map_or(Ok(None), |value| value.member(outer, inner)),
        }
    }
}

fn call(address: &Address, body: &Bytes, given: &Given<'_>) -> Result<Call, Refusal> {
    let words = given.words;
    let conversation = conversation(given)?;
    let (max_output, caps) = caps(given)?;
    let tools = given.within(words.tools)?;
    Ok(Call {
        body: body.clone(),
        surface: address.surface,
        model: match &address.model {
            Some(model) => model.clone(),
            None => model(given)?.name("model")?,
        },
        stream: match address.stream {
            Some(stream) => stream,
            None => given.get("stream").map_or(Ok(false), |value| value.flag("stream"))?,
        },
        framing: address.framing,
        wants_usage: match address.surface {
            Surface::ChatCompletions => given.get("stream_options").map_or(Ok(false), Value::include_usage)?,
            _ => true,
        },
        max_output,
        caps,
        choices: choices(given)?,
        unbounded: unbounded(given),
        // What is no name is the vendor's to refuse: nothing here is decided by it.
        end_user: given.first(words.end_user).and_then(|(name, user)| user.name(name).ok()),
        tools: tools.map_or(Ok(false), |value| value.array(words.tools, "an array of tools"))?,
        drop_unsupported: given.get(DROP_UNSUPPORTED).map_or(Ok(false), |value| value.flag(DROP_UNSUPPORTED))?,
        start_within: given.get(START_WITHIN).map(start_within).transpose()?,
        asks_tier: given.first(&TIERS).map(|(name, _)| name),
        spans: Spans {
            open: memchr(b'{', body).map_or(0, |at| at + 1),
            has_members: !given.members.is_empty(),
            model: address.model.is_none().then(|| given.get("model")).flatten().map(Value::span),
            messages: conversation.span(),
            tools: tools.map(Value::span),
            // A `null` too has a place, for what replaces it.
            stream_options: given.raw("stream_options").map(|member| span_in(given.text, member.value)),
            ours: ours(given, body),
            has_tier: given.raw("service_tier").is_some(),
        },
    })
}

/// The members that are ours alone, each with what goes with it: the comma before it, or the one after it where
/// nothing stays before.
fn ours(given: &Given<'_>, body: &[u8]) -> SmallVec<[Ours; 2]> {
    let mut found = SmallVec::new();
    let (mut end, mut leads) = (memchr(b'{', body).map_or(0, |at| at + 1), true);
    for (nth, member) in given.members.iter().enumerate() {
        let value = span_in(given.text, member.value);
        let Some(name) = OURS.into_iter().find(|name| member.name == *name) else {
            (end, leads) = (value.end, false);
            continue;
        };
        let has_next = nth + 1 < given.members.len();
        let comma = || memchr(b',', &body[value.end..]).map(|at| value.end + at + 1);
        let upto = if leads && has_next { comma().unwrap_or(value.end) } else { value.end };
        found.push(Ours { name, cut: end..upto });
        end = upto;
    }
    found
}

fn model<'a>(given: &Given<'a>) -> Result<Value<'a>, Refusal> {
    given.first(given.words.model).map(|(_, model)| model).ok_or_else(|| missing("model", "a string that names one"))
}

/// What is asked: an array that is not empty or, where the surface takes one, a text.
fn conversation<'a>(given: &Given<'a>) -> Result<Value<'a>, Refusal> {
    let Words { conversation: name, conversation_is, may_be_text, .. } = *given.words;
    let value = given.get(name).ok_or_else(|| missing(name, conversation_is))?;
    let says_something = match may_be_text && !value.json.starts_with('[') {
        true => value.name(name).is_ok() || value.json.starts_with('{'),
        false => value.array(name, conversation_is)?,
    };
    if says_something { Ok(value) } else { Err(value.wrong(name, conversation_is)) }
}

/// How many answers, under whichever name says the most of them.
fn choices(given: &Given<'_>) -> Result<u32, Refusal> {
    let mut most = 1;
    for name in given.words.choices {
        if let Some(number) = given.within(name)? {
            most = most.max(number.choices(name)?);
        }
    }
    Ok(most)
}

/// The cap on output tokens, and by which members it is set. The newer member comes first.
fn caps(given: &Given<'_>) -> Result<(Option<u64>, Caps), Refusal> {
    let mut found = None;
    let mut caps = Caps::default();
    for name in given.words.caps {
        let Some(cap) = given.within(name)?.map(|value| value.cap(name)).transpose()?.flatten() else { continue };
        found = found.or(Some(cap));
        match *name {
            "max_completion_tokens" => caps.max_completion_tokens = true,
            _ => caps.max_tokens = true,
        }
    }
    Ok((found, caps))
}

/// Tiers that cost no more than the standard one, in all vendors' words.
const ORDINARY_TIERS: [&str; 9] =
    ["null", "auto", "default", "standard", "standard_only", "flex", "batch", "on_demand", "unspecified"];

/// A member by which a vendor does work that a cap on output tokens does not bound, or asks prices that
/// the catalogue does not know.
fn unbounded(given: &Given<'_>) -> Option<&'static str> {
    let asked = given.first(given.words.unbounded).map(|(name, _)| name);
    asked.or_else(|| {
        // A word that is not known to be ordinary may be the name of a dear tier.
        let is_dearer = |tier: &Value<'_>| !ORDINARY_TIERS.contains(&tier.json.trim_matches('"'));
        let member = |name| given.first(&[name]).filter(|(_, tier)| is_dearer(tier)).map(|(name, _)| name);
        TIERS.into_iter().find_map(member)
    })
}

fn start_within(value: Value<'_>) -> Result<StartWithin, Refusal> {
    let text = value.name(START_WITHIN)?;
    text.parse()
        .map_err(|wrong| Refusal::new(Code::InvalidRequest, format!("`{START_WITHIN}` {wrong}.")).at(START_WITHIN))
}

fn missing(param: &'static str, wanted: &str) -> Refusal {
    Refusal::new(Code::InvalidRequest, format!("The body has no `{param}`; it must be {wanted}.")).at(param)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: impl Into<Bytes>) -> Result<Call, Refusal> {
        read(&Address::of(Surface::ChatCompletions), body.into())
    }

    #[test]
    fn what_no_cap_bounds_is_named_and_how_many_answers_are_wanted_is_read() {
        let with = |more: &str| ask(format!(r#"{{"model":"m","messages":[{{}}],{more}}}"#)).expect("a call");
        for (more, found) in [
            (r#""web_search_options":{}"#, Some("web_search_options")),
            (r#""web_search_options":null"#, None),
            (r#""service_tier":"priority""#, Some("service_tier")),
            (r#""service_tier":"flex""#, None),
            (r#""service_tier":null"#, None),
            (r#""speed":"standard""#, None),
            (r#""service_tier":"instant""#, Some("service_tier")),
            (r#""service_tier":"flex","speed":"fast""#, Some("speed")),
            (r#""serviceTier":{"type":"priority"}"#, Some("serviceTier")),
            (r#""temperature":1"#, None),
        ] {
            assert_eq!(with(more).unbounded, found, "{more}");
        }
        assert_eq!((with(r#""n":3"#).choices, with(r#""n":null"#).choices), (3, 1));
        for (name, config) in [("generationConfig", "candidateCount"), ("generation_config", "candidate_count")] {
            let mut address = Address::of(Surface::GenerateContent);
            address.model = Some("m".into());
            let body = format!(r#"{{"contents":[1],"{name}":{{"{config}":4}}}}"#);
            assert_eq!(read(&address, body.into()).map(|call| call.choices), Ok(4), "{name}");
        }
        for n in ["0", "-1", "1.5", "\"2\"", "99999999999999999999"] {
            let refused = ask(format!(r#"{{"model":"m","messages":[{{}}],"n":{n}}}"#)).expect_err(n);
            assert_eq!(refused.param.as_deref(), Some("n"));
        }
        let caps = with(r#""max_tokens":5,"max_completion_tokens":-1"#).caps;
        assert_eq!(caps, Caps { max_tokens: true, max_completion_tokens: false });
    }

    #[test]
    fn how_soon_an_answer_must_start_is_read_on_every_surface_and_marked_as_ours() {
        for surface in Surface::ALL.into_iter().filter(|surface| *surface != Surface::Native) {
            let mut address = Address::of(surface);
            address.model = Some("m".into());
            let of = |more: &str| {
                let said = r#""messages":[{}],"input":"x","contents":[{}]"#;
                read(&address, format!(r#"{{"model":"m",{said},{more}}}"#).into())
            };
            let call = of(r#""start_within":"1m30s","drop_unsupported":true"#).expect("a call");
            assert_eq!(call.start_within, Some(StartWithin::Time(std::time::Duration::from_secs(90))));
            let names = |call: &Call| call.spans.ours.iter().map(|ours| ours.name).collect::<Vec<_>>();
            assert_eq!(names(&call), [START_WITHIN, DROP_UNSUPPORTED]);
            let none = of(r#""start_within":null"#).expect("a call");
            assert_eq!((none.start_within, names(&none)), (None, vec![START_WITHIN]));
            for wrong in ["30", "\"30\"", "\"soon\"", "\"0s\"", "{}"] {
                let refused = of(&format!(r#""start_within":{wrong}"#)).expect_err(wrong);
                assert_eq!((refused.code, refused.param.as_deref()), (Code::InvalidRequest, Some("start_within")));
            }
        }
    }

    #[test]
    fn a_call_holds_the_facts_and_where_they_stand() {
        let body = r#" { "mod\u0065l" : "g\u0070t", "stream":true, "max_tokens":5,"tools":[{}],
            "stream_options":{"include_usage":true}, "x":{"model":1}, "messages" : [ {"role":"user"} ] }"#;
        let call = ask(body).expect("a call");
        assert_eq!(&*call.model, "gpt");
        assert!(call.stream && call.wants_usage && call.tools);
        assert_eq!(call.max_output, Some(5));
        assert_eq!(call.messages(), br#"[ {"role":"user"} ]"#);
        assert_eq!(&body[call.spans.model.clone().expect("a place")], r#""g\u0070t""#);
        assert_eq!(&body[call.spans.stream_options.clone().expect("given")], r#"{"include_usage":true}"#);
        assert_eq!(&body[..call.spans.open], " {");
        assert!(call.spans.has_members);
    }

    #[test]
    fn null_members_are_members_not_given() {
        let body = r#"{"model":"m","messages":[1],"stream":null,"stream_options":null,"max_tokens":null,"tools":null}"#;
        let call = ask(body).expect("a call");
        assert!(!call.stream && !call.wants_usage && !call.tools);
        assert_eq!(call.max_output, None);
        assert_eq!(&body[call.spans.stream_options.expect("a place")], "null");
    }

    #[test]
    fn the_newer_cap_on_output_wins() {
        for (caps, max_output) in [
            (r#""max_tokens":5,"max_completion_tokens":7"#, Some(7)),
            (r#""max_tokens":5,"max_completion_tokens":null"#, Some(5)),
            (r#""max_tokens":-1"#, None),
            (r#""max_tokens":18446744073709551615"#, Some(u64::MAX)),
        ] {
            let call = ask(format!(r#"{{"model":"m","messages":[1],{caps}}}"#)).expect(caps);
            assert_eq!(call.max_output, max_output, "{caps}");
        }
    }

    #[test]
    fn a_body_that_is_not_one_object_is_refused_with_its_place() {
        for (body, message) in [
            ("", "The body ends at line 1, column 0, before its JSON does."),
            (r#"{"model":"SECRET"#, "The body ends at line 1, column 16, before its JSON does."),
            (r#"{"model":SECRET}"#, "The body is not valid JSON at line 1, column 10."),
            (r#"["SECRET"]"#, "The body is not a JSON object."),
            ("\"SECRET\"", "The body is not a JSON object."),
            (r#"{"model":"m","messages":[1]} SECRET"#, "The body is not valid JSON at line 1, column 30."),
            (
                r#"{"model":"m","model":"n"}"#,
                "The body has the same member twice, the second time with its value at byte 21.",
            ),
            (
                r#"{"S":1,"x":2,"S":3}"#,
                "The body has the same member twice, the second time with its value at byte 17.",
            ),
        ] {
            let refusal = ask(body).expect_err(body);
            assert_eq!((refusal.code, &*refusal.message), (Code::InvalidJson, message), "{body}");
        }
        let refusal = ask(&b"{\"model\":\"\xff\"}"[..]).expect_err("not UTF-8");
        assert_eq!(refusal.message, "The body is not UTF-8 at byte 10.");
    }

    #[test]
    fn a_member_of_the_wrong_kind_is_refused_by_name_and_place() {
        let model = "a string that names one";
        let messages = "an array with at least one message";
        let cap = "a whole number of tokens";
        for (body, param, message) in [
            (r#"{"messages":[1]}"#, "model", format!("The body has no `model`; it must be {model}.")),
            (r#"{"model":"m"}"#, "messages", format!("The body has no `messages`; it must be {messages}.")),
            (r#"{"model":7,"messages":[1]}"#, "model", format!("`model`, at byte 9, is a number; it must be {model}.")),
            (
                r#"{"model":"","messages":[1]}"#,
                "model",
                format!("`model`, at byte 9, is an empty string; it must be {model}."),
            ),
            (
                r#"{"model":"\ud800","messages":[1]}"#,
                "model",
                format!("`model`, at byte 9, is a string; it must be {model}."),
            ),
            (
                r#"{"model":"m","messages":[ ]}"#,
                "messages",
                format!("`messages`, at byte 24, is an empty array; it must be {messages}."),
            ),
            (
                r#"{"model":"m","messages":{"SECRET":1}}"#,
                "messages",
                format!("`messages`, at byte 24, is an object; it must be {messages}."),
            ),
            (
                r#"{"max_tokens":1.5,"model":"m","messages":[1]}"#,
                "max_tokens",
                format!("`max_tokens`, at byte 14, is a number; it must be {cap}."),
            ),
            (
                r#"{"max_completion_tokens":"9","model":"m","messages":[1]}"#,
                "max_completion_tokens",
                format!("`max_completion_tokens`, at byte 25, is a string; it must be {cap}."),
            ),
            (
                r#"{"stream":"yes","model":"m","messages":[1]}"#,
                "stream",
                "`stream`, at byte 10, is a string; it must be `true` or `false`.".into(),
            ),
            (
                r#"{"tools":{},"model":"m","messages":[1]}"#,
                "tools",
                "`tools`, at byte 9, is an object; it must be an array of tools.".into(),
            ),
            (
                r#"{"stream_options":true,"model":"m","messages":[1]}"#,
                "stream_options",
                "`stream_options`, at byte 18, is a boolean; it must be an object, each member at most once.".into(),
            ),
            (
                r#"{"stream_options":{"include_usage":1},"model":"m","messages":[1]}"#,
                "stream_options.include_usage",
                "`stream_options.include_usage`, at byte 35, is a number; it must be `true` or `false`.".into(),
            ),
        ] {
            let refusal = ask(body).expect_err(body);
            assert_eq!(refusal.code, Code::InvalidRequest, "{body}");
            assert_eq!((refusal.param.as_deref(), &*refusal.message), (Some(param), &*message), "{body}");
        }
    }

    #[test]
    fn depth_is_limited_without_recursion() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth - 2), "]".repeat(depth - 2));
            format!(r#"{{"model":"m","messages":[1],"x":[{open}{close}]}}"#)
        };
        assert!(ask(nested(DEPTH_MAX)).is_ok());
        for depth in [DEPTH_MAX + 1, 10_000, 1_000_000] {
            let refusal = ask(nested(depth)).expect_err("too deep");
            assert_eq!(refusal.message, "The body nests more than 128 deep at byte 159.");
        }
        let unclosed = format!(r#"{{"model":"m","messages":{}"#, "[{\"a\":".repeat(100_000));
        assert_eq!(ask(unclosed).expect_err("cut").code, Code::InvalidJson);
    }

    #[test]
    fn many_messages_are_one_span() {
        let messages = vec![r#"{"role":"user","content":"[[[{{{"}"#; 10_000].join(",");
        let call = ask(format!(r#"{{"messages":[{messages}],"model":"m"}}"#)).expect("a call");
        assert_eq!(call.messages().len(), messages.len() + 2);
    }

    /// `cargo test --release -p tollgate-translate -- --ignored --nocapture reading_costs`
    #[test]
    #[ignore = "a measurement"]
    fn reading_costs_little() {
        let text = "Say in one sentence why the sky is \\\"blue\\\", and then why it is not. ".repeat(20);
        let body = Bytes::from(format!(
            r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{text}"}}],"temperature":0.7,"max_tokens":256,"stream":true,"user":"u"}}"#
        ));
        let rounds = 200_000_u32;
        let began = std::time::Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(ask(std::hint::black_box(body.clone())).expect("a call"));
        }
        let each = began.elapsed() / rounds;
        let call = ask(body.clone()).expect("a call");
        let began = std::time::Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(crate::splice(&call, &[], Some("other"), true));
        }
        eprintln!("{} bytes: read {each:?}, spliced {:?}", body.len(), began.elapsed() / rounds);
    }
}
