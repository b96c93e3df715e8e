//! What a path asks for. It looks at method and path, at nothing else.

use http::Method;
use pingora::http::RequestHeader;
use tollgate_api::{Address, Code, Framing, Refusal, Surface};

use crate::audit_pages::Page;
use crate::reply::{ERROR_REFERENCE, Envelope};

/// What is asked for.
pub(crate) enum Asked {
    /// An answer of a model.
    Model(Address),
    /// How many tokens a prompt has, in Anthropic's words.
    CountTokens,
    /// Something that a vendor has and we only pass on.
    Native(Native),
    /// The list of models, or one of them.
    Models(Option<String>),
    /// The error reference that `doc_url` points at.
    ErrorReference,
    /// The audit log of the caller's tenant.
    Audit(Page),
    /// `/`, which clients probe.
    Root,
    /// Nothing that there is.
    Nothing(Refusal),
}

/// A path of a vendor's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Native {
    /// The vendor whose prefix stood before it.
    pub(crate) vendor: Option<&'static str>,
    /// Who has it where nobody is named.
    pub(crate) home: Option<Home>,
    /// The model, where the path names it.
    pub(crate) model: Option<Box<str>>,
    /// The path without prefix and version, with its query; `{model}` stands where the model does.
    pub(crate) path: String,
}

/// Who has what a surface has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// Its inventor.
    pub(crate) vendor: &'static str,
    pub(crate) surface: Surface,
}

/// The drop-in prefixes, and the vendor whose native paths follow each.
const PREFIXES: [(&str, &str); 4] =
    [("/openai", "openai"), ("/anthropic", "anthropic"), ("/genai", "gemini"), ("/bedrock", "bedrock")];
/// Stands in a path where the model does.
pub(crate) const MODEL: &str = "{model}";
/// A version that paths may have or leave out.
const VERSIONS: [&str; 3] = ["/v1beta", "/v1alpha", "/v1"];
/// Where what a surface has answered is found again: at its inventor's, or at whoever else speaks it.
const OF_RESPONSES: Option<Home> = Some(Home { vendor: "openai", surface: Surface::Responses });
const OF_MESSAGES: Option<Home> = Some(Home { vendor: "anthropic", surface: Surface::Messages });
/// What vendors have beside conversations, by the first word of the path; and its home, where it has one.
const NATIVE: [(&str, Option<Home>); 17] = [
    ("assistants", OF_RESPONSES),
    ("audio", None),
    ("batches", None),
    ("completions", None),
    ("containers", None),
    ("conversations", OF_RESPONSES),
    ("files", None),
    ("fine_tuning", None),
    ("images", None),
    ("messages", OF_MESSAGES),
    ("moderations", None),
    ("rerank", None),
    ("responses", OF_RESPONSES),
    ("threads", OF_RESPONSES),
    ("uploads", None),
    ("vector_stores", None),
    ("videos", None),
];

/// Reads method and path. Everything under `/v1` is also under `/api/v1`, behind each drop-in prefix, and
/// without its version.
pub(crate) fn asked(head: &RequestHeader) -> Asked {
    let path = head.uri.path();
    match path {
        "/" => return only(head, Method::GET, || Asked::Root),
        ERROR_REFERENCE => return only(head, Method::GET, || Asked::ErrorReference),
        _ => {}
    }
    let (vendor, rest) = prefix(path);
    let rest = rest.strip_prefix("/api/").map_or(rest, |_| &rest["/api".len()..]);
    let (version, rest) = version(rest);
    let Some(name) = rest.strip_prefix('/').filter(|name| !name.is_empty()) else { return nothing(path) };
    let surface = |surface| only(head, Method::POST, || Asked::Model(Address::of(surface)));
    match name {
        "chat/completions" => surface(Surface::ChatCompletions),
        "responses" => surface(Surface::Responses),
        "messages" => surface(Surface::Messages),
        "embeddings" => surface(Surface::Embeddings),
        "interactions" => surface(Surface::Interactions),
        "messages/count_tokens" => only(head, Method::POST, || Asked::CountTokens),
        "models" => only(head, Method::GET, || Asked::Models(None)),
        // A vendor would take it for another path than the one that is judged here.
        _ if name.split('/').any(is_dots) => nothing(path),
        _ => {
            let place = Place { vendor, version, name };
            model_in_path(head, &place)
                .or_else(|| audit(head, &place))
                .or_else(|| native(head, &place))
                .unwrap_or_else(|| nothing(path))
        }
    }
}

