//! What tokens are checked with.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};

use super::Jwks;

/// A shared secret. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    pub(super) fn length(&self) -> usize {
        self.0.len()
    }

    pub(super) fn decoding(&self) -> DecodingKey {
        DecodingKey::from_secret(&self.0)
    }

    /// The same for signing.
    pub(super) fn signing(&self) -> EncodingKey {
        EncodingKey::from_secret(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One key. The public half of a pair is no secret, and is not shown either: it says nothing to a reader.
#[derive(Clone)]
pub enum Key {
    /// Signs and checks.
    Shared(Secret),
    /// Checks.
    Public(DecodingKey),
    /// Check; which ones there are is up to the issuer.
    Published(Arc<Jwks>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared(…)",
            Self::Public(_) => "Public(…)",
            Self::Published(_) => "Published(…)",
        })
    }
}

impl Key {
    /// Takes a shared secret for these algorithms.
    ///
    /// # Errors
    /// What would be right.
    pub fn shared(secret: Secret, algorithms: &[Algorithm]) -> Result<Self, String> {
        if secret.0.is_empty() {
            return Err("a secret that is not empty".to_owned());
        }
        match algorithms.iter().find(|algorithm| algorithm.family() != AlgorithmFamily::Hmac) {
            Some(other) => Err(format!("public_key_file for the algorithm {other:?}")),
            None => Ok(Self::Shared(secret)),
        }
    }

    /// Reads a public key for these algorithms.
    ///
    /// # Errors
    /// What would be right.
    pub fn public(pem: &[u8], algorithms: &[Algorithm]) -> Result<Self, String> {
        if pem.windows(PRIVATE.len()).any(|part| part == PRIVATE) {
            return Err(
                "a public key, and this is a private one, which only the issuer should have".to_owned()
            );
        }
        let mut families = algorithms.iter().map(|algorithm| algorithm.family());
        let family = families.next().ok_or("algorithms")?;
        if families.any(|other| other != family) {
            return Err("algorithms of one kind of key: RS and PS, or ES, or EdDSA".to_owned());
        }
        let (key, kind) = match family {
            AlgorithmFamily::Hmac => {
                return Err("secret for the algorithms HS256, HS384 and HS512".to_owned());
            }
            AlgorithmFamily::Rsa => (DecodingKey::from_rsa_pem(pem), "an RSA public key"),
            AlgorithmFamily::Ec => (DecodingKey::from_ec_pem(pem), "a public key of an elliptic curve"),
            AlgorithmFamily::Ed => (DecodingKey::from_ed_pem(pem), "an Ed25519 public key"),
        };
        let expected = || format!("a PEM file with {kind}, as the algorithms need it");
        let key = key.ok().filter(|key| algorithms.iter().all(|algorithm| fits(key, *algorithm)));
        key.map(Self::Public).ok_or_else(expected)
    }
}

const PRIVATE: &[u8] = b"PRIVATE KEY-----";

/// Whether a curve is the algorithm's: a point of P-256 takes 65 bytes, one of P-384 97, a key of Ed25519 32.
fn fits(key: &DecodingKey, algorithm: Algorithm) -> bool {
    let length = key.try_get_as_bytes().map_or(0, <[u8]>::len);
    let lengths = [(Algorithm::ES256, 65), (Algorithm::ES384, 97), (Algorithm::EdDSA, 32)];
    lengths.iter().all(|(of, needed)| *of != algorithm || length == *needed)
}
