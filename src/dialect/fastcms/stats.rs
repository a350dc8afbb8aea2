//! The statistics: how many are there, who they are as a number, and what they are subscribed to.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::settings::Settings;
use crate::dialect::{Attendance, Attendee, Report};
use crate::identity::{Credential, Identity};

/// So many connections are listed one by one; all of them count.
const MAX_LISTED: usize = 1000;

/// Who may have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever has proven who it is.
    Authenticated,
    /// Everybody.
    Public,
    /// Nobody, and nothing is there.
    Off,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Stats {
    pub(super) path: String,
    pub(super) access: Access,
    pub(super) settings: Arc<Settings>,
}

impl Report for Stats {
    fn path(&self) -> &str {
        &self.path
    }

    fn option(&self) -> &'static str {
        "stats_path"
    }

    fn admits(&self, credential: &Credential) -> bool {
        match self.access {
            Access::Public => true,
            Access::Authenticated => credential.identity() != Identity::Anonymous,
            Access::Off => false,
        }
    }

    fn listed(&self) -> usize {
        MAX_LISTED
    }

    fn write(&self, attendance: &Attendance) -> String {
        let listed: Vec<String> = attendance.listed.iter().map(|one| self.line(one)).collect();
        format!(
            r#"{{"total_connections":{},"authenticated_connections":{},"unique_users":{},"pubsub_backend":"{}","subscriptions":{{{}}}}}"#,
            attendance.connections,
            attendance.authenticated,
            attendance.users,
            attendance.broker,
            listed.join(","),
        )
    }
}

impl Stats {
    fn line(&self, attendee: &Attendee) -> String {
        let names = attendee.topics.iter().map(|topic| self.settings.collections.name(topic));
        let names: BTreeSet<String> = names.collect();
        format!(r#""{}":{}"#, attendee.id, Value::from_iter(names))
    }
}
