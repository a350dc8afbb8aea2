//! The link between a process and the one that takes its place: a Unix socket. The elder says first what it holds, and
//! then where each event stands; the heir, what is to be published.

mod elder;
mod heir;
mod mail;
#[cfg(test)]
mod tests;
mod word;

pub use elder::{Bequest, Meeting, meet};
pub use heir::{Reception, receive};
pub(super) use mail::Mail;
pub(super) use word::Word;
