//! The laws of the guard over texts and addresses made at random.

use std::net::IpAddr;

use proptest::prelude::*;
use tollgate_vault::{Blocked, Guard};

fn closed() -> Guard {
    Guard::new(Vec::new())
}

fn open() -> Guard {
    Guard::new(vec!["10.1.0.0/16".parse().expect("a network")])
}

/// Pieces that parsers disagree about, put together at random.
fn tricky() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "https://",
        "http://",
        "a",
        "example",
        ".com",
        ".",
        "..",
        "-",
        "@",
        ":",
        ":443",
        ":8000",
        "/",
        "//",
        "\\",
        "#",
        "?",
        "[",
        "]",
        "::1",
        "[::1]",
        "[2606:4700::1111]",
        "127.0.0.1",
        "8.8.8.8",
        "10.1.2.3",
        "0x7f",
        "017",
        "%2e",
        "%",
        "localhost",
        ".internal",
        "。",
        "\t",
        "\0",
        "v1",
    ]);
    (prop::bool::weighted(0.9), prop::collection::vec(piece, 0..8))
        .prop_map(|(whole, pieces)| (if whole { "https://" } else { "" }).to_owned() + &pieces.concat())
}

/// What passes means the same to the parser that the calling side uses, and stays where it is.
fn agrees(guard: &Guard, text: &str) -> Result<bool, TestCaseError> {
    let Ok(url) = guard.judge_url(text) else { return Ok(false) };
    for spelling in [text, &url.to_string()] {
        let uri: http::Uri = spelling.parse().map_err(|error| TestCaseError::fail(format!("{spelling:?}: {error}")))?;
        let host = uri.host().map(str::to_ascii_lowercase);
        prop_assert_eq!(host.as_deref(), Some(url.host()));
        prop_assert_eq!(uri.scheme_str(), Some(if url.tls() { "https" } else { "http" }));
        prop_assert_eq!(uri.port_u16().unwrap_or(if url.tls() { 443 } else { 80 }), url.port());
        prop_assert_eq!(uri.path().trim_end_matches('/'), url.path());
        prop_assert_eq!(uri.query(), None);
    }
    match url.literal() {
        Some(ip) => prop_assert!(guard.judge_address(ip).is_ok()),
        None => prop_assert!(url.tls() && url.port() == 443 && url.host().contains('.')),
    }
    prop_assert_eq!(guard.judge_url(&url.to_string()), Ok(url));
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_text_is_judged_without_a_panic(text in any::<String>(), rest in "\\PC{0,40}") {
        let guard = open();
        agrees(&guard, &text)?;
        agrees(&guard, &format!("https://{rest}"))?;
    }

    #[test]
    fn what_passes_means_the_same_to_another_parser(text in tricky()) {
        agrees(&open(), &text)?;
    }

    #[test]
    fn what_looks_like_a_url_means_the_same_to_another_parser(
        text in "https?://([a-zA-Z0-9-]{1,4}\\.){1,3}[a-zA-Z0-9-]{1,4}(:[0-9]{1,5})?(/[a-z%.~0-9]{0,4}){0,3}",
    ) {
        agrees(&open(), &text)?;
    }

    #[test]
    fn a_mapped_or_compatible_address_is_judged_as_the_one_it_means(bits in 2_u32..) {
        let network = |ip| match closed().judge_address(ip) {
            Err(Blocked::Address { network, .. }) => Some(network),
            _ => None,
        };
        let four = std::net::Ipv4Addr::from(bits);
        let expected = network(IpAddr::V4(four));
        prop_assert_eq!(network(IpAddr::V6(four.to_ipv6_mapped())), expected);
        prop_assert_eq!(network(IpAddr::V6(four.to_ipv6_compatible())), expected);
    }

    #[test]
    fn no_address_of_ipv6_outside_global_unicast_passes(bits: u128, zeros in 0_u32..128) {
        let ip = std::net::Ipv6Addr::from(bits >> zeros);
        if closed().judge_address(IpAddr::V6(ip)).is_ok() && ip.to_ipv4().is_none() {
            prop_assert_eq!(ip.to_bits() >> 125, 1);
        }
    }
}

#[test]
fn the_texts_made_up_for_the_laws_above_do_pass_at_times() {
    let guard = open();
    for text in ["https://example.com", "https://[2606:4700::1111]:443/v1", "http://10.1.2.3:8000//", "https://8.8.8.8"]
    {
        assert!(agrees(&guard, text).expect("agrees"), "{text}");
    }
}
