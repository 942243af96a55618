//! The trainer as its users run it: real trainings, small, on rendered pictures.

mod common;
mod data;
mod grades;
mod precision;
mod reports;
mod rows;
mod runs;
mod textures;
mod training;
