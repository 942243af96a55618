//! Picture files: PNG and JPEG to pixels in memory and back.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use derust_engine::pixels::{Channels, Depth, Layout, Picture, PictureMut};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits};

/// The most bytes that a picture may need in memory; a header that promises more is refused.
const MEMORY_LIMIT: u64 = 4 << 30;

/// The most pixels along a side.
const SIDE_LIMIT: u32 = 1 << 20;

const JPEG_QUALITY: u8 = 95;

/// A picture out of a file, or on its way into one.
#[derive(Clone, Debug)]
pub struct PictureFile {
    width: u32,
    height: u32,
    colour: ColorType,
    /// Pixels without gaps, values in the machine's byte order.
    data: Vec<u8>,
    format: ImageFormat,
    icc_profile: Option<Vec<u8>>,
    exif: Option<Vec<u8>>,
}

impl PictureFile {
    /// Reads a PNG or JPEG file, whatever its name ends in.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        // The content says what a file is; its name may be wrong.
        let mut reader = File::open(path)
            .and_then(|file| ImageReader::new(BufReader::new(file)).with_guessed_format())
            .map_err(|error| anyhow::anyhow!("it cannot be read: {error}"))?;
        let format = match reader.format() {
            Some(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
            _ => bail!("it is no PNG or JPEG picture"),
        };
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE_LIMIT);
        limits.max_image_height = Some(SIDE_LIMIT);
        limits.max_alloc = Some(MEMORY_LIMIT);
        reader.limits(limits);
        let broken = |error: image::ImageError| anyhow::anyhow!("the picture cannot be decoded: {error}");
        let mut decoder = reader.into_decoder().map_err(broken)?;
        let (width, height) = decoder.dimensions();
        let bytes = decoder.total_bytes();
        if width == 0 || height == 0 || bytes > MEMORY_LIMIT {
            bail!(
                "a picture of {width} x {height} pixels is too large; {} GB are the limit",
                MEMORY_LIMIT >> 30
            );
        }
        let colour = decoder.color_type();
        let (icc_profile, exif) =
            (decoder.icc_profile().unwrap_or_default(), decoder.exif_metadata().unwrap_or_default());
        let mut data = vec![0; usize::try_from(bytes).context("the picture is too large for this machine")?];
        decoder.read_image(&mut data).map_err(broken)?;
        let picture = PictureFile { width, height, colour, data, format, icc_profile, exif };
        picture.layout()?;
        Ok(picture)
    }

    /// An 8-bit gray picture of this one's size, black, to be written as PNG.
    pub fn blank_gray(&self) -> Self {
        PictureFile {
            width: self.width,
            height: self.height,
            colour: ColorType::L8,
            data: vec![0; self.width as usize * self.height as usize],
            format: ImageFormat::Png,
            icc_profile: None,
            exif: None,
        }
    }

    /// How the name of a file of this picture's format ends.
    pub fn extension(&self) -> &'static str {
        if self.format == ImageFormat::Jpeg { "jpg" } else { "png" }
    }

    /// The pixels, to read.
    pub fn picture(&self) -> anyhow::Result<Picture<'_>> {
        Ok(Picture::new(&self.data, self.layout()?)?)
    }

    /// The pixels, to write.
    pub fn picture_mut(&mut self) -> anyhow::Result<PictureMut<'_>> {
        let layout = self.layout()?;
        Ok(PictureMut::new(&mut self.data, layout)?)
    }

    /// The part of the pixels, 0 to 1, that differ from those of `other`, a picture of the same kind.
    pub fn changed_fraction(&self, other: &PictureFile) -> f64 {
        let stride = usize::from(self.colour.bytes_per_pixel());
        let pixels = self.data.chunks(stride).zip(other.data.chunks(stride));
        let changed = pixels.filter(|(a, b)| a != b).count();
        changed as f64 / (self.data.len() / stride) as f64
    }

    fn layout(&self) -> anyhow::Result<Layout> {
        let (channels, depth) = match self.colour {
            ColorType::L8 | ColorType::La8 => (Channels::Gray, Depth::U8),
            ColorType::Rgb8 => (Channels::Rgb, Depth::U8),
            ColorType::Rgba8 => (Channels::Rgba, Depth::U8),
            ColorType::L16 | ColorType::La16 => (Channels::Gray, Depth::U16),
            ColorType::Rgb16 => (Channels::Rgb, Depth::U16),
            ColorType::Rgba16 => (Channels::Rgba, Depth::U16),
            other => bail!("pixels of the kind {other:?} cannot be worked on"),
        };
        // Gray with alpha is gray with a gap between the pixels, so its alpha stays as it is.
        let pixel_stride = usize::from(self.colour.bytes_per_pixel());
        let row_stride = isize::try_from(self.width as usize * pixel_stride)?;
        Ok(Layout { pixel_stride, row_stride, ..Layout::packed(self.width, self.height, channels, depth) })
    }

    /// Writes the picture in the format that the name of `path` asks for, under another name first, so that there
    /// is never half a file.
    pub fn write(mut self, path: &Path) -> anyhow::Result<()> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let format = match extension.to_ascii_lowercase().as_str() {
            "png" => ImageFormat::Png,
            "jpg" | "jpeg" => ImageFormat::Jpeg,
            _ => bail!("{}: results can be written as .png, .jpg or .jpeg", path.display()),
        };
        if format == ImageFormat::Jpeg && !matches!(self.colour, ColorType::L8 | ColorType::Rgb8) {
            bail!("{}: JPEG keeps neither 16 bits nor transparency; name a .png file", path.display());
        }
        let place =
            |error: std::io::Error| anyhow::anyhow!("{}: it cannot be written: {error}", path.display());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".derust-").suffix(".part");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder).map_err(place)?;
        let mut writer = BufWriter::new(file.as_file_mut());
        self.encode(format, &mut writer).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        writer.flush().map_err(place)?;
        drop(writer);
        file.as_file().sync_data().map_err(place)?;
        file.persist(path).map_err(|error| place(error.error))?;
        Ok(())
    }

    fn encode(&mut self, format: ImageFormat, writer: &mut BufWriter<&mut File>) -> image::ImageResult<()> {
        let (icc_profile, exif) = (self.icc_profile.take(), self.exif.take());
        let (width, height, colour) = (self.width, self.height, self.colour.into());
        // A format that has no place for a profile or for EXIF loses them; the pixels matter more.
        match format {
            ImageFormat::Jpeg => {
                let mut encoder = JpegEncoder::new_with_quality(writer, JPEG_QUALITY);
                icc_profile.into_iter().for_each(|profile| drop(encoder.set_icc_profile(profile)));
                exif.into_iter().for_each(|exif| drop(encoder.set_exif_metadata(exif)));
                encoder.write_image(&self.data, width, height, colour)
            }
            _ => {
                let mut encoder =
                    PngEncoder::new_with_quality(writer, CompressionType::Fast, FilterType::Adaptive);
                icc_profile.into_iter().for_each(|profile| drop(encoder.set_icc_profile(profile)));
                exif.into_iter().for_each(|exif| drop(encoder.set_exif_metadata(exif)));
                encoder.write_image(&self.data, width, height, colour)
            }
        }
    }
}

/// Makes sure that `path` can be read as a file at all, before anything is loaded for it.
pub fn check_exists(path: &Path) -> anyhow::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => bail!("it is a folder; name a picture"),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!("there is no such file"),
        Err(error) => bail!("it cannot be read: {error}"),
    }
}
