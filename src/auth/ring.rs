//! The cryptography behind `jsonwebtoken`: ring, which TLS brings along anyway. Both offered backends would
//! be a second one.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as Failed, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::{hmac, signature as public};

/// To be called before anything is signed or verified; more than once does no harm.
pub(super) fn install() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| Ok(Box::new(Mac::new(*algorithm, key)?)),
        verifier_factory: |algorithm, key| Ok(Box::new(Check::new(*algorithm, key)?)),
        key_utils: KeyUtils::new_unimplemented(),
    };
    // Refused where it is there already.
    PROVIDER.install_default().ok();
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list of algorithms is open, and what is not here is refused"
)]
fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HS256 => Some(hmac::HMAC_SHA256),
        Algorithm::HS384 => Some(hmac::HMAC_SHA384),
        Algorithm::HS512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list of algorithms is open, and what is not here is refused"
)]
fn rsa_parameters(algorithm: Algorithm) -> Option<&'static public::RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&public::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&public::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&public::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&public::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&public::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&public::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list of algorithms is open, and what is not here is refused"
)]
fn public_algorithm(algorithm: Algorithm) -> Option<&'static dyn public::VerificationAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Some(&public::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&public::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Some(&public::ED25519),
        other => rsa_parameters(other).map(|parameters| parameters as &dyn public::VerificationAlgorithm),
    }
}

/// Signs with a shared secret, for `restcast token`; with nothing else.
struct Mac {
    algorithm: Algorithm,
    key: hmac::Key,
}

impl Mac {
    fn new(algorithm: Algorithm, key: &EncodingKey) -> Result<Self, Error> {
        let hmac = hmac_algorithm(algorithm).filter(|_| key.family() == algorithm.family());
        let hmac = hmac.ok_or_else(|| Error::from(ErrorKind::InvalidAlgorithm))?;
        Ok(Self { algorithm, key: hmac::Key::new(hmac, key.as_bytes()) })
    }
}

impl Signer<Vec<u8>> for Mac {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Failed> {
        Ok(hmac::sign(&self.key, message).as_ref().to_vec())
    }
}

impl JwtSigner for Mac {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Checks signatures. A key of another kind than the algorithm's is refused: else the public key of an RSA
/// pair, which everybody has, could pass as the secret of an HMAC.
struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Check {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, Error> {
        if key.family() != algorithm.family() {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        Ok(Self { algorithm, key: key.clone() })
    }
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Failed> {
        let verified = match (hmac_algorithm(self.algorithm), self.key.kind()) {
            (Some(algorithm), DecodingKeyKind::SecretOrDer(key)) => {
                hmac::verify(&hmac::Key::new(algorithm, key), message, signature)
            }
            (None, DecodingKeyKind::SecretOrDer(key)) => {
                let algorithm = public_algorithm(self.algorithm).ok_or_else(Failed::new)?;
                public::UnparsedPublicKey::new(algorithm, key).verify(message, signature)
            }
            (_, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let parameters = rsa_parameters(self.algorithm).ok_or_else(Failed::new)?;
                public::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
        };
        verified.map_err(|_unspecified| Failed::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
