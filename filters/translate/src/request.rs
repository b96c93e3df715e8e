//! A client's request, read in one pass: a [`Call`], or a refusal that says where reading stopped.
//!
//! It checks what decides anything here and leaves the rest to the upstream. No refusal quotes the
//! body.

use bytes::Bytes;
use memchr::memchr;
use tollgate_api::{Call, Caps, Code, Refusal, Spans, Surface};

use crate::depth;
use crate::object::{Member, ObjectError, members, span_in};

/// How deep a body may nest: what serde_json, and so most of our upstreams' parsers, accept.
const DEPTH_MAX: usize = 128;

/// Reads the body of a request on this surface.
///
/// # Errors
/// The body is not one JSON object ([`Code::InvalidJson`]), or lacks what the surface requires
/// ([`Code::InvalidRequest`]).
pub fn read(surface: Surface, body: Bytes) -> Result<Call, Refusal> {
    let text = std::str::from_utf8(&body).map_err(|error| {
        let at = error.valid_up_to();
        Refusal::new(Code::InvalidJson, format!("The body is not UTF-8 at byte {at}."))
    })?;
    let members = members(text).map_err(broken)?;
    if let Some(at) = depth::past(&body, DEPTH_MAX) {
        let what = format!("The body nests more than {DEPTH_MAX} deep at byte {at}.");
        return Err(Refusal::new(Code::InvalidJson, what));
    }
    match surface {
        Surface::ChatCompletions => chat(&body, text, &members),
    }
}

fn broken(error: ObjectError) -> Refusal {
    Refusal::new(Code::InvalidJson, format!("The body {error}."))
}

/// Members by which a vendor does work that a cap on output tokens does not bound, or asks prices that the
/// catalogue does not know.
const UNBOUNDED: [&str; 5] = ["audio", "modalities", "plugins", "prediction", "web_search_options"];
/// More answers than any vendor gives.
const CHOICES_MAX: u64 = 1024;

/// The members of a chat request that decide anything, where given. `null` counts as not given.
#[derive(Default)]
struct Known<'a> {
    model: Option<Value<'a>>,
    messages: Option<Value<'a>>,
    stream: Option<Value<'a>>,
    stream_options: Option<Value<'a>>,
    max_tokens: Option<Value<'a>>,
    max_completion_tokens: Option<Value<'a>>,
    n: Option<Value<'a>>,
    service_tier: Option<Value<'a>>,
    unbounded: Option<&'static str>,
    tools: Option<Value<'a>>,
    safety_identifier: Option<Value<'a>>,
    user: Option<Value<'a>>,
}

impl<'a> Known<'a> {
    fn among(members: &'a [Member<'a>], text: &'a str) -> Self {
        let mut known = Self::default();
        for Member { name, value } in members {
            let slot = match &**name {
                "model" => &mut known.model,
                "messages" => &mut known.messages,
                "stream" => &mut known.stream,
                "stream_options" => &mut known.stream_options,
                "max_tokens" => &mut known.max_tokens,
                "max_completion_tokens" => &mut known.max_completion_tokens,
                "n" => &mut known.n,
                "service_tier" => &mut known.service_tier,
                "tools" => &mut known.tools,
                "safety_identifier" => &mut known.safety_identifier,
                "user" => &mut known.user,
                other => {
                    let named = UNBOUNDED.iter().find(|named| **named == other && *value != "null");
                    known.unbounded = known.unbounded.or(named.copied());
                    continue;
                }
            };
            *slot = (*value != "null").then_some(Value { json: value, text });
        }
        known
    }
}

fn chat(body: &Bytes, text: &str, members: &[Member<'_>]) -> Result<Call, Refusal> {
    let known = Known::among(members, text);
    let model = known.model.ok_or_else(|| missing("model", "a string that names one"))?;
    let messages = known.messages.ok_or_else(|| missing("messages", "an array with at least one message"))?;
    messages.array("messages", "an array with at least one message").and_then(|full| match full {
        true => Ok(()),
        false => Err(messages.wrong("messages", "an array with at least one message")),
    })?;
    let max_tokens = known.max_tokens.map(|value| value.cap("max_tokens")).transpose()?;
    let max_completion_tokens =
        known.max_completion_tokens.map(|value| value.cap("max_completion_tokens")).transpose()?;
    Ok(Call {
        body: body.clone(),
        surface: Surface::ChatCompletions,
        model: model.name("model")?,
        stream: known.stream.map_or(Ok(false), |value| value.flag("stream"))?,
        wants_usage: known.stream_options.map_or(Ok(false), Value::include_usage)?,
        max_output: max_completion_tokens.or(max_tokens).flatten(),
        caps: Caps {
            max_tokens: max_tokens.flatten().is_some(),
            max_completion_tokens: max_completion_tokens.flatten().is_some(),
        },
        choices: known.n.map_or(Ok(1), |n| n.choices())?,
        unbounded: known.unbounded.or_else(|| {
            let is_priority = |tier: Value<'_>| tier.json == "\"priority\"";
            known.service_tier.filter(|tier| is_priority(*tier)).map(|_| "service_tier")
        }),
        // What is no name is the vendor's to refuse: nothing here is decided by it.
        end_user: known.safety_identifier.or(known.user).and_then(|user| user.name("user").ok()),
        tools: known.tools.map_or(Ok(false), |value| value.array("tools", "an array of tools"))?,
        spans: Spans {
            open: memchr(b'{', body).map_or(0, |at| at + 1),
            has_members: !members.is_empty(),
            model: span_in(text, model.json),
            messages: span_in(text, messages.json),
            tools: known.tools.map(|tools| span_in(text, tools.json)),
            // A `null` too has a place, for what replaces it.
            stream_options: members.iter().find(|m| m.name == "stream_options").map(|m| span_in(text, m.value)),
        },
    })
}

fn missing(param: &'static str, wanted: &str) -> Refusal {
    Refusal::new(Code::InvalidRequest, format!("The body has no `{param}`; it must be {wanted}.")).at(param)
}

/// The JSON text of a member, within the text of the body.
#[derive(Clone, Copy)]
struct Value<'a> {
    json: &'a str,
    text: &'a str,
}

