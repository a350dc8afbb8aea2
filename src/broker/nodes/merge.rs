//! One answer of what several nodes said. Pure.

use std::collections::BTreeMap;

use super::questions::{Heard, Roll};
use super::words::Report;
use crate::hub::{Answers, Page, Resident, Tally};

/// Answers of clients that are kept, in bytes.
const MAX_BYTES: usize = 256 * 1024;

impl Heard {
    /// What this process says where it is alone.
    pub fn of(report: Report) -> Self {
        Self { reports: vec![report], roll: Roll { there: 1, heard: 1 } }
    }

    /// Readers that were reached.
    pub fn reached(&self) -> u64 {
        self.reports.iter().map(Report::reached).sum()
    }

    /// Connections that were ended.
    pub fn closed(&self) -> u64 {
        let closed = |report: &Report| if let Report::Closed(closed) = report { *closed } else { 0 };
        self.reports.iter().map(closed).sum()
    }

    /// What clients answered; of too much only that it came.
    pub fn answers(self) -> Answers {
        let (mut all, mut bytes) = (Answers { sent: self.reached(), ..Answers::default() }, 0);
        for report in self.reports {
            let Report::Answers(answers) = report else { continue };
            all.acked += answers.acked;
            for (connection, answer) in answers.answers {
                bytes += answer.as_str().len() + 64;
                if bytes <= MAX_BYTES {
                    all.answers.push((connection, answer));
                }
            }
        }
        all
    }

    /// The first `limit` connections by their ids.
    pub fn page(self, limit: usize) -> Page {
        let pages = self.reports.into_iter().filter_map(|report| match report {
            Report::Page(page) => Some(page),
            Report::Reached(_) | Report::Answers(_) | Report::Tally(_) | Report::Closed(_) => None,
        });
        let (mut all, mut residents, mut horizon) = (Page::default(), BTreeMap::new(), None);
        for page in pages {
            all.count += page.count;
            all.more |= page.more;
            // What a node has left out comes behind what it told, and so does all that is behind that of others.
            if let Some(last) = page.residents.last().filter(|_| page.more) {
                horizon = Some(horizon.map_or(last.id, |horizon| last.id.min(horizon)));
            }
            residents.extend(page.residents.into_iter().map(|resident| (resident.id, resident)));
        }
        let count = residents.len();
        let is_near = |resident: &Resident| horizon.is_none_or(|horizon| resident.id <= horizon);
        all.residents = residents.into_values().filter(is_near).take(limit).collect();
        all.more |= all.residents.len() < count;
        all
    }

    /// Counts, and up to `limit` of the connections. Of more than some thousand users in all it is estimated how many
    /// there are.
    pub fn tally(self, limit: usize) -> Tally {
        let mut all = Tally::default();
        let mut nodes = 0;
        for report in self.reports {
            let Report::Tally(tally) = report else { continue };
            nodes += 1;
            all.count += tally.count;
            all.authenticated += tally.authenticated;
            all.users += tally.users;
            all.sample.merge(tally.sample.hashes());
            let room = limit.saturating_sub(all.residents.len());
            all.residents.extend(tally.residents.into_iter().take(room));
        }
        if nodes > 1 {
            all.users = all.users.min(all.sample.count());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use uuid::Uuid;

    use super::*;
    use crate::event::Json;
    use crate::hub::Sample;
    use crate::identity::Identity;

    fn resident(number: u128) -> Resident {
        Resident {
            id: Uuid::from_u128(number),
            endpoint: Arc::from("/ws"),
            app: None,
            namespace: None,
            identity: Identity::Anonymous,
            since: SystemTime::UNIX_EPOCH,
            address: None,
            topics: Vec::new(),
        }
    }

    fn page(ids: &[u128], more: bool) -> Report {
        let residents = ids.iter().map(|id| resident(*id)).collect();
        Report::Page(Page { count: ids.len() + usize::from(more), residents, more })
    }

    fn heard(reports: Vec<Report>) -> Heard {
        Heard { reports, ..Heard::default() }
    }

    #[test]
    fn a_page_of_all_nodes_leaves_nothing_out() {
        let rows: [(Vec<Report>, usize, &[u128], bool); 6] = [
            (vec![], 3, &[], false),
            (vec![page(&[1, 4], false), page(&[2, 3], false)], 4, &[1, 2, 3, 4], false),
            (vec![page(&[1, 4], false), page(&[2, 3], false)], 3, &[1, 2, 3], true),
            // Of the second it is not known what stands between 3 and 5.
            (vec![page(&[1, 5], false), page(&[2, 3], true)], 4, &[1, 2, 3], true),
            (vec![page(&[4, 5], true), page(&[2, 3], true)], 4, &[2, 3], true),
            (vec![page(&[], true), page(&[2], false)], 1, &[2], true),
        ];
        for (number, (reports, limit, expected, more)) in rows.into_iter().enumerate() {
            let page = heard(reports).page(limit);
            let ids: Vec<u128> = page.residents.iter().map(|resident| resident.id.as_u128()).collect();
            assert_eq!((ids.as_slice(), page.more), (expected, more), "row {number}");
        }
        assert_eq!(heard(vec![page(&[1], true), page(&[2], false)]).page(9).count, 3);
    }

    #[test]
    fn a_user_of_two_nodes_counts_once() {
        let tally = |users: &[u64]| {
            let sample = Sample::of(users.iter().copied());
            let residents = vec![resident(users[0].into())];
            Report::Tally(Tally { count: 5, authenticated: 3, users: users.len(), sample, residents })
        };
        let all = heard(vec![tally(&[1, 2]), tally(&[2, 3])]).tally(1);
        assert_eq!((all.count, all.authenticated, all.users, all.residents.len()), (10, 6, 3, 1));
    }

    #[test]
    fn answers_are_added_up_and_bounded() {
        let answers = |acked, answers| Report::Answers(Answers { sent: 2, acked, answers });
        let long = Json::parse(&format!("[\"{}\"]", "x".repeat(200 * 1024))).unwrap();
        let all = heard(vec![
            answers(1, vec![(Uuid::nil(), long.clone())]),
            Report::Reached(1),
            answers(2, vec![(Uuid::max(), long), (Uuid::max(), Json::parse("[1]").unwrap())]),
        ])
        .answers();
        assert_eq!((all.sent, all.acked, all.answers.len()), (5, 3, 1));
    }
}
