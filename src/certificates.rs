//! Certificates from files, checked before Pingora sees them: it panics on what it cannot read.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads the certificates of a provider's own authority.
pub(crate) fn authorities(file: &Path) -> anyhow::Result<Arc<[WrappedX509]>> {
    let certificates = read(file)?;
    // Pingora adds each with `expect`; what the verifier would not take must not get there.
    let mut roots = rustls::RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).with_context(|| format!("a certificate in {}", file.display()))?;
    }
    Ok(certificates.into_iter().map(|der| WrappedX509::new(der.to_vec(), parse_x509)).collect())
}

/// Proves that a listener's pair can be read and that both belong together.
pub(crate) fn check(cert: &Path, key: &Path) -> anyhow::Result<()> {
    let chain = read(cert)?;
    let private = PrivateKeyDer::from_pem_file(key).with_context(|| format!("reading the key {}", key.display()))?;
    rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| format!("{} and {} do not belong together", cert.display(), key.display()))?;
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| format!("reading certificates from {}", file.display()))?;
    if certificates.is_empty() {
        bail!("{} holds no certificate; it must be PEM with at least one", file.display());
    }
    Ok(certificates)
}

/// The cryptography that Pingora's TLS uses too.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
