use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http::Uri;

use super::*;
use crate::auth::{Algorithm, Issuer, Jwks, Policy, Source};

/// Keys that nobody fetches, since nobody watches.
fn verifier() -> Verifier {
    let source = Source { url: Uri::from_static("http://127.0.0.1:9/"), authorities: None };
    let key = Key::Published(Arc::new(Jwks::new(source, Policy::new(Duration::from_mins(5)))));
    let issuer = Issuer::new(vec![Algorithm::RS256], key);
    Verifier::new(Issuers::new(vec![issuer])).unwrap()
}

fn token() -> String {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/tokens/published.json")).unwrap();
    all["tokens"]["rsa RS256"].as_str().unwrap().to_owned()
}

type Identified<'a> = Pin<Box<dyn Future<Output = Result<Identity, TokenError>> + 'a>>;

/// It is asked for, and whether it waits.
fn ask<'a>(verifier: &'a Verifier, token: &'a str) -> (Identified<'a>, bool) {
    let mut future: Identified<'a> = Box::pin(verifier.identify(token));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => (future, true),
        Poll::Ready(verdict) => {
            assert_eq!(verdict, Err(TokenError::NoKeys));
            (future, false)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_so_many_tokens_wait_and_none_for_ever() {
    let (verifier, token) = (verifier(), token());
    let mut waiting: Vec<Identified<'_>> = Vec::new();
    for _ in 0..MAX_WAITING {
        let (future, waits) = ask(&verifier, &token);
        assert!(waits);
        waiting.push(future);
    }
    assert!(!ask(&verifier, &token).1, "one more is refused at once");
    drop(waiting.pop());
    let last = ask(&verifier, &token);
    assert!(last.1, "a client that went away leaves its place");
    waiting.push(last.0);
    for verdict in join_all(waiting).await {
        assert_eq!(verdict, Err(TokenError::NoKeys));
    }
    assert!(ask(&verifier, &token).1);
}

#[tokio::test]
async fn what_no_key_would_make_right_does_not_wait() {
    let verifier = verifier();
    assert_eq!(verifier.identify("hunter2").await, Err(TokenError::Malformed));
    let token = token();
    let (_, rest) = token.split_once('.').unwrap();
    // {"alg":"ES256"}
    let other = format!("eyJhbGciOiJFUzI1NiJ9.{rest}");
    assert_eq!(verifier.identify(&other).await, Err(TokenError::Algorithm));
}
