//! Figures for people: charts, tables, contact sheets and pages that open offline.

pub mod html;
pub mod lettering;
pub mod plot;
pub mod sheet;
pub mod table;
