//! What a key is bound to: models, providers, networks, tags. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use tollgate_conf::Pattern;
use tollgate_store::Bindings;

/// The bindings of a key, ready to be asked.
pub(crate) struct Bound {
    models: Option<Vec<Pattern>>,
    providers: Option<Vec<Box<str>>>,
    networks: Option<Vec<IpNet>>,
    /// Tags that each of its requests carries.
    pub(crate) tags: Vec<Box<str>>,
}

impl Bound {
    /// Of what the store has; `None` where that binds to nothing. What cannot be read binds to nothing at
    /// all being allowed, never to everything.
    pub(super) fn of(bindings: &Bindings) -> Option<Box<Self>> {
        let Bindings { models, providers, ips, tags } = bindings;
        if models.is_none() && providers.is_none() && ips.is_none() && tags.is_empty() {
            return None;
        }
        let networks = |ips: &Vec<String>| {
            ips.iter().filter_map(|ip| ip.parse().ok().or_else(|| ip.parse::<IpAddr>().ok().map(IpNet::from))).collect()
        };
        Some(Box::new(Self {
            models: models.as_ref().map(|all| all.iter().map(|m| Pattern::new(m.as_str())).collect()),
            providers: providers.as_ref().map(|all| all.iter().map(|p| p.as_str().into()).collect()),
            networks: ips.as_ref().map(networks),
            tags: tags.iter().map(|tag| tag.as_str().into()).collect(),
        }))
    }

    /// Whether it may ask for this model.
    pub(crate) fn allows_model(&self, asked: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|pattern| pattern.fits(asked)))
    }

    /// Whether its requests may go there.
    pub(crate) fn allows_provider(&self, provider: &str) -> bool {
        self.providers.as_ref().is_none_or(|all| all.iter().any(|allowed| **allowed == *provider))
    }

    /// Whether it may come from there. An address that is not known is not in any network.
    pub(crate) fn allows_ip(&self, ip: Option<IpAddr>) -> bool {
        let Some(networks) = &self.networks else { return true };
        ip.is_some_and(|ip| networks.iter().any(|network| network.contains(&ip.to_canonical())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(bindings: Bindings) -> Box<Bound> {
        Bound::of(&bindings).expect("it binds to something")
    }

    #[test]
    fn a_key_that_is_bound_to_nothing_costs_nothing() {
        assert!(Bound::of(&Bindings::default()).is_none());
    }

    #[test]
    fn a_network_holds_its_addresses_in_either_spelling_and_an_unknown_one_is_in_none() {
        let bound =
            bound(Bindings { ips: Some(vec!["10.1.0.0/16".into(), "192.0.2.7".into()]), ..Bindings::default() });
        for (ip, inside) in
            [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("192.0.2.7", true), ("::1", false)]
        {
            assert_eq!(bound.allows_ip(ip.parse().ok()), inside, "{ip}");
        }
        assert!(!bound.allows_ip(None));
    }

    #[test]
    fn what_cannot_be_read_allows_nothing() {
        let bound = bound(Bindings { ips: Some(vec!["everywhere".into()]), ..Bindings::default() });
        assert!(!bound.allows_ip("10.1.2.3".parse().ok()));
    }

    #[test]
    fn models_are_bound_by_patterns_and_providers_by_name() {
        let bindings = Bindings {
            models: Some(vec!["gpt-*".into()]),
            providers: Some(vec!["openai".into()]),
            ..Bindings::default()
        };
        let bound = bound(bindings);
        assert!(bound.allows_model("gpt-5") && !bound.allows_model("auto"));
        assert!(bound.allows_provider("openai") && !bound.allows_provider("openai2"));
    }
}
