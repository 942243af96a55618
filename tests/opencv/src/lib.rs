//! derust in C++ programs with OpenCV: `cpp/` holds programs, `tests/` builds and runs them with real tools against
//! an installed derust.
