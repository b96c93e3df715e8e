//! The corpus of the guard: what a tenant may name, and where a name may lead.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use tollgate_vault::{Blocked, Guard, SafeUrl};

fn allowing(networks: &[&str]) -> Guard {
    Guard::new(networks.iter().map(|network| network.parse::<IpNet>().expect("a network")).collect())
}

fn closed() -> Guard {
    allowing(&[])
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn parts(url: &SafeUrl) -> (bool, &str, u16, &str) {
    (url.tls(), url.host(), url.port(), url.path())
}

#[test]
fn a_public_name_and_a_public_address_pass() {
    let cases = [
        ("https://api.openai.com/v1", (true, "api.openai.com", 443, "/v1")),
        ("https://api.openai.com:443/v1/", (true, "api.openai.com", 443, "/v1")),
        ("https://API.Example.COM", (true, "api.example.com", 443, "")),
        ("https://a-b.xn--bcher-kva.example/", (true, "a-b.xn--bcher-kva.example", 443, "")),
        ("https://1.2.example.de/a%20b/c:d@e", (true, "1.2.example.de", 443, "/a%20b/c:d@e")),
        ("https://localhost.example.com", (true, "localhost.example.com", 443, "")),
        ("https://notlocal.com", (true, "notlocal.com", 443, "")),
        ("https://8.8.8.8/v1", (true, "8.8.8.8", 443, "/v1")),
        ("https://[2606:4700::1111]", (true, "[2606:4700::1111]", 443, "")),
        ("https://[::ffff:8.8.8.8]", (true, "[::ffff:8.8.8.8]", 443, "")),
    ];
    for (text, expected) in cases {
        let url = closed().judge_url(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parts(&url), expected, "{text}");
        assert_eq!(closed().judge_url(&url.to_string()), Ok(url.clone()), "{text}");
        assert_eq!(url.literal(), url.host().trim_matches(['[', ']']).parse().ok(), "{text}");
    }
}

#[test]
fn odd_spellings_of_addresses_are_refused() {
    let hosts = "\
        127.1 127.0.1 1 0 2130706433 017700000001 0x7f000001 0x7f.1 0X7F.0.0.1 0x7f.0x0.0x0.0x1 0177.0.0.1 \
        127.0.0.01 127.0.0.0x1 0000127.0.0.1 127.0.0.1.1 256.256.256.256 a.127 a.0x7f example.0x 4294967297 \
        169.254.43518 0251.0376.0251.0376 0xa9fea9fe 2852039166 1.2.3.4.5 [0:0:0:0:0:0:0:1] [::0] [0::1] \
        [::ffff:7f00:1] [::ffff:127.1] [::FFFF:7F00:1] [fe80::1%25eth0] [fe80::1%eth0] [127.0.0.1] [] [v1.a] \
        [2606:4700:0::1111] [02606::1] [:::1] [[::1]]";
    for host in hosts.split(' ') {
        for text in [format!("https://{host}/v1"), format!("https://{host}:443")] {
            let blocked = closed().judge_url(&text).expect_err(&text);
            assert!(matches!(blocked, Blocked::OddAddress | Blocked::Host), "{text}: {blocked:?}");
            assert!(allowing(&["127.0.0.0/8", "::1/128", "169.254.0.0/16"]).judge_url(&text).is_err(), "{text}");
        }
    }
}

#[test]
fn addresses_that_are_not_public_are_refused_as_text_and_resolved() {
    let addresses = "\
        0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 \
        127.255.255.254 168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 \
        192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 \
        224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::2 ::ffff:127.0.0.1 \
        ::ffff:169.254.169.254 ::ffff:10.0.0.1 ::ffff:0.0.0.0 ::127.0.0.1 ::169.254.169.254 ::10.0.0.1 \
        64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 64:ff9b:1:ffff::1 100::1 100:0:0:1::1 2001::1 \
        2001:0:4136:e378::1 2001:2::1 2001:10::1 2001:1ff::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 \
        3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 fe80::1 febf::1 \
        fec0::1 feff::1 ff02::1 ffff::1 1::1 ::ffff:0:127.0.0.1";
    for text in addresses.split(' ') {
        let address = ip(text);
        let blocked = closed().judge_address(address).expect_err(text);
        assert!(matches!(blocked, Blocked::Address { ip, .. } if ip == address), "{text}: {blocked:?}");
        assert!(blocked.to_string().contains("`vault.allow_networks`"), "{blocked}");
        assert_eq!(closed().pick(&[SocketAddr::new(address, 443)]), Err(blocked), "{text}");
        let host = SocketAddr::new(address, 443);
        for url in [format!("https://{host}/v1"), format!("http://{host}")] {
            assert_eq!(closed().judge_url(&url), Err(blocked), "{url}");
        }
    }
}

/// All of these, for this reason.
fn refused(texts: &[&str], expected: Blocked) {
    for text in texts {
        assert_eq!(closed().judge_url(text).expect_err(text), expected, "{text:?}");
    }
}

#[test]
fn what_is_before_the_host_is_refused() {
    let texts = [
        "https://user@example.com",
        "https://example.com@127.0.0.1/",
        "https://example.com:443@127.0.0.1/",
        "https://@example.com",
    ];
    refused(&texts, Blocked::UserInfo);
}

#[test]
fn a_question_mark_and_a_hash_are_refused() {
    let texts = [
        "https://127.0.0.1#@example.com/",
        "https://example.com#@127.0.0.1/",
        "https://example.com?@127.0.0.1/",
        "https://example.com/v1?a=b",
        "https://example.com/#",
    ];
    refused(&texts, Blocked::Query);
}

#[test]
fn what_parsers_drop_or_rewrite_is_refused() {
    let texts = [
        "https://127.0.0.1\\@example.com/",
        "https://example.com\\.127.0.0.1",
        "https://example.com/a\\b",
        " https://example.com",
        "https://example.com ",
        "https://exam ple.com",
        "https://example.com\r\nHost: 127.0.0.1",
        "https://exa\tmple.com",
        "https://example.com\0",
        "https://example.com\x7f",
        "https://example。com",
        "https://127．0．0．1",
        "https://①②⑦.⓪.⓪.①",
        "https://ⓛocalhost.com",
        "https://bücher.example",
        "https://example.com/\u{202e}",
        "https://example.com/\u{a0}",
    ];
    refused(&texts, Blocked::Character);
}

#[test]
fn only_https_is_a_scheme() {
    let texts = [
        "",
        "example.com",
        "//example.com",
        "https:example.com",
        "https:/example.com",
        "HTTPS://example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com",
        "unix:///run/docker.sock",
    ];
    refused(&texts, Blocked::Scheme);
}

#[test]
fn without_tls_only_the_allow_list_is_called() {
    let texts = ["http://example.com", "http://8.8.8.8"];
    refused(&texts, Blocked::Plain);
}

#[test]
fn what_is_no_full_name_is_refused() {
    let texts = [
        "https://",
        "https:///v1",
        "https:////example.com",
        "https://:443",
        "https://localhost.",
        "https://example.com.",
        "https://.example.com",
        "https://example..com",
        "https://example",
        "https://-a.example.com",
        "https://a-.example.com",
        "https://a_b.example.com",
        "https://%6c%6f%63%61%6c.com",
        "https://127%2e0.0.1",
        "https://[::1",
        "https://[::1]x",
        "https://[2606:4700::1111]example.com",
        "https://x[::1]",
        "https://example.com,127.0.0.1",
    ];
    refused(&texts, Blocked::Host);
}

#[test]
fn other_ports_and_odd_spellings_of_ports_are_refused() {
    let texts = [
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:0443",
        "https://example.com:+443",
        "https://example.com:443:443",
        "https://example.com:65979",
        "https://example.com:80",
        "https://example.com:22",
        "https://8.8.8.8:6379",
    ];
    refused(&texts, Blocked::Port);
}

#[test]
fn a_path_that_is_read_as_another_is_refused() {
    let texts = [
        "https://example.com/..",
        "https://example.com/a/../b",
        "https://example.com/./a",
        "https://example.com/%2e%2e/a",
        "https://example.com/a%2Fb",
        "https://example.com/a%5cb",
        "https://example.com/a%252e",
        "https://example.com/a%0d%0ab",
        "https://example.com/a%00",
        "https://example.com/a%",
        "https://example.com/a%4",
        "https://example.com/a%zz",
        "https://example.com/a//b",
        "https://example.com/a|b",
        "https://example.com/a\"b",
    ];
    refused(&texts, Blocked::Path);
}

#[test]
fn names_for_use_inside_a_network_are_refused() {
    for name in "\
        localhost LOCALHOST a.localhost a.b.LocalHost printer.local local metadata.google.internal \
        instance-data.ec2.internal host.docker.internal internal localhost.localdomain nas.home.arpa"
        .split(' ')
    {
        let blocked = closed().judge_url(&format!("https://{name}/v1")).expect_err(name);
        assert!(matches!(blocked, Blocked::InnerName(_)), "{name}: {blocked:?}");
        assert!(allowing(&["10.0.0.0/8"]).judge_url(&format!("https://{name}")).is_err(), "{name}");
    }
}

#[test]
fn lengths_are_bounded() {
    let label = "a".repeat(63);
    let longest = format!("https://{label}.{label}.{label}.{}.com", "b".repeat(57));
    assert!(closed().judge_url(&longest).is_ok());
    assert_eq!(closed().judge_url(&longest.replace(".com", ".comm")), Err(Blocked::Host));
    assert_eq!(closed().judge_url(&format!("https://a{label}.com")), Err(Blocked::Host));
    let long = |length: usize| format!("https://a.com/{}", "a".repeat(length - 14));
    assert!(closed().judge_url(&long(2048)).is_ok());
    assert_eq!(closed().judge_url(&long(2049)), Err(Blocked::TooLong));
}

#[test]
fn an_allow_list_lets_its_networks_through_and_nothing_else() {
    let guard = allowing(&["10.1.0.0/16"]);
    for inside in ["10.1.0.0", "10.1.2.3", "10.1.255.255", "::ffff:10.1.2.3"] {
        assert_eq!(guard.judge_address(ip(inside)), Ok(()), "{inside}");
        let host = SocketAddr::new(ip(inside), 8000);
        assert_eq!(guard.pick(&[host]), Ok(host));
        for (scheme, tls) in [("http", false), ("https", true)] {
            let url = guard.judge_url(&format!("{scheme}://{host}/v1")).expect(inside);
            assert_eq!((url.tls(), url.port(), url.literal()), (tls, 8000, Some(ip(inside))));
            assert_eq!(url.to_string(), format!("{scheme}://{host}/v1"));
        }
    }
    assert_eq!(
        guard.judge_url("http://10.1.2.3").map(|url| (url.port(), url.to_string())),
        Ok((80, "http://10.1.2.3".into()))
    );
    for outside in "\
        10.0.255.255 10.2.0.0 10.0.0.1 127.0.0.1 169.254.169.254 192.168.1.1 ::1 fd00::1 ::ffff:10.2.0.0 \
        2002:a01:203::1 64:ff9b::a01:203"
        .split(' ')
    {
        assert!(guard.judge_address(ip(outside)).is_err(), "{outside}");
        assert!(guard.judge_url(&format!("https://{}", SocketAddr::new(ip(outside), 443))).is_err(), "{outside}");
    }
    assert_eq!(guard.judge_url("https://example.com:8000"), Err(Blocked::Port));
    assert_eq!(guard.judge_url("http://example.com"), Err(Blocked::Plain));
    assert_eq!(guard.judge_url("https://8.8.8.8:8000"), Err(Blocked::Port));
}

#[test]
fn an_allow_list_may_name_what_is_blocked_by_name() {
    let guard = allowing(&["::1/128", "fd12:3456::/32", "127.0.0.1/32"]);
    for (address, passes) in [("::1", true), ("fd12:3456::1", true), ("fd12:3457::1", false), ("127.0.0.1", true)] {
        assert_eq!(guard.judge_address(ip(address)).is_ok(), passes, "{address}");
    }
    assert!(guard.judge_address(ip("127.0.0.2")).is_err());
}

#[test]
fn one_blocked_address_blocks_a_name_whatever_its_place() {
    let [public, other, inner] = ["8.8.8.8:443", "[2606:4700::1111]:443", "169.254.169.254:443"]
        .map(|text| text.parse::<SocketAddr>().expect("an address"));
    let guard = closed();
    assert_eq!(guard.pick(&[public, other]), Ok(public));
    assert_eq!(guard.pick(&[other, public]), Ok(other));
    for mixed in [&[inner, public, other][..], &[public, inner, other], &[public, other, inner], &[inner]] {
        assert!(matches!(guard.pick(mixed), Err(Blocked::Address { ip, .. }) if ip == inner.ip()), "{mixed:?}");
    }
    assert_eq!(guard.pick(&[]), Err(Blocked::NoAddress));
}

#[test]
fn a_refusal_repeats_no_url_and_no_resolved_address() {
    let error = closed().judge_url("https://user:sk-secret@example.com").expect_err("userinfo");
    assert!(!format!("{error} {error:?}").contains("sk-secret"));
    let error = closed().pick(&[SocketAddr::new(ip("10.20.30.40"), 443)]).expect_err("private");
    assert!(!error.to_string().contains("10.20.30.40") && error.to_string().contains("10.0.0.0/8"), "{error}");
}
