//! What was dropped, and whom it cost what.

use prometheus::IntCounter;

use super::{Maker, Metrics};

/// `restcast_drops_total` by reason.
#[derive(Debug)]
pub(super) struct Drops {
    pub(super) reader_too_slow: IntCounter,
    queue_full: IntCounter,
    words_full: IntCounter,
    reader_lags: IntCounter,
    tap_failed: IntCounter,
    hub_full: IntCounter,
    hidden: IntCounter,
}

impl Drops {
    pub(super) fn new(made: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let by_reason = made.counters(
            "restcast_drops_total",
            "What was dropped: reader_too_slow and reader_lags count readers that were closed, hub_full readers \
             that were refused, queue_full and tap_failed events, words_full what clients and webhooks said to \
             others, hidden frames that a reader may not see",
            &["reason"],
        )?;
        let reason = |name: &str| by_reason.with_label_values(&[name]);
        let [queue_full, words_full, tap_failed] = ["queue_full", "words_full", "tap_failed"].map(reason);
        let [reader_too_slow, reader_lags] = ["reader_too_slow", "reader_lags"].map(reason);
        let [hub_full, hidden] = ["hub_full", "hidden"].map(reason);
        Ok(Self { reader_too_slow, queue_full, words_full, reader_lags, tap_failed, hub_full, hidden })
    }
}

impl Metrics {
    /// Readers were passed over because they may not see an event.
    pub fn event_hidden(&self, readers: u64) {
        self.drops.hidden.inc_by(readers);
    }

    /// A reader found the hub full, or the process stopping.
    pub fn reader_refused(&self) {
        self.drops.hub_full.inc();
    }

    /// The queue in front of the hub was full.
    pub fn event_lost(&self) {
        self.drops.queue_full.inc();
    }

    /// Too much of what clients and webhooks say waited in front of the hub.
    pub fn word_dropped(&self) {
        self.drops.words_full.inc();
    }

    /// Readers were closed because events of this process were lost.
    pub fn readers_lag(&self, readers: usize) {
        self.drops.reader_lags.inc_by(readers as u64);
        tracing::error!(readers, "events were lost (tap.queue_limit reached, or a bug); closed all readers");
    }

    /// Readers were closed because a broker's log says that events were lost.
    pub fn readers_missed(&self, readers: usize) {
        self.drops.reader_lags.inc_by(readers as u64);
        tracing::error!(readers, "a node has lost events, as the broker's log says; closed all readers");
    }

    /// A broker's log is followed from some place on; readers who came before were closed.
    pub fn log_begun(&self, readers: usize) {
        self.drops.reader_lags.inc_by(readers as u64);
        if readers == 0 {
            tracing::info!("the broker's log is followed from here on");
        } else {
            tracing::warn!(
                readers,
                "the broker's log began anew, or lacks what came last; closed all readers"
            );
        }
    }

    /// A job of the tap failed by a bug of ours.
    pub fn tap_failed(&self) {
        self.drops.tap_failed.inc();
        tracing::error!("the tap could not read an answer; its event is lost");
    }
}
