//! derust in C and C++ programs: `c/` holds the programs, `tests/` builds them with real compilers against an installed
//! derust and runs them.
