//! What is asked of the backend on behalf of readers, and what comes of it.

use prometheus::{IntCounter, IntGauge};

use super::{Labels, Maker};

/// `restcast_access_…`
#[derive(Debug)]
pub(super) struct Access {
    answers: Vec<IntCounter>,
    withheld: Vec<IntCounter>,
    asked: IntGauge,
    waiting: IntGauge,
    pub(super) lagged: IntCounter,
}

impl Access {
    pub(super) fn new(made: &Maker<'_>, labels: &Labels) -> Result<Self, prometheus::Error> {
        let questions = made.counters(
            "restcast_access_questions_total",
            "GETs with a reader's credentials, by what they say",
            &["answer"],
        )?;
        let withheld = made.counters(
            "restcast_access_withheld_total",
            "Readers that did not get an event, or a part of it, that the upstream decides on: hidden: they may not \
             see it; unclear: the upstream failed; full: too much was asked; no_path: nobody knows where the record \
             is; changed: they are somebody else by now",
            &["reason"],
        )?;
        let open =
            made.gauges("restcast_access_open_questions", "Questions to the upstream, by state", &["state"])?;
        let lagged = made.counter(
            "restcast_access_lagging_readers_total",
            "Readers closed because too many of their events waited for answers of the upstream",
        )?;
        Ok(Self {
            answers: labels.answers.iter().map(|name| questions.with_label_values(&[*name])).collect(),
            withheld: labels.withheld.iter().map(|name| withheld.with_label_values(&[*name])).collect(),
            asked: open.with_label_values(&["asked"]),
            waiting: open.with_label_values(&["waiting"]),
            lagged,
        })
    }

    pub(super) fn answered(&self, answer: usize, (asked, waiting): (usize, usize)) {
        if let Some(counter) = self.answers.get(answer) {
            counter.inc();
        }
        self.asked.set(i64::try_from(asked).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(super) fn withheld(&self, readers: &[u64]) {
        for (counter, count) in self.withheld.iter().zip(readers) {
            counter.inc_by(*count);
        }
    }
}
