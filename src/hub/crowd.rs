//! How many connections each address and each user has.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

/// The bits of an IPv6 address that one customer has to itself: it may choose the others as it likes.
const NETWORK_BITS: u32 = 64;

/// How many connections there may be; `None`: as many as the hub takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// Of one address; of IPv6 one network of 64 bits.
    pub per_address: Option<usize>,
    /// Of one user.
    pub per_user: Option<usize>,
}

/// Who has as many connections as one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The address.
    Address,
    /// The user.
    User,
}

/// See the module's documentation. Bounded by the connections that there are.
#[derive(Debug, Default)]
pub struct Crowd {
    pub(super) shares: Shares,
    addresses: HashMap<IpAddr, usize>,
    users: HashMap<String, usize>,
}

impl Crowd {
    /// Nobody is there.
    pub fn new(shares: Shares) -> Self {
        Self { shares, ..Self::default() }
    }

    /// Whether one of this address would be taken now.
    ///
    /// # Errors
    /// [`Whose::Address`].
    pub fn check(&self, address: Option<IpAddr>) -> Result<(), Whose> {
        let is_full = |address| is_full(&self.addresses, &network(address), self.shares.per_address);
        if address.is_some_and(is_full) { Err(Whose::Address) } else { Ok(()) }
    }

    /// One connection more, or none at all.
    ///
    /// # Errors
    /// Whose share is used up.
    pub fn enter(&mut self, address: Option<IpAddr>, user: Option<&str>) -> Result<(), Whose> {
        self.check(address)?;
        let address = address.map(network);
        self.enter_user(user)?;
        if let Some(address) = address {
            *self.addresses.entry(address).or_default() += 1;
        }
        Ok(())
    }

    /// The same connection is gone.
    pub fn leave(&mut self, address: Option<IpAddr>, user: Option<&str>) {
        if let Some(address) = address.map(network) {
            leave(&mut self.addresses, &address);
        }
        self.leave_user(user);
    }

    /// A connection is another user's from now on, or stays what it was.
    pub(super) fn change(&mut self, from: Option<&str>, to: Option<&str>) -> Result<(), Whose> {
        if from != to {
            self.enter_user(to)?;
            self.leave_user(from);
        }
        Ok(())
    }

    /// Users that have connections.
    pub(super) fn users(&self) -> &HashMap<String, usize> {
        &self.users
    }

    fn enter_user(&mut self, user: Option<&str>) -> Result<(), Whose> {
        let Some(user) = user else { return Ok(()) };
        if is_full(&self.users, user, self.shares.per_user) {
            return Err(Whose::User);
        }
        match self.users.get_mut(user) {
            Some(count) => *count += 1,
            None => drop(self.users.insert(user.to_owned(), 1)),
        }
        Ok(())
    }

    fn leave_user(&mut self, user: Option<&str>) {
        if let Some(user) = user {
            leave(&mut self.users, user);
        }
    }
}

fn is_full<K, Q>(counts: &HashMap<K, usize>, who: &Q, share: Option<usize>) -> bool
where
    K: std::borrow::Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ?Sized,
{
    share.is_some_and(|share| counts.get(who).copied().unwrap_or_default() >= share)
}

/// Nobody stays who has no connection.
fn leave<K, Q>(counts: &mut HashMap<K, usize>, who: &Q)
where
    K: std::borrow::Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ?Sized,
{
    if let Some(count) = counts.get_mut(who) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(who);
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (128 - NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(per_address: usize, per_user: usize) -> Crowd {
        Crowd::new(Shares { per_address: Some(per_address), per_user: Some(per_user) })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_and_a_user_have_their_share_and_get_it_back() {
        let mut crowd = crowd(2, 1);
        assert_eq!(crowd.enter(Some(address("10.0.0.1")), Some("ann")), Ok(()));
        assert_eq!(crowd.enter(Some(address("10.0.0.1")), Some("ann")), Err(Whose::User));
        assert_eq!(crowd.enter(Some(address("10.0.0.1")), Some("bob")), Ok(()));
        assert_eq!(crowd.enter(Some(address("10.0.0.1")), None), Err(Whose::Address));
        assert_eq!(crowd.enter(Some(address("10.0.0.2")), Some("bob")), Err(Whose::User));
        assert_eq!(crowd.enter(Some(address("10.0.0.2")), Some("cid")), Ok(()));
        crowd.leave(Some(address("10.0.0.1")), Some("ann"));
        assert_eq!(crowd.enter(Some(address("10.0.0.1")), Some("ann")), Ok(()));
        // Of whom nothing is known there are any number.
        for _ in 0..10 {
            assert_eq!(crowd.enter(None, None), Ok(()));
        }
    }

    #[test]
    fn whoever_becomes_somebody_else_takes_from_that_share_or_stays() {
        let mut crowd = crowd(9, 1);
        crowd.enter(None, Some("ann")).unwrap();
        crowd.enter(None, None).unwrap();
        assert_eq!(crowd.change(None, Some("ann")), Err(Whose::User));
        assert_eq!(crowd.change(Some("ann"), Some("ann")), Ok(()));
        assert_eq!(crowd.change(Some("ann"), Some("bob")), Ok(()));
        assert_eq!(crowd.change(None, Some("ann")), Ok(()));
        assert_eq!(crowd.change(Some("ann"), None), Ok(()));
        assert_eq!(crowd.users().get("ann"), None);
        assert_eq!(crowd.users().get("bob"), Some(&1));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_address_is_what_it_maps() {
        let mut crowd = crowd(1, 1);
        crowd.enter(Some(address("2001:db8::1")), None).unwrap();
        assert_eq!(crowd.enter(Some(address("2001:db8::ffff:2")), None), Err(Whose::Address));
        assert_eq!(crowd.enter(Some(address("2001:db8:0:1::1")), None), Ok(()));
        crowd.enter(Some(address("::ffff:10.0.0.1")), None).unwrap();
        assert_eq!(crowd.enter(Some(address("10.0.0.1")), None), Err(Whose::Address));
    }

    #[test]
    fn nothing_stays_of_whoever_left() {
        let mut crowd = crowd(100, 100);
        for round in 0..3 {
            let names: Vec<String> = (0..50).map(|number| format!("{round}-{number}")).collect();
            for name in &names {
                crowd.enter(Some(address("10.0.0.1")), Some(name)).unwrap();
            }
            assert_eq!((crowd.users.len(), crowd.addresses.len()), (50, 1));
            for name in &names {
                crowd.leave(Some(address("10.0.0.1")), Some(name));
            }
            assert_eq!((crowd.users.len(), crowd.addresses.len()), (0, 0));
        }
    }
}
