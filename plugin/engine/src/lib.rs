//! Finds rust in pictures and takes it away.
