//! Which addresses are not globally routable unicast, and why.
//!
//! It knows nothing of the allow list. Sources: the special-purpose registries of IANA for IPv4 and
//! IPv6, and the addresses that clouds keep for their own services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network that is blocked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) network: &'static str,
    pub(super) what: &'static str,
}

struct Net4(u32, u8, Rule);
struct Net6(u128, u8, Rule);

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8, network: &'static str, what: &'static str) -> Net4 {
    Net4(Ipv4Addr::new(a, b, c, d).to_bits(), length, Rule { network, what })
}

const fn v6(first: [u16; 3], length: u8, network: &'static str, what: &'static str) -> Net6 {
    let [a, b, c] = first;
    Net6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_bits(), length, Rule { network, what })
}

const RULES_4: &[Net4] = &[
    v4(0, 0, 0, 0, 8, "0.0.0.0/8", "this host"),
    v4(10, 0, 0, 0, 8, "10.0.0.0/8", "a private network"),
    v4(100, 64, 0, 0, 10, "100.64.0.0/10", "a carrier's inner network"),
    v4(127, 0, 0, 0, 8, "127.0.0.0/8", "loopback"),
    v4(168, 63, 129, 16, 32, "168.63.129.16/32", "the host of an Azure machine"),
    v4(169, 254, 0, 0, 16, "169.254.0.0/16", "link-local, with the metadata of clouds"),
    v4(172, 16, 0, 0, 12, "172.16.0.0/12", "a private network"),
    v4(192, 0, 0, 0, 24, "192.0.0.0/24", "protocol assignments"),
    v4(192, 0, 2, 0, 24, "192.0.2.0/24", "documentation"),
    v4(192, 88, 99, 0, 24, "192.88.99.0/24", "relays of 6to4"),
    v4(192, 168, 0, 0, 16, "192.168.0.0/16", "a private network"),
    v4(198, 18, 0, 0, 15, "198.18.0.0/15", "benchmarks"),
    v4(198, 51, 100, 0, 24, "198.51.100.0/24", "documentation"),
    v4(203, 0, 113, 0, 24, "203.0.113.0/24", "documentation"),
    v4(224, 0, 0, 0, 4, "224.0.0.0/4", "multicast"),
    v4(255, 255, 255, 255, 32, "255.255.255.255/32", "broadcast"),
    v4(240, 0, 0, 0, 4, "240.0.0.0/4", "reserved"),
];

const RULES_6: &[Net6] = &[
    v6([0x0064, 0xff9b, 0], 96, "64:ff9b::/96", "NAT64"),
    v6([0x0064, 0xff9b, 1], 48, "64:ff9b:1::/48", "NAT64 of one network"),
    v6([0x0100, 0, 0], 64, "100::/64", "discarded"),
    v6([0x2001, 0, 0], 23, "2001::/23", "protocol assignments, with Teredo"),
    v6([0x2001, 0x0db8, 0], 32, "2001:db8::/32", "documentation"),
    v6([0x2002, 0, 0], 16, "2002::/16", "6to4"),
    v6([0x3fff, 0, 0], 20, "3fff::/20", "documentation"),
    v6([0xfc00, 0, 0], 7, "fc00::/7", "a private network"),
    v6([0xfe80, 0, 0], 10, "fe80::/10", "link-local"),
    v6([0xfec0, 0, 0], 10, "fec0::/10", "site-local"),
    v6([0xff00, 0, 0], 8, "ff00::/8", "multicast"),
];

const UNSPECIFIED: Rule = Rule { network: "::/128", what: "this host" };
const LOOPBACK: Rule = Rule { network: "::1/128", what: "loopback" };
const NOT_GLOBAL: Rule = Rule { network: "::/0 outside 2000::/3", what: "not assigned for global unicast" };

/// The rule that blocks this address, if one does.
pub(super) fn rule(ip: IpAddr) -> Option<Rule> {
    match (ip, plain(ip)) {
        (IpAddr::V6(Ipv6Addr::UNSPECIFIED), _) => Some(UNSPECIFIED),
        (IpAddr::V6(Ipv6Addr::LOCALHOST), _) => Some(LOOPBACK),
        (_, IpAddr::V4(ip)) => rule_4(ip),
        (_, IpAddr::V6(ip)) => rule_6(ip),
    }
}

/// The IPv4 address that this one means, where it is IPv6 and means one: mapped
/// (`::ffff:10.0.0.1`) or, as was done once, compatible (`::10.0.0.1`).
pub(super) fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(Ipv6Addr::UNSPECIFIED | Ipv6Addr::LOCALHOST) => ip,
        IpAddr::V6(six) => six.to_ipv4().map_or(ip, IpAddr::V4),
    }
}

fn rule_4(ip: Ipv4Addr) -> Option<Rule> {
    let shares = |Net4(network, length, _): &&Net4| (ip.to_bits() ^ network) >> (32 - length) == 0;
    RULES_4.iter().find(shares).map(|Net4(_, _, rule)| *rule)
}

fn rule_6(ip: Ipv6Addr) -> Option<Rule> {
    let shares = |Net6(network, length, _): &&Net6| (ip.to_bits() ^ network) >> (128 - length) == 0;
    let named = RULES_6.iter().find(shares).map(|Net6(_, _, rule)| *rule);
    named.or_else(|| (ip.segments()[0] >> 13 != 1).then_some(NOT_GLOBAL))
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;

    #[test]
    fn the_rules_name_the_networks_they_block() {
        let four = RULES_4.iter().map(|Net4(bits, length, rule)| (IpAddr::V4((*bits).into()), *length, rule));
        let six = RULES_6.iter().map(|Net6(bits, length, rule)| (IpAddr::V6((*bits).into()), *length, rule));
        for (start, length, named) in four.chain(six) {
            let network: IpNet = named.network.parse().expect("a network");
            assert_eq!((network.network(), network.prefix_len()), (start, length), "{named:?}");
        }
    }

    #[test]
    fn the_first_and_the_last_address_of_a_network_are_blocked_and_their_neighbours_are_judged_alone() {
        let named = RULES_4.iter().map(|net| net.2).chain(RULES_6.iter().map(|net| net.2));
        for network in named.map(|rule| rule.network.parse::<IpNet>().expect("a network")) {
            assert!(rule(network.network()).is_some(), "{network}");
            assert!(rule(network.broadcast()).is_some(), "{network}");
        }
        let public = "\
        1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 \
        168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 \
        192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
        198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 2000:: 2001:200:: \
        2001:db7:ffff:: 2001:db9:: 2001:ffff::1 2003:: 3ffe:ffff:: 3fff:1000:: 2606:4700::1111 \
        ::ffff:8.8.8.8";
        for ip in public.split(' ') {
            assert!(rule(ip.parse().expect("an address")).is_none(), "{ip}");
        }
    }
}
