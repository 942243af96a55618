//! Sessions shared by the threads of a program.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::{NetworkInfo, Placement, Provider, Runtime, RuntimeError, Session, SessionOptions};
use crate::log::Level;

/// A bounded number of sessions of one network.
///
/// A session runs one picture at a time, so that no lock is held while it runs. Sessions are made when they are first
/// needed; a caller who finds all of them busy waits.
// ONNX Runtime lets threads share a session; `ort` does not, having seen providers for GPUs crash. Shared, eight threads on
// two processors made as many runs a second as with a session each, at most; what sharing saves is some 50 MB a session.
#[derive(Debug)]
pub(crate) struct SessionPool {
    bound: usize,
    network: NetworkInfo,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Session>,
    /// Sessions that exist or are being made, idle ones included.
    made: usize,
    /// Where the session runs that was made last.
    placement: Option<Arc<Placement>>,
}

/// A session on loan; it goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    pool: &'a SessionPool,
    session: Option<Session>,
}

impl SessionPool {
    /// A pool of at most `bound` sessions (at least one).
    pub(crate) fn new(bound: usize, network: NetworkInfo) -> Self {
        SessionPool { bound: bound.max(1), network, state: Mutex::default(), returned: Condvar::new() }
    }

    /// Where the network runs; `None` before it was loaded.
    pub(crate) fn placement(&self) -> Option<Arc<Placement>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).placement.clone()
    }

    /// Takes a session, making one if none is idle and the bound allows. It is for tiles that are not larger than those
    /// with the number `shrunk` of the network's.
    pub(crate) fn lease(
        &self,
        runtime: &Runtime,
        onnx: &[u8],
        options: &SessionOptions,
        shrunk: usize,
    ) -> Result<Lease<'_>, RuntimeError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(session) = state.idle.pop() {
                // TensorRT compiled it for one size.
                let fits = session.shrunk() >= shrunk || session.placement().provider() != Provider::TensorRt;
                if fits {
                    return Ok(Lease { pool: self, session: Some(session) });
                }
                state.made -= 1;
                continue;
            }
            if state.made < self.bound {
                state.made += 1;
                break;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        // From here on the lease accounts for the session, so a failure frees its place.
        let mut lease = Lease { pool: self, session: None };
        let session = runtime.session_of(&self.network, onnx, options, shrunk)?;
        self.note(session.placement());
        lease.session = Some(session);
        Ok(lease)
    }

    /// Keeps where a new session runs, and says so the first time and when it is another place than before.
    fn note(&self, placement: &Placement) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let last = state.placement.replace(Arc::new(placement.clone()));
        drop(state);
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
        self.session.as_mut().expect("a lease that reached its caller holds a session")
    }

    /// Gives back the memory that this session holds, and what those hold that nobody uses.
    pub(crate) fn free_memory(mut self) {
        self.session = None;
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.made -= state.idle.len();
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.session.take() {
            Some(session) => state.idle.push(session),
            None => state.made -= 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::fixtures::Network;

    #[test]
    fn a_caller_waits_for_a_session_and_a_failure_frees_its_place() {
        let runtime = Runtime::load(None).unwrap();
        let options = SessionOptions::default();
        let onnx = Network::red_is_rust().to_onnx();
        let pool = SessionPool::new(1, NetworkInfo::unknown());
        assert!(pool.lease(&runtime, b"no network", &options, 0).is_err());
        let lease = pool.lease(&runtime, &onnx, &options, 0).unwrap();
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let (pool, runtime, onnx, options) = (&pool, &runtime, &onnx, &options);
            scope.spawn(move || {
                let mut lease = pool.lease(runtime, onnx, options, 0).unwrap();
                sender.send(lease.session().input_names().count()).unwrap();
            });
            assert!(receiver.recv_timeout(Duration::from_millis(100)).is_err(), "two leases of one session");
            drop(lease);
            assert_eq!(receiver.recv(), Ok(1));
        });
        assert_eq!(pool.state.lock().unwrap().made, 1);
    }
}
