//! Lists of conditions (`protocols.md`, section 5.4).

use super::*;

/// Checks one condition on column `a` against values of it, each with a mark in front: `+` for those it lets
/// through, `-` for others. `missing` is no value at all.
fn check(operator: &str, value: &str, values: &[&str]) {
    let list = format!(r#"[{{"column": "a", "operator": "{operator}", "value": {value}}}]"#);
    let filter = Filter::from_list(&json(&list), Deletes::Deliver).unwrap().unwrap();
    for row in values {
        let (expected, value) = (row.starts_with('+'), row.strip_prefix(['+', '-']).unwrap());
        let record = if value == "missing" { "{}".to_owned() } else { format!(r#"{{"a": {value}}}"#) };
        assert_eq!(matches(&filter, &record), expected, "{list} and {record}");
    }
}

#[test]
fn equal_and_unequal() {
    for eq in ["eq", "="] {
        check(
            eq,
            "18",
            &["+18", "+18.0", r#"+"18""#, r#"+"18.0""#, "-19", r#"-"18x""#, r#"-" 18""#, "-true"],
        );
        check(eq, "18", &["-null", "-missing", "-[18]", "-{}"]);
        check(eq, r#""18""#, &[r#"+"18""#, "+18", "+18.0", r#"-"18.0""#, r#"-"018""#]);
        check(eq, "true", &["+true", r#"+"true""#, "-false", r#"-"TRUE""#, "-1", "-null", "-missing"]);
        check(eq, r#""true""#, &["+true", r#"+"true""#, "-false"]);
        check(eq, r#""Ada""#, &[r#"+"Ada""#, r#"-"ada""#, r#"-"Ada ""#, "-null"]);
        check(eq, r#""""#, &[r#"+"""#, "-null", "-missing"]);
        check(eq, "[1, 2]", &["+[1, 2]", "+[1.0, 2]", "-[2, 1]", "-1", "-null"]);
        check(eq, r#"{"b": 1}"#, &[r#"+{"b": 1}"#, r#"-{"b": 2}"#, "-{}"]);
        check(eq, "9007199254740993", &["+9007199254740993", "-9007199254740992", r#"-"9007199254740992""#]);
    }
    for neq in ["neq", "!=", "<>"] {
        check(neq, "18", &["-18", "-18.0", r#"-"18""#, "+19", r#"+"x""#, "+true", "+[18]", "+{}"]);
        check(neq, "18", &["-null", "-missing"]);
        check(neq, "9007199254740993", &["+9007199254740992", "-9007199254740993"]);
        check(neq, r#""x""#, &[r#"+"\ud800""#, r#"-"x""#]);
    }
}

#[test]
fn null() {
    check("eq", "null", &["+null", "+missing", "-0", r#"-"""#, "-false", "-[]"]);
    check("neq", "null", &["-null", "-missing", "+0", r#"+"""#, "+false", "+[]"]);
    check("is_null", "null", &["+null", "+missing", r#"+"""#, "-0", "-false", r#"-" ""#]);
    check("is_not_null", "null", &["-null", "-missing", r#"-"""#, "+0", "+false", r#"+" ""#]);
    check("is_null", "1", &["+null", "-1"]);
    for operator in ["gt", "gte", "lt", "lte", "in"] {
        check(operator, "null", &["-null", "-missing", "-0", r#"-"""#, "-false"]);
    }
    check("between_inclusive", "[null, 5]", &["-null", "-missing", "-1"]);
}

#[test]
fn order() {
    for (gt, gte, lt, lte) in [("gt", "gte", "lt", "lte"), (">", ">=", "<", "<=")] {
        check(gt, "18", &["+19", "+18.5", "-18", "-17", r#"+"19""#, r#"-"x""#, "-true", "-null", "-missing"]);
        check(gte, "18", &["+19", "+18", "+18.0", "-17.9", r#"+"18""#, r#"-"""#, "-[19]"]);
        check(lt, "18", &["-18", "+17", "+-1e9", r#"+"2""#, r#"-"a""#, "-null", "-missing"]);
        check(gt, "5", &[r#"-"018""#, r#"-"+18""#, r#"-"18.""#, r#"-".5e2""#, r#"-"18e""#, r#"+"1.8E+1""#]);
        check(lte, "18", &["+18", "-18.000001", "-19"]);
        check(gt, "9007199254740992", &["+9007199254740993", "-9007199254740992.0"]);
        check(lt, "9007199254740993", &["+9007199254740992.0", "+9007199254740992", "-9007199254740994.0"]);
        check(gt, "-5", &["+-4", "--5", "--6", "+123456789012345678901e99999", r#"-"-10""#]);
        check(lt, "1e400", &["+123456789012345678901234567890", "-1e401"]);
        check(gt, "-1e400", &["+-123456789012345678901234567890"]);
        check(gt, "123456789012345678901234567890", &["+1e30", "-1e29", "+1e999", "--1e999"]);
    }
}

#[test]
fn text_by_its_bytes() {
    check("gt", r#""2026-01-31T10:00:00Z""#, &[r#"+"2026-02-01T00:00:00Z""#, r#"-"2025-12-31T10:00:00Z""#]);
    check("gt", r#""b""#, &[r#"+"c""#, r#"+"ba""#, r#"-"b""#, r#"-"a""#, r#"-"B""#, r#"+"é""#]);
    check("lt", r#""10""#, &[r#"-"9""#, "+9", r#"+"1""#, "-10"]);
    check("lte", "true", &["+true", "+false", r#"+"false""#, "-0", "-1"]);
    check("gt", "false", &["+true", "-false", "-1"]);
}

#[test]
fn between() {
    check("between", "[1, 5]", &["-1", "+1.5", "+4", r#"+"4""#, "-5", "-0", "-null", "-missing"]);
    check("between_inclusive", "[1, 5]", &["+1", "+1.5", "+5", "-5.1", "-0.9", r#"+"5""#, r#"-"x""#]);
    check("between_inclusive", r#"["a", "c"]"#, &[r#"+"a""#, r#"+"bz""#, r#"+"c""#, r#"-"ca""#, "-1"]);
    check("between", "[5, 1]", &["-1", "-3", "-5"]);
}

#[test]
fn one_of() {
    for operator in ["in", "IN", "In"] {
        check(
            operator,
            r#"[1, "x", true]"#,
            &["+1", r#"+"x""#, "+true", r#"+"1""#, r#"+"true""#, "-2", "-false"],
        );
        check(operator, "[1, null]", &["+1", "-null", "-missing", "-0"]);
        check(operator, "[]", &["-1", "-null", "-missing", "-[]"]);
        check(operator, "7", &["+7", r#"+"7""#, "-8"]);
        check(operator, "[[1]]", &["+[1]", "-1"]);
    }
}

#[test]
fn patterns() {
    for operator in ["like", "LIKE"] {
        check(
            operator,
            r#""a%""#,
            &[r#"+"a""#, r#"+"abc""#, r#"-"ba""#, r#"-"Abc""#, r#"-"""#, "-null", "-missing"],
        );
        check(
            operator,
            r#""a_c""#,
            &[r#"+"abc""#, r#"+"a%c""#, r#"+"aéc""#, r#"-"ac""#, r#"-"abbc""#, r#"-"abcd""#],
        );
        check(operator, r#""%b%d""#, &[r#"+"abcd""#, r#"+"bd""#, r#"+"bdbd""#, r#"-"bdb""#, r#"-"db""#]);
        check(operator, r#""abc""#, &[r#"+"abc""#, r#"-"abcd""#, r#"-"xabc""#]);
        check(operator, r#""""#, &[r#"+"""#, r#"-"a""#]);
        check(
            operator,
            r#""%""#,
            &[r#"+"""#, r#"+"anything\nat all""#, "+1", "+true", "-null", "-[]", "-{}"],
        );
        check(operator, r#""100\\%""#, &[r#"+"100%""#, r#"-"1000""#, r#"-"100""#]);
        check(operator, r#""a\\_b\\\\%""#, &[r#"+"a_b\\x""#, r#"-"axb\\""#, r#"-"a_bx""#]);
        check(operator, r#""\\a""#, &[r#"+"a""#, r#"-"\\a""#]);
        check(operator, r#""1%""#, &["+18", "+1.50", "-0.1", "-true"]);
        check(operator, "18", &["+18", r#"+"18""#, "-18.0"]);
        check(operator, r#""t%e""#, &["+true", "-false"]);
    }
    for operator in ["ilike", "ILike"] {
        check(operator, r#""ÄB%""#, &[r#"+"äb""#, r#"+"ÄBC""#, r#"-"ab""#]);
        check(operator, r#""a_C""#, &[r#"+"AbC""#, r#"-"Ac""#]);
        check(operator, r#""ΣΑΣ""#, &[r#"+"σασ""#]);
        // What has no single small letter is only itself.
        check(operator, r#""İ""#, &[r#"+"İ""#, r#"-"i""#]);
    }
}

#[test]
fn parts_of_text() {
    check("contains", r#""Da""#, &[r#"+"Ada""#, r#"+"DA""#, r#"-"Ad""#, "-null", "-missing", "-[\"da\"]"]);
    check("contains", r#""%""#, &[r#"+"100%""#, r#"-"100""#]);
    check("contains", r#""_\\""#, &[r#"+"a_\\b""#, r#"-"ab""#]);
    check("contains", r#""""#, &[r#"+"""#, r#"+"x""#, "+1", "-null"]);
    check("contains", "8", &["+18", r#"+"18""#, "-17"]);
    check("startswith", r#""ad""#, &[r#"+"Ada""#, r#"+"AD""#, r#"-"lad""#, r#"-"a""#]);
    check("endswith", r#""DA""#, &[r#"+"Ada""#, r#"+"da""#, r#"-"dab""#, r#"+"dada""#]);
}

/// Each condition as `COLUMN OPERATOR VALUE`, behind a `|` if it is joined by OR.
fn filter(conditions: &[&str]) -> Filter {
    let element = |condition: &&str| {
        let word = if condition.starts_with('|') { "oR" } else { "and" };
        let mut parts = condition.trim_start_matches('|').splitn(3, ' ');
        let mut next = || parts.next().unwrap();
        let (column, operator, value) = (next(), next(), next());
        format!(
            r#"{{"column":"{column}","operator":"{operator}","value":{value},"logic_operator":"{word}"}}"#
        )
    };
    let list: Vec<String> = conditions.iter().map(element).collect();
    Filter::from_list(&json(&format!("[{}]", list.join(","))), Deletes::Deliver).unwrap().unwrap()
}

#[test]
fn or_joins_the_condition_before_it() {
    // (conditions, records that match, records that do not); a record is the fields that are 1
    let rows: [(&[&str], &[&str], &[&str]); 6] = [
        (&["a eq 1", "b eq 1"], &["ab", "abc"], &["a", "b", ""]),
        (&["a eq 1", "|b eq 1"], &["a", "b", "ab"], &["c", ""]),
        (&["a eq 1", "|b eq 1", "c eq 1", "|d eq 1"], &["ac", "ad", "bc", "bd"], &["ab", "cd", "a", ""]),
        (&["a eq 1", "|b eq 1", "|c eq 1"], &["a", "b", "c"], &["d", ""]),
        (&["|a eq 1", "b eq 1"], &["ab"], &["a", "b"]),
        (&["a eq 1", "b eq 1", "|c eq 1"], &["ab", "ac"], &["bc", "a", "c"]),
    ];
    for (conditions, matching, others) in rows {
        let filter = filter(conditions);
        for (records, expected) in [(matching, true), (others, false)] {
            for record in records {
                let fields: Vec<String> = record.chars().map(|name| format!(r#""{name}":1"#)).collect();
                assert_eq!(
                    matches(&filter, &format!("{{{}}}", fields.join(","))),
                    expected,
                    "{conditions:?} {record}"
                );
            }
        }
    }
}

#[test]
fn a_column_is_a_name_and_then_a_path() {
    let filter = filter(&["a.b.c eq 1"]);
    // (record, matches)
    let rows = [
        (r#"{"a.b.c": 1}"#, true),
        (r#"{"a": {"b": {"c": 1}}}"#, true),
        (r#"{"a.b.c": 2, "a": {"b": {"c": 1}}}"#, false),
        (r#"{"a.b.c": null, "a": {"b": {"c": 1}}}"#, false),
        (r#"{"a": {"b.c": 1}}"#, false),
        (r#"{"a.b": {"c": 1}}"#, false),
        (r#"{"a": [{"b": {"c": 1}}]}"#, false),
        (r#"{"a": {"b": 1}}"#, false),
        ("{}", false),
    ];
    for (record, expected) in rows {
        assert_eq!(matches(&filter, record), expected, "{record}");
    }
}

#[test]
fn what_a_client_may_leave_out() {
    let none = |list: &str| Filter::from_list(&json(list), Deletes::Drop).unwrap().is_none();
    assert!(none("null") && none("[]"));
    let list = r#"[{"column":"a","operator":"eq","logic_operator":null,"label":5}]"#;
    let filter = Filter::from_list(&json(list), Deletes::Drop).unwrap().unwrap();
    assert!(matches(&filter, "{}") && !matches(&filter, r#"{"a": 1}"#), "a value that is missing is null");
}

#[test]
fn what_must_be_proven_is_not_taken_from_what_is_missing() {
    let filter = |list: &str| Filter::from_list(&json(list), Deletes::Prove).unwrap().unwrap();
    let [owned, kept, own] = [
        r#"[{"column":"owner","operator":"eq","value":"ann"}]"#,
        r#"[{"column":"deleted_at","operator":"is_null"}]"#,
        r#"[{"column":"id","operator":"eq","value":1}]"#,
    ]
    .map(filter);
    let item = Item { id: Some(json("1")), ..Item::default() };
    for operation in [Operation::Update, Operation::Delete] {
        let record = Record::of(&item, operation);
        assert_eq!([&owned, &kept, &own].map(|filter| filter.matches(&record)), [false, false, true]);
        assert_eq!([&owned, &kept].map(|filter| filter.takes_each(record.known())), [false; 2]);
    }
    assert!(matches(&owned, r#"{"owner":"ann"}"#) && !matches(&owned, r#"{"owner":"bob"}"#));
    assert!(matches(&kept, r#"{"deleted_at":null}"#) && !matches(&kept, r#"{"owner":"ann"}"#));
}
