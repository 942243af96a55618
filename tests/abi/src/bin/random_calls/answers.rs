//! What is true of every answer.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::ptr::without_provenance_mut;

use derust_interface::*;

/// A place for a handle or an error, with something in it by which one can tell whether it was written to.
#[repr(transparent)]
pub struct Place<T>(*mut T);

impl<T> Place<T> {
    const UNTOUCHED: usize = 0x5a5a;

    pub fn new() -> Self {
        Place(without_provenance_mut(Self::UNTOUCHED))
    }

    pub fn pointer(&mut self) -> *mut *mut T {
        &raw mut self.0
    }

    pub fn is_untouched(&self) -> bool {
        self.0.addr() == Self::UNTOUCHED
    }

    /// The handle in it, if there is one.
    pub fn handle(self) -> Option<*mut T> {
        (!self.is_untouched() && !self.0.is_null()).then_some(self.0)
    }

    /// The handle that a call made: one if it succeeded, and NULL if it failed.
    pub fn made(self, status: Status) -> Result<Option<*mut T>, String> {
        if self.is_untouched() || self.0.is_null() != (status != DERUST_OK) {
            return Err(format!("the place for a handle holds {:?} after status {status}", self.0));
        }
        Ok((status == DERUST_OK).then_some(self.0))
    }
}

/// Looks at the status and the error of a call, and frees the error. `error` is `None` if the call got no place for it.
pub fn judge(library: &Library, status: Status, error: Option<Place<Error>>) -> Result<(), String> {
    if !(DERUST_OK..=DERUST_ERROR_TIMEOUT).contains(&status) {
        return Err(format!("status {status} is none"));
    }
    let mut text = String::new();
    if let Some(error) = error {
        if error.is_untouched() != (status == DERUST_OK) || error.0.is_null() {
            return Err(format!("the place for the error holds {:?} after status {status}", error.0));
        }
        if status != DERUST_OK {
            // SAFETY: the call that failed has made the error, whose text lives until it is freed here, once.
            let (told, message) = unsafe {
                let message = CStr::from_ptr(library.error_message()(error.0)).to_owned();
                let told = library.error_status()(error.0);
                library.error_free()(error.0);
                (told, message)
            };
            text = message.into_string().map_err(|_| "the text of an error is not UTF-8")?;
            if told != status || text.is_empty() || text.contains('\n') {
                return Err(format!("status {status} comes with an error of status {told}: {text:?}"));
            }
        }
    }
    if status == DERUST_ERROR_INTERNAL {
        return Err(format!("a bug was found: {text}"));
    }
    Ok(())
}

/// How often each function was called, and how often it succeeded.
#[derive(Default)]
pub struct Tally {
    functions: BTreeMap<&'static str, (u64, u64)>,
    last: &'static str,
}

impl Tally {
    pub fn count(&mut self, function: &'static str, status: Status) {
        let (calls, successes) = self.functions.entry(function).or_default();
        self.last = function;
        *calls += 1;
        *successes += u64::from(status == DERUST_OK);
    }

    pub fn calls(&self) -> u64 {
        self.functions.values().map(|(calls, _)| calls).sum()
    }

    /// The function that was called last.
    pub fn last(&self) -> &'static str {
        self.last
    }

    pub fn print(&self) {
        for (function, (calls, successes)) in &self.functions {
            println!("{function}: {successes} of {calls} calls succeeded");
        }
    }

    /// Wrong calls only would show little: of each function a fair part has to succeed.
    pub fn is_fair(&self) -> Result<(), String> {
        /// Of fewer calls too many may fail by chance.
        const ENOUGH: u64 = 200;
        /// One in so many.
        const PART: u64 = 5;
        let unfair = |(calls, successes): &(u64, u64)| *calls >= ENOUGH && successes * PART < *calls;
        let all = self.functions.values().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        let all = [(&"all functions", &all)];
        match self.functions.iter().chain(all).find(|(_, numbers)| unfair(numbers)) {
            Some((function, (calls, successes))) => Err(format!(
                "only {successes} of {calls} calls of {function} succeeded: the calls are too wild"
            )),
            None => Ok(()),
        }
    }
}
