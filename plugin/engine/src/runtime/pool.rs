//! Sessions shared by the threads of a program.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use once_cell::unsync::OnceCell;

use super::{NetworkInfo, Placement, Provider, Runtime, RuntimeError, Session, SessionOptions};
use crate::control::Control;
use crate::log::Level;
use crate::waiting::wait_while;

/// A bounded number of sessions of one network.
///
/// A session runs one picture at a time, so that no lock is held while it runs. Sessions are made when they are first
/// needed; a caller who finds all of them busy waits.
// ONNX Runtime lets threads share a session; `ort` does not, having seen providers for GPUs crash. Shared, eight threads on
// two processors made as many runs a second as with a session each, at most; what sharing saves is some 50 MB a session.
#[derive(Debug)]
pub(crate) struct SessionPool {
    network: NetworkInfo,
    state: Mutex<State>,
    returned: Condvar,
}

/// The place of a session, which is made when the place is first used.
type Place = OnceCell<Session>;

#[derive(Debug)]
struct State {
    /// The places that nobody uses.
    idle: Vec<Place>,
    /// Where the session runs that was made last.
    placement: Option<Arc<Placement>>,
}

/// A session on loan; it goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    pool: &'a SessionPool,
    place: Place,
}

impl SessionPool {
    /// A pool of at most `bound` sessions (at least one).
    pub(crate) fn new(bound: usize, network: NetworkInfo) -> Self {
        let idle = (0..bound.max(1)).map(|_| Place::new()).collect();
        SessionPool { network, state: Mutex::new(State { idle, placement: None }), returned: Condvar::new() }
    }

    /// Where the network runs; `None` before it was loaded.
    pub(crate) fn placement(&self) -> Option<Arc<Placement>> {
        self.state().placement.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a session, making one if none is idle and the bound allows. It is for tiles that are not larger than those
    /// with the number `shrunk` of the network's.
    pub(crate) fn lease(
        &self,
        runtime: &Runtime,
        onnx: &[u8],
        options: &SessionOptions,
        shrunk: usize,
        control: &Control<'_>,
    ) -> Result<Lease<'_>, RuntimeError> {
        let all_used = |state: &mut State| state.idle.is_empty();
        let mut state = wait_while(&self.returned, self.state(), control, all_used)?;
        // TensorRT compiled them for one size.
        let unfit = |session: &Session| {
            session.shrunk() < shrunk && session.placement().provider() == Provider::TensorRt
        };
        for place in &mut state.idle {
            if place.get().is_some_and(unfit) {
                place.take();
            }
        }
        let made = state.idle.iter().rposition(|place| place.get().is_some());
        // From here on the lease holds the place, so a failure gives it back.
        let place = state.idle.swap_remove(made.unwrap_or(0));
        drop(state);
        let lease = Lease { pool: self, place };
        lease.place.get_or_try_init(|| {
            let session = runtime.session_of(&self.network, onnx, options, shrunk, control)?;
            self.note(session.placement());
            Ok::<_, RuntimeError>(session)
        })?;
        Ok(lease)
    }

    /// Keeps where a new session runs, and says so the first time and when it is another place than before.
    fn note(&self, placement: &Placement) {
        let last = self.state().placement.replace(Arc::new(placement.clone()));
        let name = &self.network.name;
        match last {
            None => self.network.log.say(Level::Info, format_args!("{name} runs on {placement}")),
            Some(last) if last.device() != placement.device() => self.network.log.say(
                Level::Warning,
                format_args!("{name} runs on {placement}; until now it ran on {}", last.device()),
            ),
            Some(_) => {}
        }
    }
}

impl Lease<'_> {
    pub(crate) fn session(&mut self) -> &mut Session {
        self.place.get_mut().expect("a lease that reached its caller holds a session")
    }

    /// Gives back the memory that this session holds, and what those hold that nobody uses.
    pub(crate) fn free_memory(mut self) {
        self.place.take();
        let idle: Vec<Session> = self.pool.state().idle.iter_mut().filter_map(Place::take).collect();
        // It takes time, and nobody has to wait for it.
        drop(idle);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let place = std::mem::take(&mut self.place);
        self.pool.state().idle.push(place);
        self.pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::control::Stopped;
    use crate::fixtures::Network;

    #[test]
    fn a_caller_waits_for_a_session_and_a_failure_frees_its_place() {
        let runtime = Runtime::load(None).unwrap();
        let options = SessionOptions::default();
        let onnx = Network::red_is_rust().to_onnx();
        let pool = SessionPool::new(1, NetworkInfo::unknown());
        assert!(pool.lease(&runtime, b"no network", &options, 0, &Control::default()).is_err());
        let lease = pool.lease(&runtime, &onnx, &options, 0, &Control::default()).unwrap();
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let (pool, runtime, onnx, options) = (&pool, &runtime, &onnx, &options);
            scope.spawn(move || {
                let mut lease = pool.lease(runtime, onnx, options, 0, &Control::default()).unwrap();
                sender.send(lease.session().input_names().count()).unwrap();
            });
            assert!(receiver.recv_timeout(Duration::from_millis(100)).is_err(), "two leases of one session");
            let late = Control::default().until(Instant::now() + Duration::from_millis(30));
            let stopped = pool.lease(runtime, onnx, options, 0, &late).unwrap_err();
            assert!(matches!(stopped, RuntimeError::Stopped(Stopped::DeadlinePassed)), "{stopped}");
            drop(lease);
            assert_eq!(receiver.recv(), Ok(1));
        });
        let made = pool.state().idle.iter().map(|place| place.get().is_some()).collect::<Vec<_>>();
        assert_eq!(made, [true], "one session in one place");
    }
}
