//! Where in a request the key stands. It does not look at the key.

use tollgate_api::http::{HeaderMap, HeaderName, header::AUTHORIZATION};

/// Where clients of Anthropic, Google and Azure put it.
const PLAIN: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];

/// The key that came with the request: `Authorization: Bearer <key>`, else `x-api-key: <key>`,
/// `x-goog-api-key` or `api-key`.
///
/// Amazon's clients send a bearer over TLS alone, and sign what they send in clear text: then the key
/// is the id of the credential that they sign with. The signature proves nothing here; the key does.
///
/// Where both are there `Authorization` wins, whatever the other holds, so that a vendor's key
/// left over in a client's `x-api-key` does no harm. Another scheme, say of a proxy in between,
/// counts as no `Authorization` at all. Of repeated headers the first one counts.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer =
        headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()).or_else(|| signer(value.as_bytes())));
    let plain = || PLAIN.iter().find_map(|name| headers.get(name)).map(|value| value.as_bytes().trim_ascii());
    bearer.or_else(plain).filter(|key| !key.is_empty())
}

/// The key in a query, `?key=<key>`, as older clients of Google send it.
#[must_use]
pub fn presented_in_query(query: &str) -> Option<&[u8]> {
    let key = query.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    (!key.is_empty()).then_some(key.as_bytes())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked("Bearer".len())?;
    let separated = key.first().is_some_and(|c| c.is_ascii_whitespace());
    (scheme.eq_ignore_ascii_case(b"Bearer") && separated).then(|| key.trim_ascii())
}

/// The id in `AWS4-HMAC-SHA256 Credential=<id>/<date>/<region>/<service>/aws4_request, …`.
fn signer(value: &[u8]) -> Option<&[u8]> {
    let signed = value.strip_prefix(b"AWS4-HMAC-SHA256 ")?.trim_ascii_start();
    signed.strip_prefix(b"Credential=")?.split(|byte| *byte == b'/').next()
}

#[cfg(test)]
mod tests {
    use tollgate_api::http::HeaderValue;

    use super::*;

    type Sent = &'static [(&'static str, &'static [u8])];

    #[test]
    fn the_key_is_found_where_clients_put_it() {
        let cases: &[(Sent, Option<&[u8]>)] = &[
            (&[], None),
            (&[("authorization", b"Bearer k1")], Some(b"k1")),
            (&[("authorization", b"bEARER   k1 ")], Some(b"k1")),
            (&[("authorization", b"Bearer\tk1")], Some(b"k1")),
            (&[("x-api-key", b" k2")], Some(b"k2")),
            (&[("x-goog-api-key", b"k2")], Some(b"k2")),
            (&[("api-key", b"k2")], Some(b"k2")),
            (&[("authorization", b"Bearer k1"), ("x-api-key", b"k2")], Some(b"k1")),
            (&[("authorization", b"Bearer k1"), ("authorization", b"Bearer k3")], Some(b"k1")),
            (&[("authorization", b"Basic dTpw"), ("x-api-key", b"k2")], Some(b"k2")),
            (&[("authorization", b"Basic dTpw")], None),
            (&[("authorization", b"Bearerk1")], None),
            (&[("authorization", b"Bearer")], None),
            (&[("authorization", b"Bearer  ")], None),
            (&[("authorization", b"B")], None),
            (&[("x-api-key", b"")], None),
            (&[("authorization", b"Bearer \xff'; --")], Some(b"\xff'; --")),
            (
                &[("authorization", b"AWS4-HMAC-SHA256 Credential=k4/20261121/r/bedrock/aws4_request, Signature=0")],
                Some(b"k4"),
            ),
            (&[("authorization", b"AWS4-HMAC-SHA256 Credential=/x"), ("x-api-key", b"")], None),
            (&[("authorization", b"AWS4-HMAC-SHA256 Signature=0"), ("x-api-key", b"k2")], Some(b"k2")),
            (&[("authorization", b"AWS4-HMAC-SHA256")], None),
        ];
        for (sent, found) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in *sent {
                headers.append(*name, HeaderValue::from_bytes(value).expect("a header value"));
            }
            assert_eq!(presented(&headers), *found, "{sent:?}");
        }
    }

    #[test]
    fn a_key_in_the_query_is_found_among_other_pairs() {
        for (query, key) in [
            ("key=k", Some(&b"k"[..])),
            ("alt=sse&key=k&x=1", Some(b"k")),
            ("monkey=k", None),
            ("key=", None),
            ("", None),
        ] {
            assert_eq!(presented_in_query(query), key, "{query}");
        }
    }
}
