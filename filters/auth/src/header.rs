//! Where in a request the key stands. It does not look at the key.

use tollgate_api::http::{HeaderMap, HeaderName, header::AUTHORIZATION};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The key that came with the request: `Authorization: Bearer <key>`, else `x-api-key: <key>`.
///
/// Where both are there `Authorization` wins, whatever the other holds, so that a vendor's key
/// left over in a client's `x-api-key` does no harm. Another scheme than `Bearer`, say of a proxy
/// in between, counts as no `Authorization` at all. Of repeated headers the first one counts.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let plain = || headers.get(X_API_KEY).map(|value| value.as_bytes().trim_ascii());
    bearer.or_else(plain).filter(|key| !key.is_empty())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked("Bearer".len())?;
    let separated = key.first().is_some_and(|c| c.is_ascii_whitespace());
    (scheme.eq_ignore_ascii_case(b"Bearer") && separated).then(|| key.trim_ascii())
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
        ];
        for (sent, found) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in *sent {
                headers.append(*name, HeaderValue::from_bytes(value).expect("a header value"));
            }
            assert_eq!(presented(&headers), *found, "{sent:?}");
        }
    }
}
