//! Keeps what is worked on at the same time within a limit of memory.

use std::sync::{Condvar, Mutex, PoisonError};

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
    pub fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.limit);
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used = self
            .freed
            .wait_while(used, |used| *used + bytes > self.limit)
            .unwrap_or_else(PoisonError::into_inner);
        *used += bytes;
        Share { memory: self, bytes }
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
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_is_given_out_than_there_is_and_everyone_gets_a_turn() {
        let memory = Memory::new(10);
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [3, 4, 5, 6, 1, 99, 2, 10] {
                let (memory, held, most) = (&memory, &held, &most);
                scope.spawn(move || {
                    let _share = memory.take(bytes);
                    let bytes = bytes.min(10);
                    most.fetch_max(held.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    held.fetch_sub(bytes, Ordering::SeqCst);
                });
            }
        });
        assert!((10..=10).contains(&most.into_inner()));
        assert_eq!(*memory.used.lock().unwrap(), 0);
    }
}
