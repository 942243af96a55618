//! What was proven for one commit.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::SECTIONS;
use crate::prefix::put;
use crate::workspace::Workspace;

/// What was proven for one commit so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    commit: String,
    proven: Vec<Proven>,
}

/// A section that held.
#[derive(Debug, Serialize, Deserialize)]
struct Proven {
    section: String,
    seconds: u64,
    figures: String,
}

impl Report {
    /// The report of `commit`; empty where nothing was proven for that very one yet.
    pub fn read(workspace: &Workspace, commit: &str) -> Self {
        let text = fs::read(file(workspace)).unwrap_or_default();
        let kept: Report = serde_json::from_slice(&text).unwrap_or_default();
        if kept.commit == commit { kept } else { Report { commit: commit.into(), proven: vec![] } }
    }

    /// The sections that are not proven yet.
    pub fn missing(&self) -> Vec<&'static str> {
        let is_proven = |name: &str| self.proven.iter().any(|proven| proven.section == name);
        SECTIONS.iter().map(|section| section.name).filter(|name| !is_proven(name)).collect()
    }

    /// Adds a section that held, and writes the report and its page.
    pub fn add(&mut self, workspace: &Workspace, section: &str, seconds: u64, figures: &str) -> Result<()> {
        self.proven.retain(|proven| proven.section != section);
        self.proven.push(Proven { section: section.into(), seconds, figures: figures.into() });
        put(&file(workspace), &serde_json::to_vec_pretty(self).context("cannot describe what was proven")?)?;
        put(&self.page(workspace), self.text().as_bytes())
    }

    /// Where the page lies.
    pub fn page(&self, workspace: &Workspace) -> PathBuf {
        folder(workspace).join("REPORT.md")
    }

    /// The page, in Markdown.
    fn text(&self) -> String {
        let mut text = format!(
            "# What is proven for {}\n\n| section | proves | seconds | figures |\n|---|---|---|---|\n",
            self.commit
        );
        for section in &SECTIONS {
            let (seconds, figures) = match self.proven.iter().find(|proven| proven.section == section.name) {
                Some(proven) => (proven.seconds.to_string(), proven.figures.replace('|', "\\|")),
                None => ("**not proven**".into(), String::new()),
            };
            let _ = writeln!(text, "| {} | {} | {seconds} | {figures} |", section.name, section.proves);
        }
        text
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("verify")
}

fn file(workspace: &Workspace) -> PathBuf {
    Path::new(&folder(workspace)).join("report.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_gathers_over_several_calls_and_belongs_to_one_commit() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().into(),
            target: folder.path().join("target"),
            cache: folder.path().join("cache"),
        };
        let mut report = Report::read(&workspace, "abc");
        assert_eq!(report.missing().len(), SECTIONS.len());
        report.add(&workspace, "fuzz", 7, "a | b").unwrap();
        let mut report = Report::read(&workspace, "abc");
        assert!(!report.missing().contains(&"fuzz") && report.missing().contains(&"tests"));
        for section in &SECTIONS {
            report.add(&workspace, section.name, 1, "").unwrap();
        }
        assert!(Report::read(&workspace, "abc").missing().is_empty());
        let page = fs::read_to_string(report.page(&workspace)).unwrap();
        assert!(page.contains("for abc") && !page.contains("not proven"), "{page}");
        assert_eq!(Report::read(&workspace, "abd").missing().len(), SECTIONS.len(), "another commit");
    }
}
