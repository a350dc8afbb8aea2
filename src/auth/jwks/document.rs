//! Reads a JWK Set (RFC 7517, section 5): which keys it holds that tokens can be checked with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;

/// A longer document is none; those of large issuers have some tens of KiB.
pub const MAX_BYTES: usize = 256 * 1024;
/// What comes after so many keys is not looked at.
const MAX_KEYS: usize = 64;
/// A longer `kid` is none that an issuer gives.
pub(super) const MAX_KID_BYTES: usize = 256;
/// What ring checks signatures with, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// One key that an issuer publishes.
#[derive(Debug, Clone)]
pub(super) struct PublishedKey {
    pub(super) kid: Option<String>,
    /// What it may check: of its own kind only, and if it names one, that.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
    /// The members that make it this key.
    material: Vec<String>,
}

/// Two that are the same to whoever signs.
impl PartialEq for PublishedKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid && self.material == other.material && self.algorithms == other.algorithms
    }
}

/// What a document holds.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    pub(super) keys: Vec<PublishedKey>,
    /// What cannot be used: its `kid`, and why.
    pub(super) skipped: Vec<(Option<String>, &'static str)>,
}

/// Why a document is no JWK Set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no JWK Set: a JSON object with a list \"keys\", of {} KiB at most", MAX_BYTES / 1024)]
pub struct KeySetError;

impl KeySet {
    /// Takes a document apart. A key that cannot be used is skipped, as RFC 7517 wants it; a set may be empty.
    ///
    /// # Errors
    /// It is no JWK Set at all.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        if document.len() > MAX_BYTES {
            return Err(KeySetError);
        }
        let document: Value = serde_json::from_slice(document).map_err(|_syntax| KeySetError)?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or(KeySetError)?;
        let mut set = Self::default();
        for (number, jwk) in listed.iter().enumerate() {
            let kid = text(jwk, "kid").filter(|kid| kid.len() <= MAX_KID_BYTES).map(ToOwned::to_owned);
            if number >= MAX_KEYS {
                set.skipped.push((kid, "more than 64 keys: this one and the rest are not looked at"));
                break;
            }
            match read(jwk, kid.clone()) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.skipped.push((kid, reason)),
            }
        }
        Ok(set)
    }
}

fn read(jwk: &Value, kid: Option<String>) -> Result<PublishedKey, &'static str> {
    if jwk.get("kid").is_some() && kid.is_none() {
        return Err("its kid is no text of 256 bytes at most");
    }
    let is_for_signatures = jwk.get("use").is_none_or(|purpose| purpose == "sig")
        && jwk
            .get("key_ops")
            .is_none_or(|list| list.as_array().is_some_and(|l| l.iter().any(|op| op == "verify")));
    if !is_for_signatures {
        return Err("not for checking signatures");
    }
    // Everybody has it now, so a signature with it proves nothing.
    if jwk.get("d").is_some() {
        return Err("a private key, which only the issuer should have");
    }
    let (key, family, members): (_, &[Algorithm], &[&str]) = match text(jwk, "kty") {
        Some("RSA") => (rsa(jwk)?, AlgorithmFamily::Rsa.algorithms(), &["n", "e"]),
        Some("EC") => {
            let (key, algorithm) = curve(jwk)?;
            (key, algorithm, &["crv", "x", "y"])
        }
        Some("OKP") => (edwards(jwk)?, &[Algorithm::EdDSA], &["crv", "x"]),
        Some("oct") => return Err("a shared secret, which nobody should publish"),
        _ => return Err("of an unknown kind"),
    };
    let algorithms: Vec<Algorithm> = match jwk.get("alg") {
        None => family.to_vec(),
        Some(name) => family.iter().copied().filter(|algorithm| is_called(*algorithm, name)).collect(),
    };
    if algorithms.is_empty() {
        return Err("its alg is none that its kind of key checks signatures with here");
    }
    let material = members.iter().map(|name| text(jwk, name).unwrap_or_default().to_owned()).collect();
    Ok(PublishedKey { kid, algorithms, key, material })
}

fn is_called(algorithm: Algorithm, name: &Value) -> bool {
    let name = name.as_str().unwrap_or_default();
    // RFC 9864 gave EdDSA with this curve a name of its own.
    name.parse() == Ok(algorithm) || (algorithm == Algorithm::EdDSA && name == "Ed25519")
}

/// RFC 7518, section 6.3.1.
fn rsa(jwk: &Value) -> Result<DecodingKey, &'static str> {
    let (modulus, exponent) =
        bytes(jwk, "n").zip(bytes(jwk, "e")).ok_or("n or e is missing or no base64url")?;
    // Some issuers put a zero in front, as ASN.1 does; ring does not take it.
    let modulus: Vec<u8> = modulus.into_iter().skip_while(|byte| *byte == 0).collect();
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err("not between 2048 and 8192 bits");
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

/// RFC 7518, section 6.2.1. Coordinates have the full length of the curve.
fn curve(jwk: &Value) -> Result<(DecodingKey, &'static [Algorithm]), &'static str> {
    let (algorithm, length): (&[Algorithm], usize) = match text(jwk, "crv") {
        Some("P-256") => (&[Algorithm::ES256], 32),
        Some("P-384") => (&[Algorithm::ES384], 48),
        _ => return Err("of a curve that is not known here: P-256 and P-384 are"),
    };
    let (x, y) = bytes(jwk, "x").zip(bytes(jwk, "y")).ok_or("x or y is missing or no base64url")?;
    if x.len() != length || y.len() != length {
        return Err("x or y has not the length of its curve");
    }
    // An uncompressed point (SEC 1, section 2.3.3).
    Ok((DecodingKey::from_ec_der(&[&[4][..], &x, &y].concat()), algorithm))
}

/// RFC 8037, section 2.
fn edwards(jwk: &Value) -> Result<DecodingKey, &'static str> {
    if text(jwk, "crv") != Some("Ed25519") {
        return Err("of a curve that is not known here: Ed25519 is");
    }
    let x = bytes(jwk, "x").filter(|x| x.len() == 32).ok_or("x is no 32 bytes in base64url")?;
    Ok(DecodingKey::from_ed_der(&x))
}

fn text<'a>(jwk: &'a Value, name: &str) -> Option<&'a str> {
    jwk.get(name).and_then(Value::as_str)
}

fn bytes(jwk: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text(jwk, name)?.trim_end_matches('=')).ok()
}
