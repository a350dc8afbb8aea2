//! Connections, and what is counted of them, as nodes tell each other. Pure.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::broker::wire::{Raw, json, nanos, raw};
use crate::event::Topic;
use crate::hub::{Answers, Page, Resident, Sample, Tally};
use crate::identity::{Claims, Identity, User};

/// Of one connection so many topics are told at most.
const TOPICS: usize = 200;
/// The connections of one report have so many bytes at most, about; those behind them are left out.
const BYTES: usize = 512 * 1024;

#[derive(Serialize, Deserialize)]
pub(super) struct AnswersForm {
    sent: u64,
    acked: u64,
    answers: Vec<(Uuid, Raw)>,
}

impl AnswersForm {
    pub(super) fn of(answers: Answers) -> Self {
        let Answers { sent, acked, answers } = answers;
        let answers = answers.iter().filter_map(|(connection, answer)| Some((*connection, raw(answer)?)));
        Self { sent, acked, answers: answers.collect() }
    }

    pub(super) fn answers(self) -> Answers {
        let answers = self.answers.into_iter().map(|(connection, answer)| (connection, json(&answer)));
        Answers { sent: self.sent, acked: self.acked, answers: answers.collect() }
    }
}

#[derive(Serialize, Deserialize)]
struct ResidentForm {
    id: Uuid,
    endpoint: Arc<str>,
    app: Option<Arc<str>>,
    namespace: Option<Arc<str>>,
    /// Id and address.
    user: Option<(String, Option<String>)>,
    since: u64,
    address: Option<IpAddr>,
    topics: Vec<String>,
}

impl ResidentForm {
    fn of(resident: &Resident) -> Self {
        let Resident { id, endpoint, app, namespace, identity, since, address, topics } = resident.clone();
        let user = identity.user().map(|user| (user.id.clone(), user.email.clone()));
        let topics = topics.iter().take(TOPICS).map(ToString::to_string).collect();
        Self { id, endpoint, app, namespace, user, since: nanos(since), address, topics }
    }

    fn resident(self) -> Resident {
        let Self { id, endpoint, app, namespace, user, since, address, topics } = self;
        let identity = user.map_or(Identity::Anonymous, |(id, email)| {
            let (roles, claims, expires) = (Vec::new(), Claims::default(), None);
            Identity::User(Arc::new(User { id, email, roles, claims, expires }))
        });
        let topics = topics.iter().map(|topic| Topic::named(topic)).collect();
        let since = UNIX_EPOCH + Duration::from_nanos(since);
        Resident { id, endpoint, app, namespace, identity, since, address, topics }
    }

    fn bytes(&self) -> usize {
        let user = |(id, email): &(String, Option<String>)| id.len() + email.as_ref().map_or(0, String::len);
        let topics: usize = self.topics.iter().map(|topic| topic.len() + 4).sum();
        200 + self.endpoint.len() + self.user.as_ref().map_or(0, user) + topics
    }
}

/// As many as there is room for, and whether that is all; one is always told.
fn listed(residents: &[Resident]) -> (Vec<ResidentForm>, bool) {
    let (mut listed, mut bytes) = (Vec::new(), 0);
    for resident in residents {
        let form = ResidentForm::of(resident);
        bytes += form.bytes();
        if bytes > BYTES && !listed.is_empty() {
            return (listed, false);
        }
        listed.push(form);
    }
    (listed, true)
}

#[derive(Serialize, Deserialize)]
pub(super) struct PageForm {
    count: usize,
    residents: Vec<ResidentForm>,
    more: bool,
}

impl PageForm {
    pub(super) fn of(page: &Page) -> Self {
        let (residents, is_all) = listed(&page.residents);
        Self { count: page.count, residents, more: page.more || !is_all }
    }

