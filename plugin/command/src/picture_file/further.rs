//! What lies in a file beside the picture that is worked on, and what becomes of it.

use std::sync::Arc;

use super::metadata::Own;
use super::{Format, PictureFile, exr, png, tiff};

/// Channels, pages, frames: what a file holds beside its first picture.
#[derive(Clone, Debug, Default)]
pub struct Further {
    /// Channels beside colours and alpha, of TIFF.
    pub bands: Option<Arc<tiff::Bands>>,
    /// Pages of TIFF.
    pub pages: Option<Arc<tiff::Pages>>,
    /// Frames of PNG.
    pub frames: Option<Arc<png::Frames>>,
    /// An OpenEXR file.
    pub exr: Option<Arc<exr::Whole>>,
    /// What no result has, in words.
    pub dropped: Vec<String>,
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("its further {what}") } else { format!("its {count} further {what}s") }
}

impl PictureFile {
    /// What a file of this format will not hold that the picture's own file does, in words.
    pub fn lost(&self, format: Format) -> Vec<String> {
        let Further { bands, pages, frames, exr, dropped } = &self.metadata.further;
        let mut lost = dropped.clone();
        if let Some(bands) = bands.as_ref().filter(|_| format != Format::Tiff) {
            lost.push(counted(bands.count(), "channel"));
        }
        if let Some(pages) = pages {
            let (kept, all) =
                if format == Format::Tiff { (pages.copied(), pages.all()) } else { (0, pages.all()) };
            if kept < all {
                lost.push(counted(all - kept, "page"));
            }
        }
        let kept_frames = |frames: &png::Frames| format == Format::Png && frames.fit(self.pixels);
        if let Some(frames) = frames.as_ref().filter(|frames| !kept_frames(frames)) {
            lost.push(counted(frames.count, "frame"));
        }
        if let Some(exr) = exr.as_ref().filter(|exr| format != Format::Exr && exr.further > 0) {
            lost.push(counted(exr.further, "channel"));
        }
        lost
    }

    /// What a person should know about what a file of this format has no place for.
    pub fn without_place(&self, format: Format) -> Vec<String> {
        let mut notes = Vec::new();
        if self.metadata.further.exr.is_some() && format != Format::Exr {
            notes.push("attributes of the OpenEXR file are not kept".to_owned());
        }
        if self.metadata.iptc.is_some() && matches!(format, Format::WebP | Format::Bmp | Format::Exr) {
            notes.push("its IPTC captions are left out, for which the format has no place".into());
        }
        let was_tiff = matches!(self.metadata.own, Own::Tiff { .. });
        if format != Format::Tiff
            && (self.metadata.geography.is_some() || was_tiff && self.metadata.is_on_earth())
        {
            notes.push("where it lies on earth is left out; a .tif file keeps it".into());
        }
        notes
    }
}
