//! What a path asks for. It looks at method and path, at nothing else.

use http::Method;
use pingora::http::RequestHeader;
use tollgate_api::{Code, Refusal, Surface};

use crate::audit_pages::Page;
use crate::reply::ERROR_REFERENCE;

/// What is asked for.
pub(crate) enum Asked {
    /// A model.
    Model(Surface),
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

/// Reads method and path. Everything under `/v1` is also under `/api/v1`.
pub(crate) fn asked(head: &RequestHeader) -> Asked {
    let path = head.uri.path();
    let under_v1 = path.strip_prefix("/api").unwrap_or(path).strip_prefix("/v1/");
    match under_v1 {
        Some("chat/completions") => only(head, Method::POST, || Asked::Model(Surface::ChatCompletions)),
        Some("models") => only(head, Method::GET, || Asked::Models(None)),
        Some(rest) if rest.starts_with("models/") => {
            only(head, Method::GET, || Asked::Models(Some(unescape(&rest["models/".len()..]))))
        }
        Some(rest) if rest.starts_with("audit/") => match Page::parse(&rest["audit/".len()..], head.uri.query()) {
            Some(page) => only(head, Method::GET, || Asked::Audit(page)),
            None => nothing(path),
        },
        None if path == ERROR_REFERENCE => only(head, Method::GET, || Asked::ErrorReference),
        None if path == "/" => only(head, Method::GET, || Asked::Root),
        _ => nothing(path),
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

    #[test]
    fn every_path_works_with_and_without_api_in_front() {
        for prefix in ["", "/api"] {
            assert!(matches!(ask("POST", &format!("{prefix}/v1/chat/completions")), Asked::Model(_)));
            assert!(matches!(ask("GET", &format!("{prefix}/v1/models")), Asked::Models(None)));
            assert!(matches!(ask("GET", &format!("{prefix}/v1/models/a%2Fb")), Asked::Models(Some(id)) if id == "a/b"));
        }
    }

    #[test]
    fn a_wrong_method_names_the_right_one() {
        let Asked::Nothing(refusal) = ask("GET", "/v1/chat/completions") else { panic!("must refuse") };
        assert_eq!((refusal.code, refusal.param.as_deref()), (Code::MethodNotAllowed, Some("POST")));
    }

    #[test]
    fn unknown_paths_are_told_from_known_ones() {
        for path in
            ["/v2/chat/completions", "/v1", "/v1/", "/chat/completions", "/apiv1/models", "/v1/chat/completions/"]
        {
            assert!(matches!(ask("POST", path), Asked::Nothing(r) if r.code == Code::UnknownPath), "{path}");
        }
    }

    #[test]
    fn head_is_answered_wherever_get_is() {
        assert!(matches!(ask("HEAD", "/"), Asked::Root));
        assert!(matches!(ask("HEAD", "/v1/models"), Asked::Models(None)));
    }
}
