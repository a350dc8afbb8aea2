//! How many requests, or connections, are under way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::watch;
use tokio::task::unconstrained;

/// Requests under way, or connections; shutting down waits for them.
#[derive(Debug, Clone, Default)]
pub struct InFlight {
    count: Arc<AtomicUsize>,
    cut: watch::Sender<bool>,
}

impl InFlight {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Those that look for it end where they are.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Waits until they are to end where they are.
    pub(super) fn is_cut(&self) -> IsCut {
        let (said, mut cut) = (self.cut.subscribe(), self.cut.subscribe());
        // Without a sender nobody is left to wait for it. A task that has used up its turn is to wait for it too, not only
        // to be woken again.
        let wait = Box::pin(unconstrained(async move { drop(cut.wait_for(|cut| *cut).await) }));
        IsCut { said, wait, waker: None }
    }

    pub(super) fn enter(&self) -> InFlightGuard {
        self.count.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(Arc::clone(&self.count))
    }
}

/// See [`InFlight::is_cut`]. It is polled with its connection, some four times for each request, and polling the
/// channel each time would cost one part in a hundred of that: it does so where another task is to be woken.
pub(super) struct IsCut {
    said: watch::Receiver<bool>,
    wait: Pin<Box<dyn Future<Output = ()> + Send>>,
    waker: Option<Waker>,
}

impl Future for IsCut {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let is_awaited = self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if is_awaited && !self.said.has_changed().unwrap_or(true) {
            return Poll::Pending;
        }
        self.waker = Some(context.waker().clone());
        self.wait.as_mut().poll(context)
    }
}

/// One of them; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct InFlightGuard(Arc<AtomicUsize>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use tokio::task::coop::consume_budget;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    fn poll(cut: &mut IsCut, task: &Arc<Woken>) -> Poll<()> {
        Pin::new(cut).poll(&mut Context::from_waker(&Waker::from(Arc::clone(task))))
    }

    #[test]
    fn whoever_polled_last_is_woken_by_the_cut_however_often_that_was() {
        let [one, other] = [Arc::<Woken>::default(), Arc::default()];
        for tasks in [vec![&one], vec![&one, &one, &one], vec![&one, &other], vec![&other, &one, &one]] {
            let in_flight = InFlight::default();
            let mut cut = in_flight.is_cut();
            assert!(tasks.iter().all(|task| poll(&mut cut, task).is_pending()));
            let last = tasks[tasks.len() - 1];
            last.0.store(false, Ordering::SeqCst);
            in_flight.cut();
            assert!(last.0.load(Ordering::SeqCst));
            assert!(poll(&mut cut, last).is_ready());
        }
    }

    #[tokio::test]
    async fn a_task_that_had_used_up_its_turn_did_not_hear_the_cut() {
        let (in_flight, task) = (InFlight::default(), Arc::<Woken>::default());
        let mut cut = in_flight.is_cut();
        let is_pending = std::future::poll_fn(|context| {
            while std::pin::pin!(consume_budget()).poll(context).is_ready() {}
            Poll::Ready(poll(&mut cut, &task).is_pending())
        });
        assert!(is_pending.await);
        task.0.store(false, Ordering::SeqCst);
        in_flight.cut();
        assert!(task.0.load(Ordering::SeqCst));
    }

    #[test]
    fn the_cut_is_heard_by_whom_it_came_before() {
        let in_flight = InFlight::default();
        let mut cut = in_flight.is_cut();
        in_flight.cut();
        assert!(poll(&mut cut, &Arc::default()).is_ready());
        assert!(poll(&mut in_flight.is_cut(), &Arc::default()).is_ready());
    }
}
