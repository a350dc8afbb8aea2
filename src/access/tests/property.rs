//! Any sequence of questions and answers: nobody is forgotten, and no bound is passed.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Ask { who: u8, record: u8, change: u8 },
    Due,
    Answer { which: usize, status: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, 0..3_u8, 0..3_u8).prop_map(|(who, record, change)| Step::Ask { who, record, change }),
        2 => Just(Step::Due),
        2 => (any::<usize>(), prop_oneof![Just(200), Just(404), Just(500)])
            .prop_map(|(which, status)| Step::Answer { which, status }),
    ]
}

/// What a test knows of those that wait: their positions, and those that an answer must be later than; and
/// of what is asked: since which position.
#[derive(Default)]
struct Seen {
    waiting: Vec<(u64, u64)>,
    asked: Vec<(Question, u64)>,
}

impl Seen {
    fn told(&mut self, told: Vec<(u64, Verdict)>, asked: u64) {
        for (position, verdict) in told {
            let at = self.waiting.iter().position(|(waiting, _)| *waiting == position).unwrap();
            let (_, needed) = self.waiting.swap_remove(at);
            assert!(verdict.answer == Answer::Unclear || asked >= needed, "{position}");
        }
    }
}

proptest! {
    #[test]
    fn everybody_who_waits_is_told_once_and_nobody_by_an_older_answer(
        steps in proptest::collection::vec(step(), 1..200)
    ) {
        let limits = Limits { at_once: 2, at_once_each: 1, waiting: 4, waiting_each: 2, ..LIMITS };
        let keys = Keys::default();
        let mut access: Access<u64> = Access::new(limits, keys.clone());
        let mut seen = Seen::default();
        let mut changes = [0; 3];
        let mut now = 0;
        let drain = (0..20).flat_map(|_| [Step::Due, Step::Answer { which: 0, status: 200 }]);
        for step in steps.into_iter().chain(drain) {
            now += 1;
            let time = Duration::from_secs(now / 10);
            match step {
                Step::Ask { who, record, change } => {
                    let position = now;
                    let change = [Change::Changed, Change::Unchanged, Change::Deleted][usize::from(change)];
                    let name: Arc<str> = Arc::from(record.to_string());
                    if change != Change::Unchanged {
                        access.changed(&name, position);
                        changes[usize::from(record)] = position;
                    }
                    let who = Arc::new(credentials(&keys, &who.to_string()));
                    let asking = Asking { who, record: name, position, change, fresh: false };
                    if access.ask(asking, position, time) == Asked::Waits {
                        // Any answer tells of a deletion what could be seen before.
                        let needed = if change == Change::Deleted { 0 } else { changes[usize::from(record)] };
                        seen.waiting.push((position, needed));
                    }
                }
                Step::Due => {
                    let due = access.due(time);
                    seen.asked.extend(due.ask.into_iter().map(|question| (question, now)));
                    seen.told(due.late, 0);
                }
                Step::Answer { which, status } if !seen.asked.is_empty() => {
                    let (question, asked) = seen.asked.swap_remove(which % seen.asked.len());
                    let told = access.returned(question.ticket, Answer::of_status(status), time);
                    seen.told(told, asked);
                }
                Step::Answer { .. } => {}
            }
            let (asked, waiting) = access.questions();
            prop_assert_eq!((asked, asked + waiting), (seen.asked.len(), access.open.len()));
            prop_assert!(asked <= 2 && asked + waiting <= 6);
        }
        prop_assert_eq!((seen.waiting.len(), access.questions()), (0, (0, 0)));
    }
}
