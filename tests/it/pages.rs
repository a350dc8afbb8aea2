//! Pages in a real browser, each as another user has it, and what they show.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::*;
use crate::tools::{Browser, Node};

/// Pages that were opened together; each has a name.
pub struct Pages {
    process: Process,
    pictures: PathBuf,
}

impl Pages {
    /// `rows`: a selector of the elements whose texts count. `arguments`: the pages and steps of
    /// `tests/clients/pages.js`. `pictures`: the name of the folder below `target/tmp` where each is seen
    /// at its end. Gives them when all steps are done.
    pub fn open(node: &Node, browser: &Browser, rows: &str, pictures: &str, arguments: &[String]) -> Self {
        let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join(pictures);
        drop(std::fs::remove_dir_all(&pictures)); // those of an earlier run
        let options = ["--rows", rows, "--pictures", pictures.to_str().unwrap()].map(ToOwned::to_owned);
        let process = node.pages(browser, &[&options[..], arguments].concat());
        process.line("\"ready\"");
        Self { process, pictures }
    }

    fn lines(&self, page: &str) -> Vec<Value> {
        let output = self.process.output();
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["page"] == page).collect()
    }

    /// The rows that a page shows; none before it shows any.
    pub fn rows(&self, page: &str) -> Option<Value> {
        self.lines(page).iter().rev().find_map(|line| line.get("rows").cloned())
    }

    /// What a page has written to its console with `console.log`: the arguments of each line.
    pub fn console(&self, page: &str) -> Vec<Value> {
        let lines = self.lines(page).into_iter();
        lines.filter(|line| line["console"] == "log").map(|line| line["args"].clone()).collect()
    }

    /// Waits until a page shows these rows.
    pub fn show(&self, page: &str, expected: &[String], after: &str) {
        let what = format!("the page {page} shows {expected:?} after {after}");
        let expected = json!(expected);
        eventually(&what, || (self.rows(page)? == expected).then_some(()));
    }

    /// Ends them, with a picture of each of these. None has thrown anything.
    pub fn close(mut self, pages: &[&str]) {
        self.process.signal("TERM");
        assert!(self.process.wait().success(), "{}", self.process.output());
        for page in pages {
            let picture = self.pictures.join(format!("{page}.png"));
            assert!(std::fs::metadata(picture).unwrap().len() > 3_000);
        }
    }
}
