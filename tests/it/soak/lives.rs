//! Readers: some stay, some come and go, some do not read as fast as events come.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::dice::Dice;
use super::event::{Reading, hash};
use super::life::{Audience, End, Life};
use crate::harness::DEADLINE;

/// Comes and goes until it is told to stop.
pub async fn come_and_go(audience: Arc<Audience>, mut dice: Dice, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let mut life = Life::begin(&audience, super::reading(&mut dice), false).await;
        let reading = life.reading;
        let end = Instant::now() + Duration::from_millis(20 + dice.below(5) * dice.below(1500));
        let mut ended = life.read_until(end).await;
        let leaves = dice.below(4);
        if leaves < 2 && ended.is_ok() {
            ended = life.catch_up().await;
        }
        assert!(ended.is_ok(), "seed {}: a reader that reads was closed: {ended:?}", audience.ledger.seed);
        let stretch = match leaves {
            0 | 1 => {
                let end = life.close().await;
                assert!(matches!(end, End::Closed(_)), "seed {}: {end:?} for a close", audience.ledger.seed);
                life.stretch
            }
            2 => life.reset(),
            _ => std::mem::take(&mut life.stretch),
        };
        Life::settle(&audience, reading, stretch).await;
    }
}

/// Comes, reads nothing or too little for a while, and then all that there is.
pub async fn come_and_dawdle(audience: Arc<Audience>, mut dice: Dice, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let mut life = Life::begin(&audience, super::reading(&mut dice), true).await;
        let reading = life.reading;
        let ended = match dawdle(&mut life, &mut dice, &mut stop).await {
            Ok(()) => life.catch_up().await,
            Err(end) => Err(end),
        };
        let how = match ended {
            Ok(()) => life.close().await,
            Err(end) => end,
        };
        match how {
            End::Closed(Some(CloseCode::Again)) | End::Cut => {
                audience.too_slow.fetch_add(1, Ordering::Relaxed);
            }
            End::Closed(None) => {}
            End::Closed(code) => {
                panic!("seed {}: a slow reader was closed with {code:?}", audience.ledger.seed)
            }
        }
        let stretch = std::mem::take(&mut life.stretch);
        drop(life);
        Life::settle(&audience, reading, stretch).await;
    }
}

/// Reads nothing, or one event now and then.
async fn dawdle(life: &mut Life<'_>, dice: &mut Dice, stop: &mut watch::Receiver<bool>) -> Result<(), End> {
    let end = Instant::now() + Duration::from_millis(500 + dice.below(9000));
    let pause = if dice.below(2) == 0 { DEADLINE } else { Duration::from_millis(40) };
    while Instant::now() < end && !*stop.borrow() {
        let pause = (Instant::now() + pause).min(end);
        drop(timeout_at(pause, stop.wait_for(|stop| *stop)).await);
        if pause < end {
            timeout_at(end, life.read()).await.unwrap_or(Ok(()))?;
        }
    }
    Ok(())
}

/// Stays to the end and gets all of it; the first of them says what was told. `complete`: nothing more will be.
pub async fn stay(
    audience: Arc<Audience>,
    reading: Reading,
    is_first: bool,
    complete: watch::Receiver<bool>,
) {
    let mut life = Life::begin(&audience, reading, false).await;
    let (mut next, mut pending, mut end) = (0, Vec::new(), None);
    let who = format!("seed {}: {reading:?}, which stays", audience.ledger.seed);
    loop {
        if let Ok(got) = timeout(Duration::from_millis(200), life.next()).await {
            let text = got.unwrap_or_else(|end| panic!("{who}, was closed: {end:?}"));
            if is_first {
                audience.told.add(&text);
            }
            pending.push(hash(&text));
            if pending.len() < 100 {
                continue;
            }
        }
        let followed = audience.told.follow(reading, &mut next, &mut pending);
        followed.unwrap_or_else(|fault| panic!("{who}: {fault}"));
        if *complete.borrow() {
            let missing = audience.told.missing(reading, next);
            if missing.is_empty() {
                break;
            }
            let end = *end.get_or_insert_with(|| Instant::now() + DEADLINE);
            assert!(Instant::now() < end, "{who}, never gets the events of the writes {missing:?}");
        }
    }
    assert_eq!(life.close().await, End::Closed(None), "{who}");
    let more = pending.len() + life.stretch.frames.len();
    assert_eq!(more, 0, "{who}, got frames that nobody else got");
}
