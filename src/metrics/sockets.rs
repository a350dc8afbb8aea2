//! What sockets of namespaces say and are asked, and what programs have them hear.

use prometheus::{IntCounter, IntGauge};

use super::{Labels, Maker, Metrics, count};

/// Stands for whatever the config does not know by its name.
const OTHER: &str = "other";

/// A namespace of an endpoint.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// The path of the endpoint.
    pub endpoint: String,
    /// Its name.
    pub name: String,
    /// Events that are known of its clients, in their order.
    pub events: Vec<String>,
}

/// By the number of the namespace's desk; without one it is none.
#[derive(Debug)]
pub(super) struct Sockets {
    connections: Vec<Option<IntGauge>>,
    /// A row for each event, the last one for others; of each a column for what became of it.
    heard: Vec<Vec<Vec<IntCounter>>>,
    awaited: IntCounter,
    unawaited: IntCounter,
    emits: Vec<IntCounter>,
}

impl Sockets {
    pub(super) fn new(made: &Maker<'_>, labels: &Labels) -> Result<Self, prometheus::Error> {
        let connections = made.gauges(
            "restcast_namespace_connections",
            "Sockets by endpoint and namespace",
            &["endpoint", "namespace"],
        )?;
        let heard = made.counters(
            "restcast_namespace_events_total",
            "Events of clients, by what became of them: done; refused: not permitted, or without what is needed; \
             failed: the upstream or the webhook did; unknown; dropped: they came too fast",
            &["endpoint", "namespace", "event", "outcome"],
        )?;
        let acks = made.counters(
            "restcast_acks_total",
            "What clients answered to events: awaited, or unawaited, which is dropped",
            &["state"],
        )?;
        let emits = made.counters(
            "restcast_emits_total",
            "What programs had sockets hear: emit, or the name of a shortcut",
            &["name"],
        )?;
        let gauge = |known: &Namespace| connections.with_label_values(&[&known.endpoint, &known.name]);
        let row = |known: &Namespace, event: &str| {
            let of =
                |outcome: &&str| heard.with_label_values(&[&known.endpoint, &known.name, event, outcome]);
            labels.fates.iter().map(of).collect()
        };
        let rows = |known: &Namespace| {
            let events = known.events.iter().map(String::as_str).chain([OTHER]);
            events.map(|event| row(known, event)).collect()
        };
        Ok(Self {
            connections: labels.namespaces.iter().map(|known| known.as_ref().map(gauge)).collect(),
            heard: labels.namespaces.iter().map(|known| known.as_ref().map_or_else(Vec::new, rows)).collect(),
            awaited: acks.with_label_values(&["awaited"]),
            unawaited: acks.with_label_values(&["unawaited"]),
            emits: labels.emits.iter().map(|name| emits.with_label_values(&[name])).collect(),
        })
    }
}

impl Metrics {
    /// A client of namespace number `desk` sent its event number `event`, or another one, and it came to fate number
    /// `fate`.
    pub fn heard(&self, desk: usize, event: Option<usize>, fate: usize) {
        let Some(rows) = self.sockets.heard.get(desk) else { return };
        let row = event.filter(|event| event + 1 < rows.len()).unwrap_or(rows.len().saturating_sub(1));
        count(rows.get(row).and_then(|row| row.get(fate)));
    }

    /// A client has answered an event.
    pub fn acknowledged(&self, is_awaited: bool) {
        let Sockets { awaited, unawaited, .. } = &self.sockets;
        if is_awaited { awaited.inc() } else { unawaited.inc() }
    }

    /// A program had sockets hear something by name number `name`.
    pub fn emitted(&self, name: usize) {
        count(self.sockets.emits.get(name));
    }

    pub(super) fn sockets(&self, desk: usize, difference: i64) {
        if let Some(Some(gauge)) = self.sockets.connections.get(desk) {
            gauge.add(difference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_by_no_name_is_counted_as_other_and_labels_come_from_the_config() {
        let admin = Namespace {
            endpoint: "/io".to_owned(),
            name: "/admin".to_owned(),
            events: vec!["ask".to_owned()],
        };
        let labels = Labels {
            namespaces: vec![None, Some(admin)],
            fates: vec!["done", "refused"],
            emits: vec!["emit".to_owned()],
            ..Labels::default()
        };
        let metrics = Metrics::new(&labels).unwrap();
        for (desk, event, fate) in
            [(1, Some(0), 0), (1, Some(1), 1), (1, None, 1), (1, Some(0), 9), (0, None, 0), (7, None, 0)]
        {
            metrics.heard(desk, event, fate);
        }
        metrics.connections(1, 2);
        metrics.connections(0, 1);
        metrics.acknowledged(false);
        metrics.emitted(0);
        let text = metrics.render(0);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("namespace_") || line.contains("_acks") || line.contains("_emits"))
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(
            lines,
            [
                r#"restcast_acks_total{state="awaited"} 0"#,
                r#"restcast_acks_total{state="unawaited"} 1"#,
                r#"restcast_emits_total{name="emit"} 1"#,
                r#"restcast_namespace_connections{endpoint="/io",namespace="/admin"} 2"#,
                r#"restcast_namespace_events_total{endpoint="/io",event="ask",namespace="/admin",outcome="done"} 1"#,
                r#"restcast_namespace_events_total{endpoint="/io",event="ask",namespace="/admin",outcome="refused"} 0"#,
                r#"restcast_namespace_events_total{endpoint="/io",event="other",namespace="/admin",outcome="done"} 0"#,
                r#"restcast_namespace_events_total{endpoint="/io",event="other",namespace="/admin",outcome="refused"} 2"#,
            ]
        );
    }
}
