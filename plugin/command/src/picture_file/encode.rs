//! From pixels to a file.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use derust_engine::pixels::{Depth, Profile, Transfer};
use image::codecs::bmp::BmpEncoder;
use image::codecs::openexr::OpenExrEncoder;
use image::{ExtendedColorType, ImageEncoder};
use image_webp::WebPEncoder;

use super::metadata::Own;
use super::{Format, Mark, PictureFile, Pixels, bmp, jpeg, png, tiff, xmp};
use crate::stop::Stoppable;
use crate::whole_file::{Times, WholeFile};

/// How files are written, where the caller has a say.
#[derive(Clone, Debug, Default)]
pub struct Coding {
    /// 1 to 100; the input's when absent.
    pub jpeg_quality: Option<u8>,
    /// Whether a file of the same name may be replaced.
    pub may_replace: bool,
    /// Whether the file is the picture's own.
    pub in_place: bool,
    /// Whether its own file may lose what lies beside the picture in it.
    pub may_drop: bool,
    /// What the picture is to say of its treatment.
    pub mark: Option<Mark>,
    /// The times that the file is to have; those of its writing when absent.
    pub times: Option<Times>,
}

/// Where a picture is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into a file, in the format that its name asks for.
    File(PathBuf),
    /// To standard output.
    StandardOutput(Format),
}

impl Target {
    /// The format; `None` where the name asks for none that is known.
    pub fn format(&self) -> Option<Format> {
        match self {
            Target::File(path) => Format::of_extension(path),
            Target::StandardOutput(format) => Some(*format),
        }
    }

    /// The file, or `-`.
    pub fn path(&self) -> &Path {
        match self {
            Target::File(path) => path,
            Target::StandardOutput(_) => Path::new("-"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::File(path) => path.display().fmt(f),
            Target::StandardOutput(_) => f.write_str("standard output"),
        }
    }
}

type Writer<'a> = BufWriter<Stoppable<&'a mut File>>;

impl PictureFile {
    /// Whether the picture can be written there.
    ///
    /// # Errors
    /// When the ending names no format, or one that would lose bits or transparency.
    pub fn check_target(&self, target: &Target) -> anyhow::Result<Format> {
        let Some(format) = target.format() else {
            bail!("{target}: results can be written as .png, .jpg, .tif, .webp, .bmp or .exr");
        };
        let refuse = |what: &str| bail!("{target}: {what}; name a .png or .tif file");
        let Pixels { depth, .. } = self.pixels;
        match format {
            Format::Jpeg if depth != Depth::U8 || self.pixels.has_alpha() => {
                refuse("JPEG keeps neither 16 bits nor transparency")
            }
            Format::WebP if depth != Depth::U8 => refuse("WebP keeps no more than 8 bits"),
            Format::Bmp if depth != Depth::U8 => refuse("BMP keeps no more than 8 bits"),
            Format::Exr if depth != Depth::F32 || self.pixels.channels < 3 => {
                refuse("OpenEXR holds float colours only")
            }
            format => Ok(format),
        }
    }

    /// Writes the picture in the format that the target asks for, under another name first, so that there
    /// is never half a file. Answers with what a person should know about it.
    ///
    /// # Errors
    /// When the format does not fit, the file cannot be written, or the work is to end; then nothing is left.
    pub fn write(self, target: &Target, coding: &Coding) -> anyhow::Result<Vec<String>> {
        let format = self.check_target(target)?;
        let lost = self.lost(format);
        if coding.in_place && !coding.may_drop && !lost.is_empty() {
            bail!(
                "{target} would lose {}; name another file, or use --drop-further to replace it all the same",
                lost.join(" and ")
            );
        }
        match target {
            Target::File(path) => self.write_file(path, format, coding),
            Target::StandardOutput(_) => self.write_to_standard_output(format, coding),
        }
    }