/// Whether a part of a path says "here" or "one up", escaped or not.
fn is_dots(part: &str) -> bool {
    const SPELLINGS: [&str; 6] = [".", "%2e", "..", ".%2e", "%2e.", "%2e%2e"];
    SPELLINGS.iter().any(|spelling| part.eq_ignore_ascii_case(spelling))
}

/// A path, taken apart.
struct Place<'a> {
    vendor: Option<&'static str>,
    version: &'a str,
    name: &'a str,
}

fn prefix(path: &str) -> (Option<&'static str>, &str) {
    let found = PREFIXES.iter().find_map(|(prefix, vendor)| {
        let rest = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'))?;
        Some((Some(*vendor), rest))
    });
    found.unwrap_or((None, path))
}

fn version(path: &str) -> (&str, &str) {
    let found = VERSIONS.iter().find_map(|version| {
        let rest = path.strip_prefix(version).filter(|rest| rest.starts_with('/'))?;
        Some((*version, rest))
    });
    found.unwrap_or(("", path))
}

/// `models/{model}`, `models/{model}:{verb}` as Google has it, `model/{model}/{verb}` as Amazon has.
fn model_in_path(head: &RequestHeader, place: &Place<'_>) -> Option<Asked> {
    if let Some(rest) = place.name.strip_prefix("models/") {
        return Some(match rest.rsplit_once(':').filter(|_| head.method == Method::POST) {
            Some((model, verb)) => google(head, place, &unescape(model), verb),
            None => only(head, Method::GET, || Asked::Models(Some(unescape(rest)))),
        });
    }
    let (model, verb) = place.name.strip_prefix("model/")?.rsplit_once('/')?;
    let model = unescape(model);
    let stream = match verb {
        "converse" => false,
        "converse-stream" => true,
        _ if place.vendor.is_some() => return Some(Asked::Native(Native::of(head, place, Some(&model)))),
        _ => return None,
    };
    let framing = Framing::EventStream;
    let address = Address { surface: Surface::Converse, model: Some(model.into()), stream: Some(stream), framing };
    Some(only(head, Method::POST, || Asked::Model(address)))
}

fn google(head: &RequestHeader, place: &Place<'_>, model: &str, verb: &str) -> Asked {
    let stream = match verb {
        "generateContent" => false,
        "streamGenerateContent" => true,
        _ => {
            let vendor = place.vendor.or(Some("gemini"));
            return Asked::Native(Native { vendor, ..Native::of(head, place, Some(model)) });
        }
    };
    let sse = query(head).any(|pair| pair == "alt=sse");
    Asked::Model(Address {
        surface: Surface::GenerateContent,
        model: Some(model.into()),
        stream: Some(stream),
        framing: if sse { Framing::Sse } else { Framing::JsonArray },
    })
}

fn audit(head: &RequestHeader, place: &Place<'_>) -> Option<Asked> {
    let page = place.name.strip_prefix("audit/").filter(|_| place.version == "/v1")?;
    let page = Page::parse(page, head.uri.query())?;
    Some(only(head, Method::GET, || Asked::Audit(page)))
}

fn native(head: &RequestHeader, place: &Place<'_>) -> Option<Asked> {
    let first = place.name.split('/').next().unwrap_or_default();
    let known = NATIVE.iter().find(|(name, _)| *name == first && place.version == "/v1");
    if known.is_none() && place.vendor.is_none() {
        return None;
    }
    let home = known.and_then(|(_, home)| *home).filter(|_| place.vendor.is_none());
    Some(Asked::Native(Native { home, ..Native::of(head, place, None) }))
}

