//! Why a base URL or an address is blocked: the rule and what to do about it.
//!
//! It never repeats a URL, as people put credentials into them, nor in its text the address a name
//! resolved to, which would tell a tenant what the operator's name server knows.

use std::net::IpAddr;

use thiserror::Error;

/// Why a base URL or an address is blocked.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Blocked {
    /// Longer than any base URL.
    #[error("this URL is longer than 2048 bytes: write `https://host/path`, and nothing else")]
    TooLong,
    /// A space, a control character, a backslash, or something else that parsers read differently.
    #[error(
        "this URL has a space, a backslash, a control character or one that is not ASCII: write `https://host/path`"
    )]
    Character,
    /// Neither `https://` nor `http://`.
    #[error("this is no URL of HTTPS: begin it with `https://`, in small letters")]
    Scheme,
    /// Not encrypted, and not to an address of the allow list.
    #[error(
        "`http://` is only for addresses in `vault.allow_networks`: write `https://`, \
         or have the operator add the address there"
    )]
    Plain,
    /// A name or password before the host.
    #[error("a URL with `@` before its host hides where it leads: leave out what is before the host")]
    UserInfo,
    /// `?` or `#`.
    #[error("a base URL has no `?` and no `#`: end it with its path")]
    Query,
    /// A path that is read as another path by some.
    #[error(
        "the path of this URL has an empty step, `.`, `..`, an odd `%` or an odd character: write out where it leads"
    )]
    Path,
    /// No port, or one that this host may not be called at.
    #[error(
        "only port 443 may be called, others only at addresses in `vault.allow_networks`: leave the port out, \
         or have the operator add the address there"
    )]
    Port,
    /// Not a name of DNS.
    #[error("the host of this URL is no full name of DNS: write one like `api.example.com`, without a dot at its end")]
    Host,
    /// A name for this machine or this network.
    #[error(
        "this name is for use inside a network ({0}): use a public name, or an address that the operator adds to \
         `vault.allow_networks`"
    )]
    InnerName(
        /// What it ends in.
        &'static str,
    ),
    /// An address in another spelling than the usual one.
    #[error(
        "this is an odd spelling of an address: write it like `192.0.2.1`, or `[2001:db8::1]` in its shortest form"
    )]
    OddAddress,
    /// An address that is not public.
    #[error(
        "this leads into {network} ({what}), which is not public: use a public host, or have the operator add its \
         network to `vault.allow_networks`"
    )]
    Address {
        /// The address, for the operator's log.
        ip: IpAddr,
        /// The network of the rule.
        network: &'static str,
        /// What that network is.
        what: &'static str,
    },
    /// A name without addresses.
    #[error("this name resolves to no address: correct it, or ask whoever runs its DNS")]
    NoAddress,
}
