//! A base URL that a tenant gave, taken apart by hand.
//!
//! It understands far less than a URL can say, on purpose: what two parsers might read differently
//! is refused, so that what was judged is what is called.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Blocked, Guard};

/// The longest base URL, in bytes.
const URL_MAX: usize = 2048;
/// The longest name of DNS and its longest label, in bytes.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Ends of names that lead to this machine or into this network.
const INNER: [&str; 5] = ["localhost", "local", "internal", "localdomain", "home.arpa"];

/// A base URL that a guard let pass: only [`Guard::judge_url`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SafeUrl {
    host: Host,
    port: u16,
    tls: bool,
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Host {
    text: String,
    literal: Option<IpAddr>,
}

impl SafeUrl {
    /// The host in small letters: a name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host.text
    }

    /// The host, where it is an address: it needs no resolving.
    #[must_use]
    pub fn literal(&self) -> Option<IpAddr> {
        self.host.literal
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is encrypted.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The path without the `/` at its end; empty for the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The URL in its one spelling: the form to keep, and to bind a credential to.
impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, tls, path } = self;
        let (scheme, usual) = scheme(*tls);
        match *port == usual {
            true => write!(f, "{scheme}{}{path}", host.text),
            false => write!(f, "{scheme}{}:{port}{path}", host.text),
        }
    }
}

fn scheme(tls: bool) -> (&'static str, u16) {
    if tls { ("https://", 443) } else { ("http://", 80) }
}

pub(super) fn judge(guard: &Guard, url: &str) -> Result<SafeUrl, Blocked> {
    if url.len() > URL_MAX {
        return Err(Blocked::TooLong);
    }
    if !url.bytes().all(|c| c.is_ascii_graphic() && c != b'\\') {
        return Err(Blocked::Character);
    }
    let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(Blocked::Scheme),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(Blocked::UserInfo);
    }
    if path.contains(['?', '#']) {
        return Err(Blocked::Query);
    }
    let (host, port) = split(authority)?;
    let host = judge_host(guard, host)?;
    let allowed = host.literal.is_some_and(|ip| guard.allows(ip));
    if !tls && !allowed {
        return Err(Blocked::Plain);
    }
    let port = port.map_or(Ok(scheme(tls).1), read_port)?;
    if port != 443 && !allowed {
        return Err(Blocked::Port);
    }
    Ok(SafeUrl { host, port, tls, path: judge_path(path)? })
}

/// Host, and the port where there is a `:` for one.
fn split(authority: &str) -> Result<(&str, Option<&str>), Blocked> {
    let end = match authority.starts_with('[') {
        true => authority.find(']').ok_or(Blocked::Host)? + 1,
        false => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(Blocked::Host),
    }
}

fn read_port(text: &str) -> Result<u16, Blocked> {
    let plain = text.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain).ok_or(Blocked::Port)
}

fn judge_host(guard: &Guard, host: &str) -> Result<Host, Blocked> {
    let text = host.to_ascii_lowercase();
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let literal = match inside {
        Some(inside) => Some(IpAddr::V6(inside.parse::<Ipv6Addr>().map_err(|_| Blocked::OddAddress)?)),
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    };
    match literal {
        Some(ip) if inside.unwrap_or(&text) != ip.to_string() => return Err(Blocked::OddAddress),
        Some(ip) => guard.judge_address(ip)?,
        None => judge_name(&text)?,
    }
    Ok(Host { text, literal })
}

fn judge_name(name: &str) -> Result<(), Blocked> {
    let known = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > NAME_MAX || !name.split('.').all(known) {
        return Err(Blocked::Host);
    }
    // No top-level domain begins with a digit, and every way to write an address as numbers
    // (127.1, 0x7f.1, 017700000001) has one as the start of its last part.
    let (_, last) = name.rsplit_once('.').unwrap_or(("", name));
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Blocked::OddAddress);
    }
    let is_inner = |end: &&&str| name.strip_suffix(**end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if let Some(end) = INNER.iter().find(is_inner) {
        return Err(Blocked::InnerName(end));
    }
    if last == name { Err(Blocked::Host) } else { Ok(()) }
}

fn judge_path(path: &str) -> Result<String, Blocked> {
    let path = path.trim_end_matches('/');
    let mut steps = path.split('/').skip(1);
    if steps.all(is_step) { Ok(path.to_owned()) } else { Err(Blocked::Path) }
}

/// A step of a path as RFC 3986 has it, without those that lead elsewhere: empty, `.`, `..`, and
/// any that could be one of them, or two steps, once `%` is undone.
fn is_step(step: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&c);
    let mut bytes = step.bytes();
    while let Some(c) = bytes.next() {
        let fine = match c {
            b'%' => undone(bytes.next(), bytes.next()).is_some_and(|c| !c.is_ascii_control() && !b"./\\%".contains(&c)),
            c => plain(c),
        };
        if !fine {
            return false;
        }
    }
    !matches!(step, "" | "." | "..")
}

fn undone(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |c: Option<u8>| char::from(c?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
