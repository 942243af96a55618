//! Keeps what is worked on at the same time within a limit of memory.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::control::{Control, Stopped};
use crate::waiting::wait_while;

/// Memory that pieces of work share.
#[derive(Debug)]
pub struct Memory {
    limit: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

/// Memory that one piece of work holds; given back when dropped.
#[derive(Debug)]
pub struct Share<'a> {
    memory: &'a Memory,
    bytes: u64,
}

impl Memory {
    /// `limit` bytes to share.
    pub fn new(limit: u64) -> Self {
        Memory { limit, used: Mutex::new(0), freed: Condvar::new() }
    }

    /// Bytes to share.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Waits until `bytes` are free. What needs more than there is waits until it is alone.
    ///
    /// # Errors
    /// When the call is to end before.
    pub fn take(&self, bytes: u64, control: &Control<'_>) -> Result<Share<'_>, Stopped> {
        let bytes = bytes.min(self.limit);
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *wait_while(&self.freed, used, control, |used| *used + bytes > self.limit)? += bytes;
        Ok(Share { memory: self, bytes })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.memory.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.memory.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn no_more_is_given_out_than_there_is_and_everyone_gets_a_turn() {
        let memory = Memory::new(10);
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [3, 4, 5, 6, 1, 99, 2, 10] {
                let (memory, held, most) = (&memory, &held, &most);
                scope.spawn(move || {
                    let _share = memory.take(bytes, &Control::default()).unwrap();
                    let bytes = bytes.min(10);
                    most.fetch_max(held.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(2));
                    held.fetch_sub(bytes, Ordering::SeqCst);
                });
            }
        });
        assert!((10..=10).contains(&most.into_inner()));
        assert_eq!(*memory.used.lock().unwrap(), 0);
    }

    #[test]
    fn who_waits_for_memory_can_stop() {
        let memory = Memory::new(10);
        let share = memory.take(6, &Control::default()).unwrap();
        let late = Control::default().until(Instant::now() + Duration::from_millis(30));
        assert_eq!(memory.take(6, &late).unwrap_err(), Stopped::DeadlinePassed);
        let stopped = AtomicBool::new(true);
        assert_eq!(memory.take(6, &Control::new(None, Some(&stopped))).unwrap_err(), Stopped::Cancelled);
        drop(share);
        assert!(memory.take(6, &late).is_ok(), "what is free needs no waiting");
    }
}
