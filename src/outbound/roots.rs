//! Whose certificates are believed.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Certificate authorities.
#[derive(Debug, Clone)]
pub struct Roots(RootCertStore);

/// Why a file holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PEM file with at least one certificate, and none that is broken")]
pub struct RootsError;

impl Roots {
    /// Those of the operating system (or of `SSL_CERT_FILE` and `SSL_CERT_DIR`). Where it has none, which is
    /// logged, every `https` URL is unreachable. Reads files.
    pub fn system() -> Self {
        let mut store = RootCertStore::empty();
        match rustls_native_certs::load_native_certs() {
            // Some systems carry a certificate that cannot be parsed.
            Ok(found) => drop(store.add_parsable_certificates(found)),
            Err(error) => tracing::warn!(%error, "cannot read the system's certificate authorities"),
        }
        Self(store)
    }

    /// Nobody: for clients that speak `http` alone.
    pub fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// The certificates of a PEM file, and no others.
    ///
    /// # Errors
    /// What would be right.
    pub fn of_file(pem: &[u8]) -> Result<Self, RootsError> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate.ok().and_then(|certificate| store.add(certificate).ok());
            added.ok_or(RootsError)?;
        }
        if store.is_empty() { Err(RootsError) } else { Ok(Self(store)) }
    }

    /// TLS 1.2 and 1.3 by ring, whatever the process has as its default.
    pub(crate) fn into_config(self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        #[expect(clippy::expect_used, reason = "fails only for a provider without algorithms of a version")]
        let builder = builder.with_safe_default_protocol_versions().expect("ring has those of both versions");
        builder.with_root_certificates(self.0).with_no_client_auth()
    }
}
