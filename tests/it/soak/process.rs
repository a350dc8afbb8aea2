//! The process from outside: what it holds, and what it counts.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::harness::request;

#[derive(Debug, Clone, Copy)]
pub struct Holding {
    pub rss_kib: u64,
    pub threads: u64,
    pub files: u64,
}

impl Holding {
    pub fn of(process: u32) -> Self {
        let folder = format!("/proc/{process}");
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_matches([':', '\t', ' ']).split(' ').next().unwrap().parse().unwrap()
        };
        let files = std::fs::read_dir(format!("{folder}/fd")).unwrap().count() as u64;
        Self { rss_kib: value("VmRSS"), threads: value("Threads"), files }
    }
}

/// All series of `/metrics` at one moment.
#[derive(Debug)]
pub struct Counters(HashMap<String, f64>);

impl Counters {
    pub fn of(admin: SocketAddr) -> Self {
        let text = request(admin, "GET", "/metrics", &[], b"").text();
        let series =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        Self(series.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect())
    }

    /// The sum of the series whose names begin so and hold this label.
    pub fn sum(&self, name: &str, label: &str) -> u64 {
        let named = self.0.iter().filter(|(series, _)| series.starts_with(name) && series.contains(label));
        named.map(|(_, value)| *value as u64).sum()
    }

    pub fn drops(&self, reason: &str) -> u64 {
        self.sum("restcast_drops_total", &format!("\"{reason}\""))
    }

    pub fn captures(&self) -> u64 {
        self.sum("restcast_captures_total", "")
    }
}
