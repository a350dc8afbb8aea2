//! Whether everything adds up, at the end.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::event::Entry;
use super::ledger::Ledger;
use super::plan::Model;
use super::process::Counters;
use super::rules::{Ending, endings, wrong_answer};
use super::{READERS, READERS_OF_ALL};

/// How many writes ended in each way, at least and at most.
#[derive(Debug, Default)]
pub struct Tally(HashMap<(&'static str, Ending), (u64, u64)>);

impl Tally {
    fn add(&mut self, model: Model, endings: &[Ending]) {
        for ending in endings {
            let (least, most) = self.0.entry((model.name(), *ending)).or_default();
            *least += u64::from(endings.len() == 1);
            *most += 1;
        }
    }

    fn range(&self, models: &[Model], ending: Ending) -> RangeInclusive<u64> {
        let of = |model: &Model| self.0.get(&(model.name(), ending)).copied().unwrap_or_default();
        let (least, most) = models.iter().map(of).fold((0, 0), |sum, (l, m)| (sum.0 + l, sum.1 + m));
        least..=most
    }

    /// Writes that never came to restcast.
    pub fn absent(&self) -> RangeInclusive<u64> {
        self.range(&Model::ALL, Ending::Absent)
    }
}

/// Holds each write to its rules; returns what is wrong, and how many ended how.
pub fn judge(ledger: &Ledger, told: &[Entry]) -> (Vec<String>, Tally) {
    let (mut faults, mut tally) = (Vec::new(), Tally::default());
    let mut by_write: HashMap<u32, &Entry> = HashMap::new();
    for entry in told {
        if by_write.insert(entry.write, entry).is_some() {
            faults.push(format!("write {} was told twice", entry.write));
        }
    }
    for number in 0..ledger.len() {
        let (plan, seen) = (ledger.plan(number), ledger.seen(number));
        let entry = by_write.get(&(number as u32)).copied();
        let endings = endings(&plan, seen, entry.map(|entry| entry.look));
        let elsewhere = entry.zip(plan.id).is_some_and(|(entry, id)| !entry.is_about(plan.model, id));
        let about = elsewhere.then(|| "the event is about another record".to_owned());
        let ended =
            endings.is_empty().then(|| format!("it must not be told as {:?}", entry.map(|entry| entry.look)));
        for fault in [about, ended, wrong_answer(&plan, seen)].into_iter().flatten() {
            faults.push(format!("write {number}: {fault}: {plan:?}, {seen}"));
        }
        tally.add(plan.model, &endings);
    }
    (faults, tally)
}

/// Holds the counters to the tally.
pub fn count(counters: &Counters, tally: &Tally, told: usize, writes: u64) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold = |what: &str, counted: u64, right: RangeInclusive<u64>| {
        if !right.contains(&counted) {
            faults.push(format!("{what}: counted {counted}, must be {right:?}"));
        }
    };
    for model in Model::ALL {
        for (ending, name) in Ending::COUNTED {
            let counted = captures(counters, model, name);
            hold(&format!("{} {name}", model.name()), counted, tally.range(&[model], ending));
        }
    }
    let absent = tally.absent();
    let came = writes - absent.end()..=writes - absent.start();
    hold("captures", counters.captures(), came.clone());
    hold("requests", counters.sum("restcast_requests_total", "{id}"), came);
    let withheld = counters.sum("restcast_captures_total", "\"withheld\"");
    let in_doubt = captures(counters, Model::Secret, "uncertain");
    let hidden = withheld + in_doubt;
    let published = told as u64 + hidden;
    hold("publications", counters.sum("restcast_publications_total", ""), published..=published);
    hold("frames hidden", counters.drops("hidden"), hidden * READERS_OF_ALL..=hidden * READERS);
    for reason in ["queue_full", "reader_lags", "tap_failed", "hub_full"] {
        hold(reason, counters.drops(reason), 0..=0);
    }
    faults
}

fn captures(counters: &Counters, model: Model, outcome: &str) -> u64 {
    counters.sum(
        &format!("restcast_captures_total{{outcome=\"{outcome}\",route=\"/w/{{write}}/{}s/", model.name()),
        "",
    )
}