    pub(super) fn page(self) -> Page {
        let residents = self.residents.into_iter().map(ResidentForm::resident).collect();
        Page { count: self.count, residents, more: self.more }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct TallyForm {
    count: usize,
    authenticated: usize,
    users: usize,
    sample: Vec<u64>,
    residents: Vec<ResidentForm>,
}

impl TallyForm {
    pub(super) fn of(tally: Tally) -> Self {
        let Tally { count, authenticated, users, sample, residents } = tally;
        let (residents, _) = listed(&residents);
        Self { count, authenticated, users, sample: sample.hashes().collect(), residents }
    }

    pub(super) fn tally(self) -> Tally {
        let Self { count, authenticated, users, sample, residents } = self;
        let residents = residents.into_iter().map(ResidentForm::resident).collect();
        Tally { count, authenticated, users, sample: Sample::of(sample), residents }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::event::Json;

    fn resident(number: u128, topics: usize) -> Resident {
        let user = User {
            id: "ann".to_owned(),
            email: Some("a@b".to_owned()),
            roles: vec!["admin".to_owned()],
            claims: Claims::default(),
            expires: None,
        };
        Resident {
            id: Uuid::from_u128(number),
            endpoint: Arc::from("/ws"),
            app: Some(Arc::from("shop")),
            namespace: Some(Arc::from("/n")),
            identity: Identity::User(Arc::new(user)),
            since: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_712_345_678_901_234_567),
            address: Some(IpAddr::from([10, 0, 0, 1])),
            topics: vec![Topic::room("/n", &"r".repeat(100)); topics],
        }
    }

    #[test]
    fn connections_arrive_as_they_are_but_for_what_is_theirs_alone() {
        let page = Page { count: 7, residents: vec![resident(1, 1)], more: false };
        let told = serde_json::to_vec(&PageForm::of(&page)).unwrap();
        assert!(!String::from_utf8_lossy(&told).contains("admin"));
        let page = serde_json::from_slice::<PageForm>(&told).unwrap().page();
        let (got, sent) = (&page.residents[0], resident(1, 1));
        assert_eq!((page.count, page.more, got.id, got.since), (7, false, sent.id, sent.since));
        assert_eq!((got.rooms(), &got.topics, got.address), (sent.rooms(), &sent.topics, sent.address));
        assert_eq!((&got.endpoint, &got.app, &got.namespace), (&sent.endpoint, &sent.app, &sent.namespace));
        let user = got.identity.user().unwrap();
        assert_eq!((user.id.as_str(), user.email.as_deref()), ("ann", Some("a@b")));
    }

    #[test]
    fn what_has_no_room_is_left_out_and_said_to_come() {
        let residents: Vec<Resident> = (0..1000).map(|number| resident(number, 300)).collect();
        let page = PageForm::of(&Page { count: 1000, residents, more: false });
        assert!(page.more && page.count == 1000);
        assert!((10..100).contains(&page.residents.len()), "{}", page.residents.len());
        assert_eq!(page.residents[0].topics.len(), TOPICS);
        assert!(serde_json::to_vec(&page).unwrap().len() < super::super::words::MOST_BYTES);
    }

    #[test]
    fn answers_and_counts_arrive_as_they_are() {
        let answers =
            Answers { sent: 3, acked: 2, answers: vec![(Uuid::max(), Json::parse("[1.50]").unwrap())] };
        let told = serde_json::to_vec(&AnswersForm::of(answers.clone())).unwrap();
        assert_eq!(serde_json::from_slice::<AnswersForm>(&told).unwrap().answers(), answers);
        let sample = Sample::of([u64::MAX, 3]);
        let tally = Tally { count: 9, authenticated: 8, users: 2, sample: sample.clone(), residents: vec![] };
        let told = serde_json::to_vec(&TallyForm::of(tally)).unwrap();
        let tally = serde_json::from_slice::<TallyForm>(&told).unwrap().tally();
        assert_eq!((tally.count, tally.authenticated, tally.users, tally.sample), (9, 8, 2, sample));
    }
}
