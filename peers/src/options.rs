//! How to reach Redis, how long to wait for it, and under which names to keep what.

use std::time::Duration;

use redis::Client;

/// How nodes talk to Redis. All nodes that share a namespace should agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What separates this deployment from others in the same Redis.
    pub namespace: String,
    /// How long a request waits for Redis before its node counts for itself.
    pub timeout: Duration,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long Redis is left alone after it did not answer.
    pub pause: Duration,
    /// How long a slot stays taken whose node never gave it back.
    pub open_max: Duration,
    /// How many ends of requests may wait to be told to Redis.
    pub queue_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            timeout: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(1),
            pause: Duration::from_secs(1),
            open_max: Duration::from_secs(15 * 60),
            queue_max: 8192,
        }
    }
}

/// Why Redis cannot be talked to, whether it is there or not. No message repeats the address: it
/// may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Not an address of Redis.
    #[error("the address of Redis is not understood; write redis://[user:password@]host:port[/db]")]
    Address,
    /// The address asks for TLS.
    #[error("this binary does not speak TLS to Redis; write redis:// and put both in one private network")]
    Tls,
    /// Not a namespace.
    #[error("the Redis namespace may only have letters, digits, `-`, `_` and `.`, and 1 to 64 of them")]
    Namespace,
    /// Nothing can run in the background here.
    #[error("there is no runtime to keep the connection to Redis; connect from inside of one")]
    NoRuntime,
}

pub(crate) fn client(url: &str) -> Result<Client, ConnectError> {
    if url.starts_with("rediss://") || url.starts_with("valkeys://") {
        return Err(ConnectError::Tls);
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(ConnectError::NoRuntime);
    }
    Client::open(url).map_err(|_| ConnectError::Address)
}

/// Every name in Redis.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(namespace: &str) -> Result<Self, ConnectError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=64).contains(&namespace.len()) || !namespace.chars().all(plain) {
            return Err(ConnectError::Namespace);
        }
        Ok(Self { prefix: format!("tollgate:{{{namespace}}}:") })
    }

    pub(crate) fn changes(&self) -> String {
        format!("{}changes", self.prefix)
    }

    pub(crate) fn health(&self) -> String {
        format!("{}health", self.prefix)
    }

    /// A count of somebody: `limit:key:abcd:rpm`.
    pub(crate) fn count(&self, kind: &str, id: &str, what: &str) -> String {
        format!("{}limit:{kind}:{id}:{what}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_cannot_break_out_of_its_hash_tag() {
        for bad in ["", "a}b", "a{b", "a b", "ä", &"x".repeat(65)] {
            assert_eq!(Names::new(bad).err(), Some(ConnectError::Namespace), "{bad:?}");
        }
        assert_eq!(
            Names::new("eu-1").map(|n| n.count("key", "k1", "rpm")),
            Ok("tollgate:{eu-1}:limit:key:k1:rpm".into())
        );
    }

    #[tokio::test]
    async fn a_wrong_address_is_told_without_repeating_it() {
        for (url, wanted) in [
            ("http://user:hunter2@host", ConnectError::Address),
            ("hunter2", ConnectError::Address),
            ("rediss://user:hunter2@host", ConnectError::Tls),
        ] {
            let error = client(url).expect_err("not an address that can be used");
            assert_eq!(error, wanted);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn without_a_runtime_it_says_so_instead_of_breaking() {
        assert_eq!(client("redis://127.0.0.1").err(), Some(ConnectError::NoRuntime));
    }
}
