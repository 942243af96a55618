//! Measures model files the way people use them: through the `derust` command.

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Args, Clone, Debug)]
pub struct PairsOptions {}

#[derive(Subcommand, Clone, Debug)]
pub enum EvaluateCommand {}

pub fn write_pairs(_: &PairsOptions) -> Result<()> {
    Ok(())
}

pub fn evaluate(_: &EvaluateCommand) -> Result<()> {
    Ok(())
}
