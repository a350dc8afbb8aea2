//! What is asked of the backend on behalf of readers, and what comes of it.

use prometheus::{IntCounter, IntGauge};

use super::{Labels, Maker, Metrics, count};

/// `restcast_access_…`
#[derive(Debug)]
pub(super) struct Access {
    answers: Vec<IntCounter>,
    withheld: Vec<IntCounter>,
    asked: IntGauge,
    waiting: IntGauge,
    lagged: IntCounter,
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
}

impl Metrics {
    /// The backend answered what a reader may see, as answer number `answer`. `asked` are asked at
    /// this moment, and `waiting` wait.
    pub fn access_answered(&self, answer: usize, (asked, waiting): (usize, usize)) {
        count(self.access.answers.get(answer));
        self.access.asked.set(i64::try_from(asked).unwrap_or(i64::MAX));
        self.access.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Readers do not get an event that the backend decides on, or a part of it, by reason.
    pub fn access_withheld(&self, readers: &[u64]) {
        for (counter, count) in self.access.withheld.iter().zip(readers) {
            counter.inc_by(*count);
        }
    }

    /// Readers were closed because too many of their events waited for answers of the backend.
    pub fn access_lagged(&self, readers: u64) {
        if readers > 0 {
            self.access.lagged.inc_by(readers);
            tracing::warn!(readers, "closed readers for whom too much waited for answers of the upstream");
        }
    }
}