impl Value<'_> {
    fn wrong(self, param: &'static str, wanted: &str) -> Refusal {
        let at = span_in(self.text, self.json).start;
        let kind = kind(self.json);
        let what = format!("`{param}`, at byte {at}, is {kind}; it must be {wanted}.");
        Refusal::new(Code::InvalidRequest, what).at(param)
    }

    fn name(self, param: &'static str) -> Result<Box<str>, Refusal> {
        let wrong = || self.wrong(param, "a string that names one");
        let inner = self.json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(wrong)?;
        let name: Box<str> = match memchr(b'\\', inner.as_bytes()) {
            None => inner.into(),
            Some(_) => serde_json::from_str(self.json).map_err(|_| wrong())?,
        };
        if name.is_empty() { Err(wrong()) } else { Ok(name) }
    }

    fn flag(self, param: &'static str) -> Result<bool, Refusal> {
        match self.json {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.wrong(param, "`true` or `false`")),
        }
    }

    /// A number of tokens. Local servers and their clients write `-1` for "no cap".
    fn cap(self, param: &'static str) -> Result<Option<u64>, Refusal> {
        if self.json == "-1" {
            return Ok(None);
        }
        self.json.parse().map(Some).map_err(|_| self.wrong(param, "a whole number of tokens"))
    }

    /// A number of answers.
    fn choices(self) -> Result<u32, Refusal> {
        let number = self.json.parse::<u64>().ok().filter(|n| (1..=CHOICES_MAX).contains(n));
        number.and_then(|n| u32::try_from(n).ok()).ok_or_else(|| self.wrong("n", "a whole number of answers"))
    }

    /// Whether an array holds anything.
    fn array(self, param: &'static str, wanted: &str) -> Result<bool, Refusal> {
        let inner = self.json.strip_prefix('[').ok_or_else(|| self.wrong(param, wanted))?;
        Ok(!inner.trim_ascii_start().starts_with(']'))
    }

    fn include_usage(self) -> Result<bool, Refusal> {
        const PARAM: &str = "stream_options";
        let members = members(self.json).map_err(|_| self.wrong(PARAM, "an object, each member at most once"))?;
        match members.iter().find(|member| member.name == "include_usage").map(|member| member.value) {
            None | Some("null") => Ok(false),
            Some(json) => Value { json, text: self.text }.flag("stream_options.include_usage"),
        }
    }
}

fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') if json.len() == 2 => "an empty string",
        Some(b'"') => "a string",
        Some(b'[') if json[1..].trim_ascii_start().starts_with(']') => "an empty array",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: impl Into<Bytes>) -> Result<Call, Refusal> {
        read(Surface::ChatCompletions, body.into())
    }

    #[test]
    fn what_no_cap_bounds_is_named_and_how_many_answers_are_wanted_is_read() {
        let with = |more: &str| ask(format!(r#"{{"model":"m","messages":[{{}}],{more}}}"#)).expect("a call");
        for (more, found) in [
            (r#""web_search_options":{}"#, Some("web_search_options")),
            (r#""web_search_options":null"#, None),
            (r#""service_tier":"priority""#, Some("service_tier")),
            (r#""service_tier":"flex""#, None),
            (r#""temperature":1"#, None),
        ] {
            assert_eq!(with(more).unbounded, found, "{more}");
        }
        assert_eq!((with(r#""n":3"#).choices, with(r#""n":null"#).choices), (3, 1));
        for n in ["0", "-1", "1.5", "\"2\"", "99999999999999999999"] {
            let refused = ask(format!(r#"{{"model":"m","messages":[{{}}],"n":{n}}}"#)).expect_err(n);
            assert_eq!(refused.param.as_deref(), Some("n"));
        }
        let caps = with(r#""max_tokens":5,"max_completion_tokens":-1"#).caps;
        assert_eq!(caps, Caps { max_tokens: true, max_completion_tokens: false });
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
        assert_eq!(&body[call.spans.model.clone()], r#""g\u0070t""#);
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
