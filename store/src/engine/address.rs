//! What a database URL says. It connects to nothing, and repeats no URL: there may be a password in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

const CONNECT: Duration = Duration::from_secs(3);
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Where systems keep the certificates of those they trust.
const ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where a database is.
pub(super) enum Address {
    File(PathBuf),
    Server(Box<Server>),
}

/// A PostgreSQL server, and how to speak with it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) config: Config,
    pub(super) tls: Option<MakeRustlsConnect>,
    /// `host:port`, for messages.
    pub(super) name: String,
    /// To be struck out of messages.
    pub(super) password: Option<SecretString>,
}

impl Address {
    pub(super) fn read(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(StoreError::invalid("the database URL names no file", "write sqlite:<path of a file>"));
            }
            return Ok(Self::File(path.into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Server::read(url).map(|server| Self::Server(Box::new(server)));
        }
        Err(StoreError::invalid(
            "the database URL is of no kind that Tollgate knows",
            "write sqlite:<path> or postgres://user:password@host/name",
        ))
    }
}

impl Server {
    fn read(url: &str) -> Result<Self, StoreError> {
        let (url, roots, tls) = tls_words(url);
        let mut config: Config = url.parse().map_err(|_| {
            StoreError::invalid(
                "the database URL cannot be read",
                "write postgres://user:password@host:5432/name?sslmode=require, with %40 for an @ in the password",
            )
        })?;
        let tls = tls || config.get_ssl_mode() == SslMode::Require;
        if tls {
            config.ssl_mode(SslMode::Require);
        }
        config
            .connect_timeout(CONNECT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(3)
            .tcp_user_timeout(3 * KEEPALIVE)
            .application_name("tollgate");
        let tls = if tls { Some(trusting(roots.as_deref())?) } else { None };
        let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned().into());
        Ok(Self { name: name(&config), config, tls, password })
    }
}

/// Takes out what libpq knows and the client does not: `sslmode=verify-…` and `sslrootcert`.
fn tls_words(url: &str) -> (String, Option<PathBuf>, bool) {
    let Some((place, options)) = url.split_once('?') else { return (url.to_owned(), None, false) };
    let (mut roots, mut tls, mut rest) = (None, false, Vec::new());
    for option in options.split('&') {
        match option.split_once('=') {
            Some(("sslrootcert", path)) => roots = Some(PathBuf::from(path.replace("%2F", "/"))),
            Some(("sslmode", "verify-ca" | "verify-full")) => tls = true,
            _ => rest.push(option),
        }
    }
    (format!("{place}?{}", rest.join("&")), roots, tls)
}

/// TLS that checks the server's certificate and name, for `require` too.
fn trusting(roots: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let file = match roots {
        Some(path) => path,
        None => ROOTS.iter().map(Path::new).find(|path| path.exists()).ok_or_else(|| {
            StoreError::invalid("this machine has no file of trusted certificates", "name one: &sslrootcert=<path>")
        })?,
    };
    let unreadable = |why: String| {
        StoreError::invalid(
            format!("{}: {why}", file.display()),
            "name a PEM file of certificates: &sslrootcert=<path>",
        )
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(error.to_string()))?;
    let mut store = RootCertStore::empty();
    if store.add_parsable_certificates(certificates).0 == 0 {
        return Err(unreadable("no certificate in it".into()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn name(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".into(),
    };
    format!("{host}:{}", config.get_ports().first().copied().unwrap_or(5432))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_no_known_kind_is_told_what_to_write_and_not_repeated() {
        for url in ["", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:notaport/d", "sqlite:", "sqlite::memory:"] {
            let error = Address::read(url).err().expect(url);
            assert!(matches!(error, StoreError::Invalid { .. }), "{url}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_url_that_asks_for_tls_gets_it_or_is_refused() {
        let error = Address::read("postgres://u@h/d?sslmode=verify-full&sslrootcert=/nowhere").err().expect("refused");
        assert!(error.to_string().contains("/nowhere"), "{error}");
        let Ok(Address::Server(server)) = Address::read("postgres://u@h:77/d") else { panic!("a server") };
        assert_eq!(server.name, "h:77");
        assert!(server.tls.is_none());
    }
}