    fn write_file(self, path: &Path, format: Format, coding: &Coding) -> anyhow::Result<Vec<String>> {
        let place = |error: io::Error| anyhow!("{}: it cannot be written: {error}", path.display());
        let mut file = WholeFile::begin(path).map_err(place)?;
        let mut notes = self
            .encode_into(file.as_file_mut(), format, coding)
            .map_err(|error| anyhow!("{}: it cannot be written: {error}", path.display()))?;
        if let Some(times) = coding.times {
            file.set_times(times).map_err(place)?;
        }
        if coding.may_replace {
            if other_names(path) > 0 {
                notes.push("the file has further names (hard links), under which it stays as it was".into());
            }
            file.replace().map_err(place)?;
            return Ok(notes);
        }
        file.put().map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                anyhow!("{} came to be in the meantime; --force replaces it", path.display())
            }
            _ => place(error),
        })?;
        Ok(notes)
    }

    /// Nothing is written before the picture is whole.
    fn write_to_standard_output(self, format: Format, coding: &Coding) -> anyhow::Result<Vec<String>> {
        let failed = |error: &dyn fmt::Display| anyhow!("standard output cannot be written: {error}");
        let mut file = tempfile::tempfile().map_err(|error| failed(&error))?;
        let notes = self.encode_into(&mut file, format, coding).map_err(|error| failed(&error))?;
        let mut output = io::stdout().lock();
        file.rewind()
            .and_then(|()| io::copy(&mut file, &mut output))
            .and_then(|_| output.flush())
            .map_err(|error| failed(&error))?;
        Ok(notes)
    }

    fn encode_into(
        mut self,
        file: &mut File,
        format: Format,
        coding: &Coding,
    ) -> anyhow::Result<Vec<String>> {
        let mut writer = BufWriter::new(Stoppable(file));
        let notes = self.encode(format, coding, &mut writer)?;
        writer.flush()?;
        Ok(notes)
    }

    fn encode(
        &mut self,
        format: Format,
        coding: &Coding,
        writer: &mut Writer<'_>,
    ) -> anyhow::Result<Vec<String>> {
        let mut notes = self.without_place(format);
        let lost = self.lost(format);
        if !lost.is_empty() {
            notes.push(format!("the result is without {}", lost.join(" and ")));
        }
        notes.extend(coding.mark.as_ref().and_then(|mark| self.mark(format, mark)));
        self.keep_meaning(format);
        if format == Format::Png && self.pixels.depth == Depth::F32 {
            self.reduce_to_16_bits();
            notes.push("float values became 16 bits".into());
        }
        let size = self.size();
        match format {
            Format::Png => png::write(writer, size, self.pixels, &mut self.data, &self.metadata)?,
            Format::Jpeg => {
                let gray = self.pixels.channels == 1;
                let (file, more) = jpeg::write(size, gray, &self.data, &self.metadata, coding.jpeg_quality)?;
                notes.extend(more);
                writer.write_all(&file)?;
            }
            Format::Tiff => {
                notes.extend(tiff::write(writer, size, self.pixels, &self.data, &self.metadata)?);
                if let Own::Tiff { compression: tiff::JPEG, .. } = self.metadata.own {
                    notes.push("TIFF is written without loss, so the file is larger".into());
                }
            }
            Format::WebP => {
                self.encode_webp(writer)?;
                if let Own::LossyWebp = self.metadata.own {
                    notes.push("WebP is written without loss, so the file is larger".into());
                }
            }
            Format::Bmp => {
                BmpEncoder::new(writer).encode(&self.data, size.0, size.1, self.colour())?;
                if let Some(resolution) = self.metadata.resolution {
                    bmp::write_resolution(writer, resolution)?;
                }
                if self.metadata.icc.is_some() || self.metadata.exif.is_some() || self.metadata.xmp.is_some()
                {
                    notes.push("BMP has no place for a colour profile, EXIF and XMP".into());
                }
            }
            Format::Exr => match &self.metadata.further.exr {
                Some(whole) => whole.write(writer, size, self.pixels.channels, &self.data)?,
                None => OpenExrEncoder::new(writer).write_image(&self.data, size.0, size.1, self.colour())?,
            },
        }
        Ok(notes)
    }

    /// Says in the picture's XMP that it was treated; answers with why that cannot be said.
    fn mark(&mut self, format: Format, mark: &Mark) -> Option<String> {
        let cannot = |why: &str| Some(format!("nothing in the file says that it was treated: {why}"));
        if let Format::Bmp | Format::Exr = format {
            return cannot("the format has no place for that");
        }
        match xmp::marked(self.metadata.xmp.as_deref(), mark) {
            None => cannot("its XMP is broken"),
            Some(packet) if format == Format::Jpeg && packet.len() > jpeg::XMP_LIMIT => {
                cannot("its XMP is too long for more")
            }
            Some(packet) => {
                self.metadata.xmp = Some(packet);
                None
            }
        }
    }

    /// What other formats say of colours becomes a profile.
    fn keep_meaning(&mut self, format: Format) {
        let says_so_itself = match self.metadata.own {
            Own::Png(_) => format == Format::Png,
            Own::Jpeg(_) => format == Format::Jpeg,
            _ => false,
        };
        let linear = || Profile::from_gamma(1.0, None).ok().flatten();
        let float = self.pixels.transfer == Transfer::Linear && format == Format::Tiff;
        if self.metadata.icc.is_none() && !says_so_itself {
            let profile = self.meaning.profile.clone().or_else(|| if float { linear() } else { None });
            self.metadata.icc = profile.map(|profile| profile.icc().to_vec());
        }
    }

    fn encode_webp(&self, writer: &mut Writer<'_>) -> anyhow::Result<()> {
        let mut encoder = WebPEncoder::new(writer);
        let metadata = &self.metadata;
        metadata.icc.iter().for_each(|icc| encoder.set_icc_profile(icc.clone()));
        metadata.exif.iter().for_each(|exif| encoder.set_exif_metadata(exif.clone()));
        metadata.xmp.iter().for_each(|xmp| encoder.set_xmp_metadata(xmp.clone()));
        let colour = match self.pixels.channels {
            1 => image_webp::ColorType::L8,
            2 => image_webp::ColorType::La8,
            3 => image_webp::ColorType::Rgb8,
            _ => image_webp::ColorType::Rgba8,
        };
        if self.width > 16_384 || self.height > 16_384 {
            bail!("WebP holds no more than 16384 pixels along a side; name a .png or .tif file");
        }
        Ok(encoder.encode(&self.data, self.width, self.height, colour)?)
    }

    fn colour(&self) -> ExtendedColorType {
        match (self.pixels.channels, self.pixels.depth) {
            (1, _) => ExtendedColorType::L8,
            (2, _) => ExtendedColorType::La8,
            (3, Depth::F32) => ExtendedColorType::Rgb32F,
            (3, _) => ExtendedColorType::Rgb8,
            (_, Depth::F32) => ExtendedColorType::Rgba32F,
            _ => ExtendedColorType::Rgba8,
        }
    }

    /// Float values become 16 bits, sRGB-encoded; what is beyond black and white is cut.
    fn reduce_to_16_bits(&mut self) {
        let Pixels { channels, transfer, .. } = self.pixels;
        let has_alpha = self.pixels.has_alpha();
        let reduced = self.data.chunks_exact(4).enumerate().flat_map(|(i, value)| {
            let value = f32::from_ne_bytes([value[0], value[1], value[2], value[3]]);
            let is_alpha = has_alpha && i % channels == channels - 1;
            let encoded = match transfer {
                // IEC 61966-2-1.
                Transfer::Linear if !is_alpha && value <= 0.003_130_8 => value * 12.92,
                Transfer::Linear if !is_alpha => 1.055 * value.powf(1.0 / 2.4) - 0.055,
                _ => value,
            };
            // A value that is no number becomes black.
            ((encoded.clamp(0.0, 1.0) * 65535.0 + 0.5) as u16).to_ne_bytes()
        });
        self.data = reduced.collect();
        (self.pixels.depth, self.pixels.transfer) = (Depth::U16, Transfer::Srgb);
    }
}

/// Under how many further names the file lies.
#[cfg(unix)]
fn other_names(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or(0, |metadata| metadata.nlink().saturating_sub(1))
}

#[cfg(not(unix))]
fn other_names(_: &Path) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture_file::Metadata;

    #[test]
    fn a_file_that_came_to_be_in_the_meantime_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let picture = || PictureFile {
            width: 2,
            height: 1,
            pixels: Pixels::new(1, Depth::U8),
            data: vec![1, 2],
            metadata: Metadata::default(),
            meaning: Default::default(),
            valid: None,
            notes: vec![],
        };
        fs::write(&path, "somebody's").unwrap();
        let target = Target::File(path.clone());
        let error = picture().write(&target, &Coding::default()).unwrap_err().to_string();
        assert!(error.contains("--force"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"somebody's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        picture().write(&target, &Coding { may_replace: true, ..Coding::default() }).unwrap();
        assert_ne!(fs::read(&path).unwrap(), b"somebody's");
        fs::remove_file(&path).unwrap();
        picture().write(&target, &Coding::default()).unwrap();
    }
}
