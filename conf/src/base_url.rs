//! A base URL, taken apart and checked against what its dialect adds to it.

use http::Uri;
use tollgate_translate::Dialect;

use crate::checked::BaseUrl;

/// Why a base URL cannot be used. Never repeats it: people put credentials into URLs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadUrl {
    pub(crate) what: &'static str,
    pub(crate) remedy: &'static str,
}

const fn bad(what: &'static str, remedy: &'static str) -> BadUrl {
    BadUrl { what, remedy }
}

/// Takes a base URL apart.
pub(crate) fn parse(text: &str, dialect: Dialect) -> Result<BaseUrl, BadUrl> {
    let (scheme, rest) =
        text.split_once("://").ok_or(bad("this URL has no scheme", "begin it with `https://` or `http://`"))?;
    let tls = match scheme {
        "https" => true,
        "http" => false,
        _ => return Err(bad("this is no URL of HTTP", "begin it with `https://` or `http://`")),
    };
    if rest.contains(['?', '#']) {
        return Err(bad("a base URL has no `?` and no `#`", "end it with its path"));
    }
    let uri: Uri =
        text.parse().map_err(|_| bad("this is no URL", "write `https://host:port/path`, and nothing else"))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err(bad("a credential in a URL ends up in logs", "move it to `api_key` or `headers`"));
    }
    let host = uri.host().unwrap_or_default().to_lowercase();
    if host.is_empty() || !is_host(&host) {
        return Err(bad("this URL has no host", "write `https://host:port/path`"));
    }
    let port = match (authority.len() > host.len(), uri.port_u16()) {
        (false, _) => {
            if tls {
                443
            } else {
                80
            }
        }
        (true, Some(port)) if port != 0 => port,
        _ => return Err(bad("the port of this URL is none", "write a number from 1 to 65535, or leave the `:` out")),
    };
    let path = uri.path().trim_end_matches('/').to_owned();
    fits(&path, dialect)?;
    Ok(BaseUrl { tls, host, port, path })
}

/// A name or an address; a name that is not one would only fail once it is looked up.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_')),
    }
}

/// The ways to get it wrong that everyone tries.
fn fits(path: &str, dialect: Dialect) -> Result<(), BadUrl> {
    match dialect {
        Dialect::OpenAi if path.ends_with("/chat/completions") => {
            Err(bad("`/chat/completions` is added by itself", "end the URL before it"))
        }
        Dialect::Responses if path.ends_with("/responses") => {
            Err(bad("`/responses` is added by itself", "end the URL before it"))
        }
        Dialect::Anthropic if path.ends_with("/v1") || path.ends_with("/v1/messages") => {
            Err(bad("`/v1/messages` is added by itself", "end the URL before `/v1`"))
        }
        Dialect::Gemini | Dialect::Interactions if path.ends_with("/v1") || path.ends_with("/v1beta") => {
            Err(bad("the version is added by itself", "end the URL before it"))
        }
        Dialect::Converse if path.ends_with("/model") => {
            Err(bad("`/model/…` is added by itself", "end the URL before it"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let cases = [
            ("https://api.openai.com/v1", (true, "api.openai.com", 443, "/v1")),
            ("https://api.openai.com/v1/", (true, "api.openai.com", 443, "/v1")),
            ("http://API.local:8080", (false, "api.local", 8080, "")),
            ("http://127.0.0.1:11434/v1", (false, "127.0.0.1", 11434, "/v1")),
            ("https://[::1]:8443/a/b", (true, "[::1]", 8443, "/a/b")),
            ("https://[::1]", (true, "[::1]", 443, "")),
        ];
        for (text, (tls, host, port, path)) in cases {
            let url = BaseUrl { tls, host: host.into(), port, path: path.into() };
            assert_eq!(parse(text, Dialect::OpenAi), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_called_is_refused_without_being_repeated() {
        let texts = [
            "",
            "api.openai.com/v1",
            "ftp://x/",
            "https://",
            "https:///v1",
            "https://u:p@x/v1",
            "https://x:0/",
            "https://x:/",
            "https://x:70000/",
            "https://x/v1?a=b",
            "https://x/#a",
            "https://a b/",
            "https://ü/",
            "https://[::zz]/",
            "https://x/v1/chat/completions",
            "HTTPS://x",
        ];
        for text in texts {
            assert!(parse(text, Dialect::OpenAi).is_err(), "{text}");
        }
        assert!(parse("https://api.anthropic.com/v1", Dialect::Anthropic).is_err());
        assert!(parse("https://api.anthropic.com", Dialect::Anthropic).is_ok());
    }
}
