//! What calls say of themselves.

use std::fmt;
use std::ptr::null_mut;
use std::time::Duration;

use derust_interface as c;

use crate::library::Library;

/// What makes a judgement less sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Caution {
    /// The picture is dark; rust in it is easily missed.
    Dark,
    /// One that only a later library knows, by its number in `derust.h`.
    Other(i32),
}

/// What a call says of itself. Later versions may add to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallInfo {
    /// What makes the judgement less sure, if anything.
    pub caution: Option<Caution>,
    /// How long the call waited for others: for a session, for memory, for a network that another call loads. This and the
    /// three below are together what the call took; for a picture of a batch: from when its turn came. All are zero where
    /// the library is one that does not measure.
    pub wait: Duration,
    /// For bringing the picture to the scale at which the network works, and for judging it.
    pub reduce: Duration,
    /// For the networks: to try out and load them where that was not done yet, and to run them.
    pub network: Duration,
    /// For all the rest: alpha, fill, texture, bringing them to the picture's size, writing.
    pub compose: Duration,
}

impl Caution {
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match number {
            c::DERUST_CAUTION_NONE => None,
            c::DERUST_CAUTION_DARK => Some(Caution::Dark),
            other => Some(Caution::Other(other)),
        }
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caution::Dark => f.write_str("the picture is dark; rust in it is easily missed"),
            Caution::Other(number) => write!(f, "the judgement is less sure, for reason {number}"),
        }
    }
}

/// Where the library tells of one call, or of every picture of a batch.
pub(crate) struct Told(Vec<c::CallInfo>);

impl Told {
    /// Room for `pictures`; none where the library is one that does not tell.
    pub(crate) fn new(library: Library, pictures: usize) -> Self {
        let tells = library.functions().caution_text().is_some();
        Told(vec![c::CallInfo::default(); if tells { pictures } else { 0 }])
    }

    /// For the options of a call, as long as this lives.
    pub(crate) fn pointer(&mut self) -> *mut c::CallInfo {
        if self.0.is_empty() { null_mut() } else { self.0.as_mut_ptr() }
    }

    /// What was told of the picture with this number.
    pub(crate) fn info(&self, picture: usize) -> CallInfo {
        let told = self.0.get(picture).copied().unwrap_or_default();
        let time = Duration::from_nanos;
        CallInfo {
            caution: Caution::from_number(told.caution),
            wait: time(told.wait_ns),
            reduce: time(told.reduce_ns),
            network: time(told.network_ns),
            compose: time(told.compose_ns),
        }
    }
}
