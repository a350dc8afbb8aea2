//! The tap's conformance suite: a scripted backend, a scripted client, and the rows of `tests/rows`.
//!
//! `tests/conformance [PART OF A NAME] [--report FILE]` runs it alone; it is also one of the tests. Each row
//! is played twice, with the proxy and without, and must give the client the same bytes, without delay, the
//! events that it says, and move the counters.
#![expect(
    unreachable_pub,
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
#[expect(unused_imports, dead_code, reason = "shared with the black-box tests")]
mod harness;
#[path = "../it/http.rs"]
#[expect(dead_code, reason = "shared with the black-box tests")]
mod http;
mod judge;
#[path = "../it/message.rs"]
mod message;
#[path = "../it/origin.rs"]
#[expect(dead_code, reason = "shared with the black-box tests")]
mod origin;
mod play;
mod product;
mod report;
mod row;
mod sheet;
mod step;
mod text;

use std::process::ExitCode;
use std::thread;

use explain::Explainer;
use judge::Judge;
use report::{Group, Judged};
use row::Row;
use sheet::Sheet;

/// Rows of the product that are judged together.
const BATCH: usize = 100;
/// Proxies that share the product.
const SHARES: usize = 2;

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    filter: String,
    report: Option<String>,
    /// Run by `tests/conformance` and not as one of cargo's test binaries, whose options and filters are meant
    /// for others.
    alone: bool,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--alone" => options.alone = true,
                "--report" => options.report = Some(arguments.next().ok_or("--report wants a file")?),
                option if option.starts_with('-') && options.alone => {
                    return Err(format!("{option}: unknown"));
                }
                option if option.starts_with('-') => {}
                _ => options.filter = argument,
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => return fail(&error),
    };
    let groups = run(&options.filter);
    if groups.is_empty() && options.alone {
        return fail(&format!("no row and no table has {:?} in its name", options.filter));
    }
    print!("{}", report::terminal(&groups));
    if let Some(file) = options.report
        && let Err(error) = std::fs::write(&file, report::junit(&groups))
    {
        return fail(&format!("{file}: {error}"));
    }
    if report::failed(&groups) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn fail(error: &str) -> ExitCode {
    println!("conformance: {error}");
    ExitCode::FAILURE
}

/// Judges every row whose name, or whose sheet's title, holds `filter`.
fn run(filter: &str) -> Vec<Group> {
    let mut sheets = sheet::sheets();
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
