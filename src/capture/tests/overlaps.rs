//! Which of several writes are marked as overlapping.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence::SourceParallel;

use super::*;
use crate::event::Operation;

/// A write as it would be published: `7` updates record 7, `+7` creates it, `-7` deletes it, `?7` only reads
/// it, `7,8` updates two, and without an id it names none.
fn verdict(write: &str) -> Verdict {
    let (operation, ids) = match write.split_at_checked(1) {
        Some(("+", ids)) => (Operation::Create, ids),
        Some(("-", ids)) => (Operation::Delete, ids),
        Some(("?", ids)) => (Operation::Read, ids),
        _ => (Operation::Update, write),
    };
    let record =
        |id: &str| (operation != Operation::Delete).then(|| Json::parse(&format!(r#"{{"id":{id}}}"#)));
    let item = |id: &str| Item { id: Json::parse(id), record: record(id).flatten(), ..Item::default() };
    let mut event = Event::sample("author", "0");
    event.operation = operation;
    event.many = ids.contains(',');
    event.items = ids.split(',').map(item).collect();
    Verdict { outcome: Outcome::Event, event: Some(event), id_conflict: false, reason: None }
}

/// Begins and ends of writes, in their order: `a+` is sent, `a-` ends, `a!` ends and is lost before it is
/// read.
#[derive(Default)]
struct Scene {
    overlaps: Arc<Overlaps>,
    begun: HashMap<String, Begun>,
    ended: Vec<(String, Interval)>,
    marked: Vec<String>,
    events: HashMap<String, Verdict>,
}

impl Scene {
    fn play(&mut self, writes: &HashMap<&str, &str>, moments: &str, at_once: bool) {
        for moment in moments.split_whitespace() {
            let (name, what) = moment.split_at(moment.len() - 1);
            match what {
                "+" => drop(self.begun.insert(name.to_owned(), self.overlaps.begin())),
                "-" => self.ended.push((name.to_owned(), self.overlaps.end(self.begun[name]))),
                _ => drop(self.overlaps.end(self.begun[name])),
            }
            if at_once {
                self.read(writes);
            }
        }
        self.read(writes);
    }

    /// What the worker does.
    fn read(&mut self, writes: &HashMap<&str, &str>) {
        for (name, interval) in self.ended.drain(..) {
            let mut verdict = verdict(writes[name.as_str()]);
            interval.settle(&mut verdict);
            if verdict.event.as_ref().unwrap().overlapping {
                self.marked.push(name.clone());
            }
            self.events.insert(name, verdict);
        }
    }
}

/// Plays a scene, with a worker that reads at once and with one that comes late: it must not matter.
fn marked(limit: usize, writes: &str, moments: &str) -> String {
    let writes: HashMap<_, _> = writes.split(' ').map(|write| write.split_once(':').unwrap()).collect();
    let [early, late] = [true, false].map(|at_once| {
        let mut scene = Scene { overlaps: Arc::new(Overlaps::new(limit)), ..Scene::default() };
        scene.play(&writes, moments, at_once);
        scene.marked.join(" ")
    });
    assert_eq!(early, late, "{moments}");
    early
}

#[test]
fn of_writes_that_overlap_the_later_ones_are_marked() {
    for (writes, moments, expected) in [
        // One after the other.
        ("a:1 b:1", "a+ a- b+ b-", ""),
        ("a:1 b:1 c:1", "a+ a- b+ b- c+ c-", ""),
        // In each other's time, however they lie.
        ("a:1 b:1", "a+ b+ a- b-", "b"),
        ("a:1 b:1", "a+ b+ b- a-", "a"),
        ("a:1 b:1 c:1", "a+ b+ c+ a- b- c-", "b c"),
        ("a:1 b:1 c:1", "a+ b+ a- c+ b- c-", "b c"),
        ("a:1 b:1 c:1", "a+ b+ b- c+ c- a-", "a"),
        // What comes after all of them stands alone.
        ("a:1 b:1 c:1", "a+ b+ a- b- c+ c-", "b"),
        // Different records.
        ("a:1 b:2", "a+ b+ a- b-", ""),
        // What ended before, though not all was over.
        ("a:1 b:2 c:1", "b+ a+ a- c+ c- b-", ""),
        // A record that was seen in a list and changed before the answer to its creation ended.
        ("a:+1 b:1", "a+ b+ b- a-", "a"),
        ("a:+1 b:1", "a+ b+ a- b-", "b"),
        ("a:+1 b:1", "a+ a- b+ b-", ""),
        // Creations of different records, and of the same.
        ("a:+1 b:+2", "a+ b+ a- b-", ""),
        ("a:+1 b:+1", "a+ b+ a- b-", "b"),
        ("a:+ b:+ c:1", "a+ b+ c+ a- b- c-", ""),
        // Deletions.
        ("a:1 b:-1", "a+ b+ a- b-", "b"),
        ("a:-1 b:1", "a+ b+ a- b-", "b"),
        // A write that does not name its records may have written any.
        ("a: b:1", "a+ b+ a- b-", "b"),
        ("a:1 b:", "a+ b+ a- b-", ""),
        ("a: b:", "a+ b+ a- b-", "b"),
        ("a: b:1", "a+ a- b+ b-", ""),
        ("a:2,3 b:1", "a+ b+ a- b-", "b"),
        ("a:1 b:1,2", "a+ b+ a- b-", "b"),
        ("a:1 b:2,3", "a+ b+ a- b-", ""),
        // A read is in doubt as well, and puts nobody in doubt.
        ("a:1 b:?1", "a+ b+ a- b-", "b"),
        ("a:?1 b:1", "a+ b+ a- b-", ""),
        // A write that nobody could hear of.
        ("a:1 b:1 c:1", "a+ b+ a! b- c+ c-", "b"),
        ("a:1 b:2", "a+ b+ a! b-", "b"),
    ] {
        assert_eq!(marked(100, writes, moments), expected, "{writes} | {moments}");
    }
}

#[test]
fn an_overlapping_write_loses_the_records_in_doubt_and_nothing_else() {
    let writes = HashMap::from([("a", "1"), ("b", "1,2"), ("c", "-2")]);
    let mut scene = Scene::default();
    scene.play(&writes, "a+ b+ c+ a- b- c-", true);
    let strengths = |name: &str| {
        let event = scene.events[name].event.as_ref().unwrap();
        event.items.iter().map(|item| item.strength().name()).collect::<Vec<_>>().join(" ")
    };
    let outcome = |name: &str| scene.events[name].outcome.name();
    assert_eq!((strengths("a").as_str(), outcome("a")), ("record", "event"));
    assert_eq!((strengths("b").as_str(), outcome("b")), ("changed record", "overlapping"));
    assert_eq!((strengths("c").as_str(), outcome("c")), ("changed", "overlapping"));
    let ids: Vec<_> =
        scene.events["b"].event.as_ref().unwrap().items.iter().map(|item| item.id.clone()).collect();
    assert_eq!(ids, [Json::parse("1"), Json::parse("2")]);
}

#[test]
fn an_event_without_record_keeps_its_reason() {
    for outcome in Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Event) {
        let mut verdict = Verdict { outcome, ..verdict("1") };
        verdict.mark_overlapping(|_, _| true);
        assert_eq!(verdict.outcome, outcome);
        assert!(verdict.event.unwrap().overlapping);
    }
}

#[test]
fn an_id_from_a_path_and_one_from_a_body_are_the_same_record() {
    let overlaps = Arc::new(Overlaps::default());
    let [a, b] = [Json::string("7"), Json::parse("7").unwrap()].map(|id| (id, overlaps.begin()));
    let settle = |(id, begun): (Json, Begun)| {
        let mut event = Event::sample("author", "0");
        event.items[0].id = Some(id);
        let mut verdict =
            Verdict { outcome: Outcome::Event, event: Some(event), id_conflict: false, reason: None };
        overlaps.end(begun).settle(&mut verdict);
        verdict.event.unwrap().overlapping
    };
    assert_eq!([settle(a), settle(b)], [false, true]);
}

/// A thread may be held up between the end of an answer and the queue.
#[test]
fn an_event_that_was_overtaken_is_marked() {
    let overlaps = Arc::new(Overlaps::default());
    let [first, second] = [(); 2].map(|()| overlaps.end(overlaps.begin()));
    let [mut earlier, mut later] = [verdict("1"), verdict("1")];
    second.settle(&mut earlier);
    first.settle(&mut later);
    assert_eq!([earlier, later].map(|verdict| verdict.event.unwrap().overlapping), [false, true]);
}

/// Past its bound the table forgets, and what it could have missed then is marked.
#[test]
fn a_write_that_outlives_the_table_is_marked_and_a_short_one_is_not() {
    let mut writes: Vec<String> = (1..=9).map(|id| format!("w{id}:{id}")).collect();
    writes.extend(["long:100".to_owned(), "short:101".to_owned()]);
    let others = |ids: std::ops::RangeInclusive<u32>| {
        ids.map(|id| format!("w{id}+ w{id}-")).collect::<Vec<_>>().join(" ")
    };
    for (last, expected) in [(6, ""), (7, "long")] {
        let moments = format!("long+ {} short+ long- short-", others(1..=last));
        assert_eq!(marked(3, &writes.join(" "), &moments), expected, "{moments}");
    }
    // The same records again take no new place.
    let moments = format!("long+ {} long-", [others(1..=3), others(1..=3), others(1..=3)].join(" "));
    assert_eq!(marked(3, &writes.join(" "), &moments), "");
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(SourceParallel("tests/regressions"))),
        ..ProptestConfig::default()
    })]

    /// Against a list of intervals that are compared pair by pair.
    #[test]
    fn exactly_the_writes_that_overlap_with_an_earlier_event_are_marked(
        writes in prop::collection::vec((0_u8..4, 0_u32..3, 0_u32..100, 1_u32..40), 1..30),
    ) {
        // Each write is (kind, id, begin, length); at equal times, begins and ends are in the writes' order.
        let name = |index: usize| format!("w{index}");
        let mut moments = Vec::new();
        let mut texts = Vec::new();
        for (index, (kind, id, begin, length)) in writes.iter().enumerate() {
            texts.push(format!("{}:{}", name(index), ["", "+", "-", "?"][usize::from(*kind)].to_owned() + &id.to_string()));
            moments.push((begin * 100, format!("{}+", name(index)), index));
            moments.push(((begin + length) * 100, format!("{}-", name(index)), index));
        }
        moments.sort_by_key(|(time, _, index)| (*time, *index));
        let at = |moment: String| moments.iter().position(|(_, text, _)| *text == moment).unwrap();
        let interval = |index: usize| (at(format!("{}+", name(index))), at(format!("{}-", name(index))));
        let mut order: Vec<usize> = (0..writes.len()).collect();
        order.sort_by_key(|index| interval(*index).1);
        let overlap = |earlier: usize, later: usize| {
            let ((_, end), (begin, _)) = (interval(earlier), interval(later));
            writes[earlier].0 != 3 && writes[earlier].1 == writes[later].1 && begin < end
        };
        let is_marked = |place: usize| order[..place].iter().any(|earlier| overlap(*earlier, order[place]));
        let expected: Vec<String> =
            (0..order.len()).filter(|place| is_marked(*place)).map(|place| name(order[place])).collect();
        let script: Vec<&str> = moments.iter().map(|(_, text, _)| text.as_str()).collect();
        prop_assert_eq!(marked(1000, &texts.join(" "), &script.join(" ")), expected.join(" "));
    }
}
