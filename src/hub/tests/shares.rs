//! Shares of the connections: what is given back, and to whom.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::identities::user;
use super::*;

/// One connection for each user, and two for each address.
fn hub() -> Arc<Hub> {
    let desk = Desk {
        path: Arc::from("/ws"),
        app: None,
        namespace: None,
        encode: Arc::new(Plain::default()),
        required: false,
    };
    let shares = Shares { per_address: Some(2), per_user: Some(1) };
    Arc::new(Hub::new(vec![desk], 100).sharing(shares))
}

fn attach(hub: &Arc<Hub>, lane: Arc<Inbox>, identity: Identity) -> Result<Subscriber, AttachError> {
    let (since, address) = (SystemTime::UNIX_EPOCH, Some(IpAddr::from([10, 0, 0, 1])));
    hub.attach(lane, Profile { id: Uuid::nil(), endpoint: 0, identity, since, address })
}

#[test]
fn a_connection_gives_its_places_back_however_it_ends() {
    let hub = hub();
    for _ in 0..3 {
        let ann = attach(&hub, Inbox::new(), user("ann")).unwrap();
        let again = attach(&hub, Inbox::new(), user("ann")).unwrap_err();
        assert_eq!(again, AttachError::TooMany(Whose::User));
        // What was refused took nothing of the address either.
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _bob = attach(&hub, Inbox::new(), user("bob")).unwrap();
            let third = attach(&hub, Inbox::new(), Identity::Anonymous).unwrap_err();
            assert_eq!(third, AttachError::TooMany(Whose::Address));
            std::panic::resume_unwind(Box::new("a bug of a dialect"));
        }));
        assert!(panicked.is_err());
        drop(ann);
    }
    assert_eq!(hub.connections(), 0);
}

#[test]
fn whoever_says_later_who_it_is_needs_a_place_of_that_user() {
    let hub = hub();
    let lanes = [Inbox::new(), Inbox::new()];
    let [mut first, mut second] =
        lanes.each_ref().map(|lane| attach(&hub, Arc::clone(lane), Identity::Anonymous).unwrap());
    first.identify(user("ann"), None).unwrap();
    // The same again is the same.
    first.identify(user("ann"), None).unwrap();
    assert_eq!(second.identify(user("ann"), None), Err(Whose::User));
    assert_eq!((first.identity(), second.identity()), (user("ann"), Identity::Anonymous));
    drop(second);
    // Its place is free once it is nobody in particular any more.
    first.identify(Identity::Anonymous, None).unwrap();
    let mut third = attach(&hub, Inbox::new(), Identity::Anonymous).unwrap();
    third.identify(user("ann"), None).unwrap();
    assert_eq!(third.identity(), user("ann"));
}