impl Native {
    /// Whether the vendor only works on what this request brings: it reads nothing that lies there, and its
    /// answer is there to be paid for once. What fetches an answer that was paid for may be asked again.
    pub(crate) fn is_work(&self, method: &Method) -> bool {
        const WORK: [&str; 7] = ["audio", "complete", "completions", "embeddings", "images", "moderations", "rerank"];
        let path = self.path[1..].split('?').next().unwrap_or_default();
        let first = path.split('/').next().unwrap_or_default();
        *method == Method::POST && (self.model.is_some() || WORK.contains(&first) || path == "responses/compact")
    }

    /// The key in the query is ours, and goes no further.
    fn of(head: &RequestHeader, place: &Place<'_>, model: Option<&str>) -> Self {
        let mut path = format!("/{}", place.name);
        if let (Some(_), Some((before, named))) = (model, place.name.split_once('/')) {
            let after = named.find([':', '/']).map_or("", |at| &named[at..]);
            path = format!("/{before}/{MODEL}{after}");
        }
        for (nth, pair) in query(head).filter(|pair| !pair.starts_with("key=")).enumerate() {
            path.push(if nth == 0 { '?' } else { '&' });
            path.push_str(pair);
        }
        Self { vendor: place.vendor, home: None, model: model.map(Into::into), path }
    }
}

fn query(head: &RequestHeader) -> impl Iterator<Item = &str> {
    head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty())
}

/// The shape in which whoever asked for this path looks for an error.
pub(crate) fn envelope(path: &str) -> Envelope {
    let (vendor, rest) = prefix(path);
    match vendor {
        Some("anthropic") => Envelope::Anthropic,
        Some("gemini") => Envelope::Google,
        Some("bedrock") => Envelope::Amazon,
        _ if rest.contains("/messages") => Envelope::Anthropic,
        _ if rest.starts_with("/v1beta/") => Envelope::Google,
        _ => Envelope::OpenAi,
    }
}

fn nothing(path: &str) -> Asked {
    let shown: String = path.chars().take(80).collect();
    Asked::Nothing(Refusal::new(Code::UnknownPath, format!("there is nothing at `{shown}`")))
}

fn only(head: &RequestHeader, method: Method, what: impl FnOnce() -> Asked) -> Asked {
    let fits = head.method == method || (method == Method::GET && head.method == Method::HEAD);
    if fits {
        return what();
    }
    let message = format!("this path takes {method}");
    Asked::Nothing(Refusal::new(Code::MethodNotAllowed, message).at(method.to_string()))
}

