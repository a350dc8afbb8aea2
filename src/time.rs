//! Times as texts: as servers in Python print them (`protocols.md`, section 0.3, rule 12), on the admin port too.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// The last microsecond of the year 9999: later years have five digits, which no client reads.
const LAST_MICRO: i64 = 253_402_300_799_999_999;

/// `2026-11-21T02:10:35.535983+00:00`: always with microseconds and offset, so that browsers and Python read
/// it alike. What lies before 1970 is 1970.
pub fn iso(time: SystemTime) -> String {
    text(time, false)
}

/// The same with `Z` for the offset, as clients in Go and JavaScript print it.
pub fn utc(time: SystemTime) -> String {
    text(time, true)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: as HTTP has it (RFC 9110, section 5.6.7).
pub fn http(time: SystemTime) -> String {
    of(time).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn text(time: SystemTime, with_z: bool) -> String {
    of(time).to_rfc3339_opts(SecondsFormat::Micros, with_z)
}

fn of(time: SystemTime) -> DateTime<Utc> {
    let micros = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let micros = i64::try_from(micros).map_or(LAST_MICRO, |micros| micros.min(LAST_MICRO));
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_of_http_name_the_day() {
        assert_eq!(http(UNIX_EPOCH + Duration::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn times_are_iso_8601_with_microseconds() {
        let rows = [
            (Duration::ZERO, "1970-01-01T00:00:00.000000"),
            (Duration::from_nanos(1_999), "1970-01-01T00:00:00.000001"),
            (Duration::from_micros(1_712_345_678_901_234), "2024-04-05T19:34:38.901234"),
            (Duration::from_hours(24 * 11_016), "2000-02-29T00:00:00.000000"),
            (Duration::from_secs(4_107_542_399), "2100-02-28T23:59:59.000000"),
            (Duration::from_hours(24 * 47_541), "2100-03-01T00:00:00.000000"),
            (Duration::from_hours(70_389_528), "9999-12-31T23:59:59.999999"),
            (Duration::from_secs(1 << 62), "9999-12-31T23:59:59.999999"),
        ];
        for (since, expected) in rows {
            let time = UNIX_EPOCH + since;
            assert_eq!(iso(time), format!("{expected}+00:00"));
            assert_eq!(utc(time), format!("{expected}Z"));
        }
        assert_eq!(iso(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000000+00:00");
    }
}
