//! The guard against server-side request forgery: where a tenant's base URL may lead.
//!
//! It resolves no names and connects to nothing; it judges text and addresses. Everything that is
//! not plainly allowed is refused: an empty allow list allows no private network, and there is no
//! switch that turns the guard off.

mod address;
mod refused;
mod url;

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

pub use refused::Blocked;
pub use url::SafeUrl;

/// Judges base URLs that tenants give, and the addresses that names resolve to.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<IpNet>,
}

impl Guard {
    /// A guard that lets these networks through, besides what is public: the operator's models
    /// on their own premises.
    #[must_use]
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Takes a base URL apart that a tenant gave.
    ///
    /// A name that passes has still to be resolved, and what it resolves to goes through
    /// [`Self::pick`]: before each connection, as a name can change its mind.
    ///
    /// # Errors
    /// When it is anything else than `https://name/path` or an address that may be called.
    pub fn judge_url(&self, url: &str) -> Result<SafeUrl, Blocked> {
        url::judge(self, url)
    }

    /// Whether this address may be called: it is globally routable unicast, or in the allow list.
    ///
    /// An IPv6 address that means an IPv4 address (`::ffff:10.0.0.1`) is judged as that one.
    ///
    /// # Errors
    /// When it is neither.
    pub fn judge_address(&self, ip: IpAddr) -> Result<(), Blocked> {
        if self.allows(ip) {
            return Ok(());
        }
        match address::rule(ip) {
            None => Ok(()),
            Some(rule) => Err(Blocked::Address { ip, network: rule.network, what: rule.what }),
        }
    }

    /// The one address to connect to, out of all that a name resolved to.
    ///
    /// One blocked address among them blocks all: a name that mixes public and private addresses
    /// is made to get past a check that looks at one and connects to another.
    ///
    /// # Errors
    /// When there is none, and when any of them is blocked.
    pub fn pick(&self, resolved: &[SocketAddr]) -> Result<SocketAddr, Blocked> {
        for address in resolved {
            self.judge_address(address.ip())?;
        }
        resolved.first().copied().ok_or(Blocked::NoAddress)
    }

    /// Whether the operator allowed it, as it is written or as the IPv4 address it means.
    fn allows(&self, ip: IpAddr) -> bool {
        let plain = address::plain(ip);
        self.allow.iter().any(|network| network.contains(&ip) || network.contains(&plain))
    }
}
