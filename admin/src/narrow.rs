//! Whether what a new key is bound to lies within what its maker is bound to. It stores nothing.
//!
//! It errs on the safe side: some bindings that would be narrower are refused, none that is wider passes.

use std::net::IpAddr;

use ipnet::IpNet;
use tollgate_store::Bindings;

use crate::refusal::{Code, Refusal};

/// Networks in their one spelling.
///
/// # Errors
/// One of them is no network.
pub(crate) fn tidy(bindings: Bindings) -> Result<Bindings, Refusal> {
    let ips = bindings.ips.map(|ips| ips.iter().map(|text| one_spelling(text)).collect::<Result<_, _>>());
    Ok(Bindings { ips: ips.transpose()?, ..bindings })
}

fn one_spelling(text: &str) -> Result<String, Refusal> {
    let network = network(text).ok_or_else(|| {
        Refusal::invalid("one of `ips` is no network", "write each as `192.0.2.0/24` or `2001:db8::/32`")
    })?;
    Ok(network.trunc().to_string())
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Every request that the new bindings allow, the maker's allow too.
///
/// # Errors
/// They may not.
pub(crate) fn within(maker: &Bindings, new: &Bindings) -> Result<(), Refusal> {
    part("models", maker.models.as_deref(), new.models.as_deref(), fits)?;
    part("providers", maker.providers.as_deref(), new.providers.as_deref(), |maker, new| maker == new)?;
    part("ips", maker.ips.as_deref(), new.ips.as_deref(), contains)?;
    match maker.tags.iter().find(|tag| !new.tags.contains(tag)) {
        Some(_) => Err(wider("tags", "keep all tags of the key that makes it")),
        None => Ok(()),
    }
}

fn part(
    name: &'static str,
    maker: Option<&[String]>,
    new: Option<&[String]>,
    covers: impl Fn(&str, &str) -> bool,
) -> Result<(), Refusal> {
    let Some(maker) = maker else { return Ok(()) };
    let covered = |one: &String| maker.iter().any(|of| covers(of, one));
    if new.is_some_and(|new| new.iter().all(covered)) {
        return Ok(());
    }
    Err(wider(name, "name only what the key that makes it is bound to: see `GET /api/v1/manage/me`"))
}

fn wider(name: &str, remedy: &'static str) -> Refusal {
    let message = format!("the `{name}` of this key would allow more than those of the key that makes it");
    Refusal::new(Code::ScopeExceeded, message, remedy)
}

/// The new pattern, read as a plain text, matches the maker's. As `*` stands in no maker's pattern but as
/// the wildcard, whatever the new one's `*` stands for is matched too.
fn fits(maker: &str, new: &str) -> bool {
    let mut parts = maker.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = new.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn contains(maker: &str, new: &str) -> bool {
    match (network(maker), network(new)) {
        (Some(maker), Some(new)) => maker.contains(&new),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plain meaning of a pattern, written in another way.
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
            Some((letter, rest)) => text.first() == Some(letter) && matches(rest, &text[1..]),
        }
    }

    fn some(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(ToString::to_string).collect())
    }

    /// Whether a request passes.
    fn allows(bindings: &Bindings, model: &str, provider: &str, ip: IpAddr) -> bool {
        let Bindings { models, providers, ips, tags: _ } = bindings;
        models.as_ref().is_none_or(|list| list.iter().any(|one| matches(one.as_bytes(), model.as_bytes())))
            && providers.as_ref().is_none_or(|list| list.iter().any(|one| one == provider))
            && ips.as_ref().is_none_or(|list| list.iter().any(|one| network(one).is_some_and(|net| net.contains(&ip))))
    }

    fn any_bindings() -> impl Strategy<Value = Bindings> {
        let list = |of: &'static str| prop::option::of(prop::collection::vec(of, 0..3));
        let ips = prop::option::of(prop::collection::vec(
            (any::<[bool; 2]>(), 0_u8..=32).prop_map(|([a, b], bits)| {
                format!("{}.{}.0.0/{bits}", if a { 10 } else { 192 }, if b { 1 } else { 128 })
            }),
            0..3,
        ));
        (list("[ab*]{1,4}"), list("[pq]"), ips, prop::collection::vec("[st]", 0..3))
            .prop_map(|(models, providers, ips, tags)| Bindings { models, providers, ips, tags })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn no_key_allows_what_its_maker_does_not(
            maker in any_bindings(),
            new in any_bindings(),
            requests in prop::collection::vec(("[ab]{0,5}", "[pq]", any::<[u8; 4]>()), 30),
        ) {
            if within(&maker, &new).is_ok() {
                for (model, provider, ip) in requests {
                    let ip = IpAddr::from(ip);
                    prop_assert!(!allows(&new, &model, &provider, ip) || allows(&maker, &model, &provider, ip));
                }
                prop_assert!(maker.tags.iter().all(|tag| new.tags.contains(tag)));
            }
        }

        #[test]
        fn a_key_may_always_make_its_like(maker in any_bindings()) {
            prop_assert_eq!(within(&maker, &maker), Ok(()));
        }

        #[test]
        fn a_pattern_is_read_as_its_plain_meaning(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            prop_assert_eq!(fits(&pattern, &text), matches(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn narrower_bindings_pass() {
        let maker = Bindings {
            models: some(&["gpt-*", "claude"]),
            providers: some(&["openai", "anthropic"]),
            ips: some(&["10.0.0.0/8", "2001:db8::/32"]),
            tags: vec!["team-a".into()],
        };
        let new = Bindings {
            models: some(&["gpt-4*", "claude"]),
            providers: some(&["openai"]),
            ips: some(&["10.1.0.0/16", "2001:db8:1::/48"]),
            tags: vec!["more".into(), "team-a".into()],
        };
        assert_eq!(within(&maker, &new), Ok(()));
    }

    #[test]
    fn to_name_nothing_is_to_ask_for_everything() {
        let maker = Bindings { models: some(&["gpt-*"]), ..Bindings::default() };
        assert!(within(&maker, &Bindings::default()).is_err());
        assert!(within(&maker, &Bindings { models: some(&["*"]), ..Bindings::default() }).is_err());
    }

    #[test]
    fn an_address_becomes_a_network_in_its_one_spelling() {
        let given = Bindings { ips: some(&["192.0.2.7", "10.9.9.9/8", "2001:DB8::1"]), ..Bindings::default() };
        let tidy = tidy(given).expect("networks");
        assert_eq!(tidy.ips, some(&["192.0.2.7/32", "10.0.0.0/8", "2001:db8::1/128"]));
        let bad = Bindings { ips: some(&["10.0.0.0/33"]), ..Bindings::default() };
        assert!(super::tidy(bad).is_err());
    }
}
