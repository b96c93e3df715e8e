//! Signatures as botocore 1.44.5 makes them of the same requests, and what never shows.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tollgate_sigv4::{Credential, Headers, Request, Scope, Unsigned};

/// Amazon's own example: it opens nothing.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2026-11-21 10:20:30 UTC.
const NOW: u64 = 1_795_256_430;

fn credential(session: &str) -> Credential {
    Credential::read(&format!("AKIDEXAMPLE:{SECRET}{session}").into()).expect("a credential")
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

fn sha256(hex: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex"))
}

fn value(headers: &Headers, name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(header, _)| header == name)?;
    value.to_str().ok().map(str::to_owned)
}

/// One request, and how botocore proved it.
struct Vector {
    session: &'static str,
    region: &'static str,
    service: &'static str,
    method: &'static str,
    url: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signed: &'static str,
    signature: &'static str,
}

const VECTORS: [Vector; 4] = [
    // A stream, with the keys of a session: the path goes in as `%253A`.
    Vector {
        session: ":session/token+==",
        region: "us-east-1",
        service: "bedrock",
        method: "POST",
        url: "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream",
        headers: &[("content-type", "application/json")],
        body: "5e4ce7b36ba37b78a5d5f9fd08e6b7b54ba6879d651aa46ec9e1d6fa24ebe30a",
        signed: "content-type;host;x-amz-date;x-amz-security-token",
        signature: "b949899c039a75e3f7f27b4589802c20c339c5ec1d78f6d743fe2a58d503726c",
    },
    // A profile by its ARN, at an address with a port.
    Vector {
        session: "",
        region: "eu-central-1",
        service: "bedrock",
        method: "POST",
        url: "http://127.0.0.1:4566/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.amazon.nova-2-lite-v1%3A0/converse",
        headers: &[("content-type", "application/json"), ("accept", "application/json")],
        body: "054f29adfce491f5f3537030509e21bc3f8b755409d5d2006784d71a2743c7b2",
        signed: "accept;content-type;host;x-amz-date",
        signature: "5b18ee7c7c379c98adc0cb5d095670b057a0ac194df728cdad661a29b4e231c1",
    },
    // OpenAI's API at Amazon, which wants the body's hash as a header too.
    Vector {
        session: ":another-session",
        region: "us-west-2",
        service: "bedrock-mantle",
        method: "POST",
        url: "https://bedrock-mantle.us-west-2.api.aws/openai/v1/responses",
        headers: &[
            ("content-type", "application/json"),
            ("x-amz-content-sha256", "2005d2e3b4e4ab39c1542d92e3f2b1271fcdcd9fa1780943e577565304cd4cca"),
        ],
        body: "2005d2e3b4e4ab39c1542d92e3f2b1271fcdcd9fa1780943e577565304cd4cca",
        signed: "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
        signature: "f5962afab8b11a1decc0a8a551a2525a0cc2e88e4fbca424a181637491b05d53",
    },
    // A query is put in order.
    Vector {
        session: "",
        region: "us-west-2",
        service: "bedrock",
        method: "GET",
        url: "https://bedrock.us-west-2.amazonaws.com/foundation-models?byProvider=anthropic&byInferenceType=ON_DEMAND",
        headers: &[],
        body: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        signed: "host;x-amz-date",
        signature: "bb0523761c3a7941e02e3ab9fa1913bca609fa9f09779a1859a4b7889d3c8957",
    },
];

#[test]
fn a_signature_is_the_one_that_botocore_makes() {
    for Vector { session, region, service, method, url, headers, body, signed, signature } in VECTORS {
        let request = Request { method, url, headers, body: &sha256(body) };
        let sent = credential(session).prove(request, Scope { region, service }, now()).expect(url);
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/{region}/{service}/aws4_request, \
             SignedHeaders={signed}, Signature={signature}"
        );
        assert_eq!(value(&sent, "authorization"), Some(expected), "{url}");
        assert_eq!(value(&sent, "x-amz-date").as_deref(), Some("20261121T102030Z"), "{url}");
        let token = value(&sent, "x-amz-security-token");
        assert_eq!(token.as_deref().unwrap_or_default(), session.trim_start_matches(':'), "{url}");
    }
}

#[test]
fn a_bedrock_api_key_is_sent_as_it_is() {
    let key = Credential::read(&"ABSKs3cret=".into()).expect("a key");
    let Vector { method, url, headers, body, region, service, .. } = VECTORS[0];
    let request = Request { method, url, headers, body: &sha256(body) };
    let sent = key.prove(request, Scope { region, service }, now()).expect("headers");
    assert_eq!(sent.len(), 1);
    assert_eq!(value(&sent, "authorization").as_deref(), Some("Bearer ABSKs3cret="));
}

#[test]
fn neither_a_secret_nor_a_signature_shows_when_headers_are_printed() {
    let Vector { session, method, url, headers, body, region, service, signature, .. } = VECTORS[0];
    let request = Request { method, url, headers, body: &sha256(body) };
    let credential = credential(session);
    let sent = credential.prove(request, Scope { region, service }, now()).expect("headers");
    assert!(sent.iter().all(|(_, value)| HeaderValue::is_sensitive(value)));
    let printed = format!("{sent:?} {credential:?}");
    for secret in [SECRET, &session[1..], signature] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn what_http_does_not_allow_is_refused_and_not_quoted() {
    let scope = Scope { region: "us-east-1", service: "bedrock" };
    let with_break = [("x-note", "s3cret\nx-other: 1")];
    for (url, headers) in [("not a url s3cret", &[][..]), ("https://host/", &with_break)] {
        let request = Request { method: "POST", url, headers, body: &[0; 32] };
        let refused = credential("").prove(request, scope, now()).expect_err(url);
        assert_eq!(refused, Unsigned::Malformed, "{url}");
        assert!(!refused.to_string().contains("s3cret"));
    }
}
