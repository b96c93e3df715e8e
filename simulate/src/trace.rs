//! The trace that a request belongs to, as its `traceparent` header says (W3C Trace Context, version 00).

use http::HeaderMap;

/// The trace id: 32 hexadecimal digits, lower case. `None` without a header, or with one that is none.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let parts: Vec<&str> = headers.get("traceparent")?.to_str().ok()?.split('-').collect();
    let ["00", trace, parent, flags] = parts[..] else {
        return None;
    };
    (is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2)).then_some(trace)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_trace_id_is_read_from_a_whole_header_or_not_at_all() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |text: String| {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static("traceparent"),
                HeaderValue::try_from(text).expect("a value"),
            )]);
            trace_id(&headers).map(str::to_owned)
        };
        assert_eq!(of(format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        assert_eq!(of(format!("00-{id}-00f067aa0ba902b7-00")).as_deref(), Some(id));
        let broken =
            [id.to_owned(), format!("00-{id}-00f067aa0ba902b7"), format!("00-{}-00f067aa0ba902b7-01", &id[1..])];
        let upper = format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase());
        assert!(broken.into_iter().chain([upper]).all(|text| of(text).is_none()));
    }
}
