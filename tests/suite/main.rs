//! The tap's conformance suite: a scripted backend, a scripted client, and the rows of `tests/rows`.
//!
//! `tests/conformance [PART OF A NAME] [--report FILE]` runs it alone; it is also one of the tests. Each row
//! is played twice, with the proxy and without, and must give the client the same bytes, without delay, the
//! events that it says, and move the counters.
#![expect(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a failed row panics; the harness is shared with the black-box tests"
)]
#![expect(clippy::print_stdout, reason = "the report goes there")]
#![expect(clippy::format_push_string, clippy::wildcard_enum_match_arm, reason = "short beats fast here")]
#![expect(clippy::disallowed_methods, reason = "deadlines need a clock")]

mod coding;
mod end;
mod explain;
#[path = "../it/harness.rs"]
#[expect(unused_imports, reason = "shared with the black-box tests")]
mod harness;
#[path = "../it/http.rs"]
mod http;
mod judge;
mod message;
#[path = "../it/origin.rs"]
mod origin;
mod play;
mod product;
mod report;
mod row;
mod step;
mod text;

use std::process::ExitCode;
use std::thread;

use explain::Explainer;
use judge::Judge;
use report::{Group, Judged};
use row::{Row, Sheet};

/// Rows of the product that are judged together.
const BATCH: usize = 100;
/// Proxies that share the product.
const SHARES: usize = 2;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut filter, mut file) = (String::new(), None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--report" => file = arguments.next(),
            // What cargo's other test binaries take means nothing here.
            option if option.starts_with('-') => {}
            _ => filter = argument,
        }
    }
    let groups = run(&filter);
    print!("{}", report::terminal(&groups));
    if let Some(file) = file {
        std::fs::write(&file, report::junit(&groups)).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    if report::failed(&groups) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Judges every row whose name, or whose sheet's title, holds `filter`.
fn run(filter: &str) -> Vec<Group> {
    let mut sheets = row::sheets();
    sheets.push(product::sheet());
    for sheet in &mut sheets {
        let whole = sheet.title.contains(filter);
        sheet.rows.retain(|row| whole || row.name.contains(filter));
    }
    sheets.into_iter().filter(|sheet| !sheet.rows.is_empty()).map(|sheet| judge(&sheet)).collect()
}

fn judge(sheet: &Sheet) -> Group {
    let share = sheet.rows.len().div_ceil(SHARES);
    let rows = thread::scope(|scope| {
        let shares: Vec<_> = sheet.rows.chunks(share).collect();
        let judges = shares.into_iter().map(|rows| scope.spawn(move || judge_share(sheet, rows)));
        let judges: Vec<_> = judges.collect();
        judges.into_iter().flat_map(|judge| judge.join().unwrap()).collect()
    });
    Group { title: sheet.title.clone(), rows }
}

fn judge_share(sheet: &Sheet, rows: &[Row]) -> Vec<Judged> {
    let mut judge = Judge::new(&sheet.upstream, &sheet.config);
    let explainer = Explainer::new(sheet);
    let mut judged = Vec::new();
    for rows in rows.chunks(if sheet.is_product { BATCH } else { 1 }) {
        for (row, mut faults) in rows.iter().zip(judge.batch(rows)) {
            faults.extend(if sheet.is_product { explainer.function(row) } else { explainer.command(row) });
            judged.push(Judged { name: row.name.clone(), faults, limit: row.limit.clone() });
        }
    }
    judged
}