/// Model ids may hold slashes, which some clients escape.
fn unescape(id: &str) -> String {
    let mut bytes = Vec::with_capacity(id.len());
    let mut rest = id.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()))
            .flatten();
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, path: &str) -> Asked {
        asked(&RequestHeader::build(method, path.as_bytes(), None).expect("a valid head"))
    }

    fn model(path: &str) -> Address {
        match ask("POST", path) {
            Asked::Model(address) => address,
            _ => panic!("{path} asks for a model"),
        }
    }

    fn passed_on(method: &str, path: &str) -> Native {
        match ask(method, path) {
            Asked::Native(native) => native,
            _ => panic!("{path} is a vendor's own"),
        }
    }

    #[test]
    fn every_path_works_with_and_without_api_a_version_and_a_drop_in_prefix_in_front() {
        for prefix in ["/v1", "/api/v1", "", "/openai/v1", "/openai", "/anthropic/v1"] {
            for (name, surface) in [
                ("chat/completions", Surface::ChatCompletions),
                ("responses", Surface::Responses),
                ("messages", Surface::Messages),
                ("embeddings", Surface::Embeddings),
                ("interactions", Surface::Interactions),
            ] {
                assert_eq!(model(&format!("{prefix}/{name}")), Address::of(surface), "{prefix}/{name}");
            }
            assert!(matches!(ask("POST", &format!("{prefix}/messages/count_tokens")), Asked::CountTokens));
            assert!(matches!(ask("GET", &format!("{prefix}/models")), Asked::Models(None)));
            assert!(matches!(ask("GET", &format!("{prefix}/models/a%2Fb")), Asked::Models(Some(id)) if id == "a/b"));
        }
    }

    #[test]
    fn google_and_amazon_name_the_model_in_the_path() {
        for prefix in ["/v1beta", "/v1", "/genai/v1beta"] {
            let whole = model(&format!("{prefix}/models/a%2Fb:generateContent?key=x"));
            assert_eq!((whole.model.as_deref(), whole.stream), (Some("a/b"), Some(false)));
            let stream = model(&format!("{prefix}/models/m:streamGenerateContent?alt=sse"));
            assert_eq!((stream.stream, stream.framing), (Some(true), Framing::Sse));
            let array = model(&format!("{prefix}/models/m:streamGenerateContent"));
            assert_eq!((array.stream, array.framing), (Some(true), Framing::JsonArray));
        }
        let converse = model("/bedrock/model/us.anthropic.claude-x-v1%3A0/converse-stream");
        assert_eq!(converse.model.as_deref(), Some("us.anthropic.claude-x-v1:0"));
        assert_eq!((converse.surface, converse.framing), (Surface::Converse, Framing::EventStream));
    }

    #[test]
    fn what_a_vendor_has_of_its_own_is_passed_on_without_our_key() {
        let files = passed_on("GET", "/v1/files?limit=2&key=tgk_x&after=1");
        assert_eq!((files.vendor, &*files.path), (None, "/files?limit=2&after=1"));
        let cached = passed_on("POST", "/genai/v1beta/cachedContents");
        assert_eq!((cached.vendor, &*cached.path), (Some("gemini"), "/cachedContents"));
        let count = passed_on("POST", "/v1beta/models/m:countTokens");
        assert_eq!((count.vendor, count.model.as_deref()), (Some("gemini"), Some("m")));
        assert_eq!(count.path, "/models/{model}:countTokens");
        let invoke = passed_on("POST", "/bedrock/model/m%3A0/invoke");
        assert_eq!((invoke.model.as_deref(), &*invoke.path), (Some("m:0"), "/model/{model}/invoke"));
    }

    #[test]
    fn work_is_told_from_what_is_stored() {
        for (method, path, is_work) in [
            ("POST", "/v1/images/generations", true),
            ("POST", "/openai/v1/audio/speech?x=1", true),
            ("POST", "/v1/completions", true),
            ("POST", "/v1/responses/compact", true),
            ("POST", "/v1beta/models/m:embedContent", true),
            ("POST", "/bedrock/model/m/invoke-with-response-stream", true),
            ("GET", "/v1/images/generations", false),
            ("GET", "/v1/files", false),
            ("POST", "/v1/files", false),
            ("POST", "/v1/batches/b/cancel", false),
            ("GET", "/openai/v1/responses/r", false),
            ("GET", "/v1/responses/r", false),
            ("POST", "/v1/messages/batches", false),
            ("POST", "/openai/v1/responses/r/cancel", false),
            ("GET", "/genai/v1beta/cachedContents", false),
            ("GET", "/bedrock/async-invoke", false),
        ] {
            assert_eq!(passed_on(method, path).is_work(&method.parse().expect("a method")), is_work, "{method} {path}");
        }
    }

    #[test]
    fn a_wrong_method_names_the_right_one() {
        let Asked::Nothing(refusal) = ask("GET", "/v1/chat/completions") else { panic!("must refuse") };
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::MethodNotAllowed, Some("POST")));
    }

    #[test]
    fn unknown_paths_are_told_from_known_ones() {
        for path in [
            "/v2/chat/completions",
            "/v1",
            "/v1/",
            "/apiv1/models",
            "/openaiv1/models",
            "/v1/chat/completions/",
            "/v1/filez",
            "/files",
            "/model/m/converse/x",
            "/v1/images/../files",
            "/openai/v1/%2E%2e/organization",
            "/openai/v1/.%2E/organization",
            "/bedrock/model/m/./invoke",
        ] {
            assert!(matches!(ask("POST", path), Asked::Nothing(r) if r.code == Code::UnknownPath), "{path}");
        }
    }

    #[test]
    fn head_is_answered_wherever_get_is() {
        assert!(matches!(ask("HEAD", "/"), Asked::Root));
        assert!(matches!(ask("HEAD", "/v1/models"), Asked::Models(None)));
    }
}
