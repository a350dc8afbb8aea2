//! What is printed, and the report as `JUnit` XML.

use std::fmt::Write as _;

use crate::judge::Faults;

/// What became of the rows of one group.
pub struct Group {
    pub title: String,
    pub rows: Vec<Judged>,
}

pub struct Judged {
    pub name: String,
    pub faults: Faults,
    /// A documented limit: it must fail.
    pub limit: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    /// It fails, as the README says.
    Limited,
}

impl Judged {
    fn verdict(&self) -> Verdict {
        match (&self.limit, self.faults.is_empty()) {
            (None, true) => Verdict::Passed,
            (Some(_), false) => Verdict::Limited,
            // A limit that is none any more has to leave the table and the README.
            (None, false) | (Some(_), true) => Verdict::Failed,
        }
    }

    fn fault(&self) -> String {
        match (&self.limit, self.faults.is_empty()) {
            (Some(limit), true) => format!("passes, though it is said to be a limit: {limit}"),
            _ => self.faults.join("\n    "),
        }
    }
}

impl Group {
    fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict() == verdict).count()
    }
}

/// The report for people; at most this many faults of a group are told.
const SHOWN: usize = 20;

pub fn terminal(groups: &[Group]) -> String {
    let mut text = String::new();
    for group in groups {
        let failed = group.rows.iter().filter(|row| row.verdict() == Verdict::Failed);
        for row in failed.take(SHOWN) {
            writeln!(text, "FAILED {}: {}\n    {}", group.title, row.name, row.fault()).unwrap();
        }
    }
    for group in groups {
        writeln!(text, "{}", summary(&group.title, std::slice::from_ref(group))).unwrap();
    }
    writeln!(text, "{}", summary("conformance", groups)).unwrap();
    text
}

fn summary(title: &str, groups: &[Group]) -> String {
    let count = |verdict| groups.iter().map(|group| group.count(verdict)).sum::<usize>();
    let (passed, failed, limited) = (count(Verdict::Passed), count(Verdict::Failed), count(Verdict::Limited));
    let limits = if limited == 0 { String::new() } else { format!(", {limited} known limits") };
    format!("{title}: {} rows, {passed} passed, {failed} failed{limits}", passed + failed + limited)
}

pub fn failed(groups: &[Group]) -> bool {
    groups.iter().any(|group| group.count(Verdict::Failed) > 0)
}

/// <https://github.com/testmoapp/junitxml> has what continuous integration reads of the format.
pub fn junit(groups: &[Group]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for group in groups {
        let (tests, failures) = (group.rows.len(), group.count(Verdict::Failed));
        let skipped = group.count(Verdict::Limited);
        let title = escaped(&group.title);
        writeln!(
            xml,
            "<testsuite name=\"{title}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"
        )
        .unwrap();
        for row in &group.rows {
            let inside = match (row.verdict(), &row.limit) {
                (Verdict::Failed, _) => format!("<failure message=\"{}\"/>", escaped(&row.fault())),
                (Verdict::Limited, Some(limit)) => format!("<skipped message=\"{}\"/>", escaped(limit)),
                _ => String::new(),
            };
            let name = escaped(&row.name);
            writeln!(xml, "<testcase classname=\"{title}\" name=\"{name}\">{inside}</testcase>").unwrap();
        }
        xml.push_str("</testsuite>\n");
    }
    xml + "</testsuites>\n"
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            other if other.is_control() => out.push('\u{FFFD}'),
            other => out.push(other),
        }
    }
    out
}
