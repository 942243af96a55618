//! What numbers mean as colours: profiles (ICC.1), code points (ITU-T H.273), and the primaries and gamma of PNG.

use std::fmt;
use std::sync::Arc;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    Matrix3d, MatrixCoefficients, ToneReprCurve, TransferCharacteristics, TransformF32Executor,
    TransformOptions, XyY,
};

use super::Transfer;
use super::colour::{displayable, from_srgb, to_srgb};

/// Steps of a curve's table.
const STEPS: usize = 4096;

/// What tells colours apart from sRGB's: one step of 8 bits, about.
const SAME: f32 = 1.0 / 256.0;

/// White of a diffuse surface where light is given in nits (ITU-R BT.2408), and the most that PQ can say.
const PQ_WHITE: f64 = 203.0 / 10_000.0;
/// The same of HLG on a display of 1000 nits, whose gamma is in its curve here.
const HLG_WHITE: f64 = 0.203;

/// The colours that a picture's numbers stand for, where they are not sRGB's.
#[derive(Clone)]
pub struct Profile {
    way: Arc<Way>,
    icc: Arc<[u8]>,
    gray: bool,
}

/// How colours get to sRGB and back.
enum Way {
    /// A curve for each channel, and a matrix.
    Matrix { curves: [Curve; 3], to: [[f32; 3]; 3], from: [[f32; 3]; 3] },
    /// Tables.
    Tables { to: Arc<TransformF32Executor>, from: Arc<TransformF32Executor> },
}

/// Why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It is broken, or lacks what a profile needs.
    #[error("the colour profile is broken: {0}")]
    Broken(String),
    /// It is for pictures of another kind.
    #[error("the colour profile is for {0} colours")]
    Kind(&'static str),
    /// Code points that stand for no colours, or for unknown ones.
    #[error("the colour code points {0} and {1} are unknown")]
    CodePoints(u8, u8),
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("bytes", &self.icc.len()).finish_non_exhaustive()
    }
}

fn broken(error: impl fmt::Display) -> ProfileError {
    ProfileError::Broken(error.to_string())
}

impl Profile {
    /// Reads an ICC profile for pictures of one channel (`gray`) or of red, green and blue; `None` for one that says what
    /// is so anyway: sRGB.
    ///
    /// # Errors
    /// When it is broken or for other pictures.
    pub fn from_icc(icc: &[u8], gray: bool) -> Result<Option<Self>, ProfileError> {
        let profile = ColorProfile::new_from_slice(icc).map_err(broken)?;
        match (profile.color_space, gray) {
            (DataColorSpace::Rgb, false) | (DataColorSpace::Gray, true) => {}
            (DataColorSpace::Rgb, true) => return Err(ProfileError::Kind("RGB")),
            (DataColorSpace::Gray, false) => return Err(ProfileError::Kind("gray")),
            (DataColorSpace::Cmyk, _) => return Err(ProfileError::Kind("CMYK")),
            _ => return Err(ProfileError::Kind("other")),
        }
        Self::of(&profile, icc.into(), gray, 1.0)
    }

    /// The colours of code points for primaries and transfer; `None` for sRGB.
    ///
    /// # Errors
    /// When they are unknown.
    pub fn from_code_points(primaries: u8, transfer: u8) -> Result<Option<Self>, ProfileError> {
        let unknown = || ProfileError::CodePoints(primaries, transfer);
        let points = CicpProfile {
            color_primaries: CicpColorPrimaries::try_from(primaries).map_err(|_| unknown())?,
            transfer_characteristics: TransferCharacteristics::try_from(transfer).map_err(|_| unknown())?,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        };
        let white = match points.transfer_characteristics {
            TransferCharacteristics::Smpte2084 => PQ_WHITE,
            TransferCharacteristics::Hlg => HLG_WHITE,
            _ => 1.0,
        };
        let profile = ColorProfile::new_from_cicp(points);
        if profile.red_trc.is_none() {
            return Err(unknown());
        }
        let icc = profile.encode().map_err(broken)?;
        Self::of(&profile, icc.into(), false, 1.0 / white)
    }

    /// The colours of a gamma (2.2 for a value stored as light to the power of 1 / 2.2), and of white, red, green and blue
    /// as x and y of CIE 1931, which are sRGB's where absent; `None` for what comes out as sRGB.
    ///
    /// # Errors
    /// When the numbers make no sense.
    pub fn from_gamma(
        gamma: f32,
        chromaticities: Option<[[f32; 2]; 4]>,
    ) -> Result<Option<Self>, ProfileError> {
        if !(gamma > 0.05 && gamma < 20.0) {
            return Err(broken(format_args!("a gamma of {gamma} makes no sense")));
        }
        let curve =
            if gamma == 1.0 { ToneReprCurve::Lut(vec![]) } else { ToneReprCurve::Parametric(vec![gamma]) };
        Self::from_curve(Some(curve), chromaticities)
    }

    /// The colours of white, red, green and blue as x and y of CIE 1931, with sRGB's curve; `None` for sRGB's.
    ///
    /// # Errors
    /// When the numbers make no sense.
    pub fn from_chromaticities(chromaticities: [[f32; 2]; 4]) -> Result<Option<Self>, ProfileError> {
        Self::from_curve(None, Some(chromaticities))
    }

    fn from_curve(
        curve: Option<ToneReprCurve>,
        chromaticities: Option<[[f32; 2]; 4]>,
    ) -> Result<Option<Self>, ProfileError> {
        let mut profile = ColorProfile::new_srgb();
        if curve.is_some() {
            (profile.red_trc, profile.green_trc, profile.blue_trc) = (curve.clone(), curve.clone(), curve);
        }
        if let Some([white, red, green, blue]) = chromaticities {
            let is_colour = |[x, y]: &[f32; 2]| (0.0..=1.0).contains(x) && (0.001..=1.0).contains(y);
            let [a, b] = [green, blue].map(|other| [other[0] - red[0], other[1] - red[1]]);
            let area = (a[0] * b[1] - a[1] * b[0]).abs() / 2.0;
            if ![white, red, green, blue].iter().all(is_colour) || area < 0.001 {
                return Err(broken("its chromaticities make no sense"));
            }
            let colour = |[x, y]: [f32; 2]| Chromaticity { x, y };
            let primaries = ColorPrimaries { red: colour(red), green: colour(green), blue: colour(blue) };
            let white = XyY { x: white[0].into(), y: white[1].into(), yb: 1.0 };
            profile.update_rgb_colorimetry(white, primaries);
        }
        profile.cicp = None;
        let icc = profile.encode().map_err(broken)?;
        Self::of(&profile, icc.into(), false, 1.0)
    }

    /// Adobe RGB (1998), which cameras mean by EXIF's uncalibrated colours with the interoperability index R03.
    pub fn adobe_rgb() -> Option<Self> {
        let profile = ColorProfile::new_adobe_rgb();
        let icc = profile.encode().ok()?;
        Self::of(&profile, icc.into(), false, 1.0).ok().flatten()
    }

    /// `light` is what linear values are multiplied with for white to be 1.
    fn of(
        profile: &ColorProfile,
        icc: Arc<[u8]>,
        gray: bool,
        light: f64,
    ) -> Result<Option<Self>, ProfileError> {
        let srgb = ColorProfile::new_srgb();
        let way = match (gray, &profile.gray_trc, [&profile.red_trc, &profile.green_trc, &profile.blue_trc]) {
            (true, Some(curve), _) => {
                let curve = Curve::new(curve)?;
                let same = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
                Way::Matrix { curves: [curve.clone(), curve.clone(), curve], to: same, from: same }
            }
            // Where there are both, tables say more (ICC.1, 9.2).
            (false, _, [Some(red), Some(green), Some(blue)]) if profile.lut_a_to_b_perceptual.is_none() => {
                let to = matrix(profile.transform_matrix(&srgb), light);
                let from = matrix(srgb.transform_matrix(profile), 1.0 / light);
                if to.iter().chain(&from).flatten().any(|value| !value.is_finite()) {
                    return Err(broken("its colours lie in one plane"));
                }
                Way::Matrix { curves: [Curve::new(red)?, Curve::new(green)?, Curve::new(blue)?], to, from }
            }
            (false, ..) => {
                let between = |from: &ColorProfile, to: &ColorProfile| {
                    from.create_transform_f32(Layout::Rgb, to, Layout::Rgb, TransformOptions::default())
                };
                let to = between(profile, &srgb).map_err(broken)?;
                Way::Tables { to, from: between(&srgb, profile).map_err(broken)? }
            }
            (true, None, _) => return Err(broken("it has no curve")),
        };
        let profile = Profile { way: Arc::new(way), icc, gray };
        let steps = || (0..=4).map(|step| step as f32 / 4.0);
        let grid = steps().flat_map(|r| steps().flat_map(move |g| steps().map(move |b| [r, g, b])));
        let differs = |colour: [f32; 3]| {
            let colour = if gray { [colour[0]; 3] } else { colour };
            let seen = profile.to_srgb(colour);
            (0..3).any(|c| (seen[c] - colour[c]).abs() > SAME)
        };
        Ok(grid.into_iter().any(differs).then_some(profile))
    }

    /// The same as an ICC profile, for files that have a place for one.
    pub fn icc(&self) -> &[u8] {
        &self.icc
    }

    /// Whether it is for pictures of one channel.
    pub fn is_gray(&self) -> bool {
        self.gray
    }

    /// A stored colour, 0 to 1, as an sRGB-encoded one, 0 to 1. Colours that sRGB does not have become the nearest in each
    /// channel.
    pub(super) fn to_srgb(&self, stored: [f32; 3]) -> [f32; 3] {
        match &*self.way {
            Way::Matrix { curves, to, .. } => {
                let light: [f32; 3] = std::array::from_fn(|c| curves[c].light(stored[c]));
                product(to, light).map(|value| to_srgb(Transfer::Linear, displayable(value)))
            }
            Way::Tables { to, .. } => through(&**to, stored),
        }
    }

    /// See [`Self::to_srgb`].
    pub(super) fn in_own_numbers(&self, encoded: [f32; 3]) -> [f32; 3] {
        match &*self.way {
            Way::Matrix { curves, from, .. } => {
                let light = product(from, encoded.map(|value| from_srgb(Transfer::Linear, value)));
                std::array::from_fn(|c| curves[c].stored(displayable(light[c])))
            }
            Way::Tables { from, .. } => through(&**from, encoded),
        }
    }
}

fn through(transform: &TransformF32Executor, colour: [f32; 3]) -> [f32; 3] {
    let mut out = [0.0; 3];
    match transform.transform(&colour, &mut out) {
        Ok(()) => out.map(displayable),
        Err(_) => colour,
    }
}

fn matrix(matrix: Matrix3d, factor: f64) -> [[f32; 3]; 3] {
    matrix.v.map(|row| row.map(|value| (value * factor) as f32))
}

fn product(matrix: &[[f32; 3]; 3], [x, y, z]: [f32; 3]) -> [f32; 3] {
    matrix.map(|row| row[0] * x + row[1] * y + row[2] * z)
}

/// Stored values to light, in steps between which it goes straight.
#[derive(Clone)]
struct Curve(Vec<f32>);

impl Curve {
    fn new(curve: &ToneReprCurve) -> Result<Self, ProfileError> {
        let curve = curve.make_linear_evaluator().map_err(broken)?;
        let mut most = 0.0_f32;
        let light = (0..=STEPS).map(|step| {
            // It never falls, or there would be no way back.
            most = most.max(displayable(curve.evaluate_value(step as f32 / STEPS as f32)));
            most
        });
        let light = Curve(light.collect());
        if light.0[STEPS] > 0.0 { Ok(light) } else { Err(broken("a curve of it is black everywhere")) }
    }

    fn light(&self, stored: f32) -> f32 {
        let place = stored * STEPS as f32;
        let step = (place as usize).min(STEPS - 1);
        let [here, next] = [self.0[step], self.0[step + 1]];
        here + (place - step as f32) * (next - here)
    }

    fn stored(&self, light: f32) -> f32 {
        let next = self.0.partition_point(|value| *value < light).clamp(1, STEPS);
        let [here, there] = [self.0[next - 1], self.0[next]];
        let part = if there > here { ((light - here) / (there - here)).clamp(0.0, 1.0) } else { 1.0 };
        (next as f32 - 1.0 + part) / STEPS as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(profile: ColorProfile) -> Option<Profile> {
        Profile::from_icc(&profile.encode().unwrap(), false).unwrap()
    }

    #[test]
    fn colours_of_known_spaces_are_the_standards_and_lead_back() {
        // Mid gray is neutral everywhere; Adobe's full green lies outside of sRGB (Adobe RGB 1998, annex).
        let adobe = encoded(ColorProfile::new_adobe_rgb()).unwrap();
        let gray = adobe.to_srgb([0.5; 3]);
        let expected = to_srgb(Transfer::Linear, 0.5_f32.powf(2.199_22));
        assert!(gray.iter().all(|value| (value - expected).abs() < 2e-3), "{gray:?}, {expected}");
        assert!(adobe.to_srgb([0.0, 1.0, 0.0])[0] < 0.01);
        assert!(encoded(ColorProfile::new_srgb()).is_none());
        // Rec. 2020's red primary has x = 0.708 (BT.2020, table 2): more than sRGB can show.
        let light =
            Profile::from_gamma(1.0, Some([[0.3127, 0.329], [0.708, 0.292], [0.17, 0.797], [0.131, 0.046]]));
        let light = light.unwrap().unwrap();
        let red = light.to_srgb([0.5, 0.1, 0.1]);
        // BT.2087: 1.6605 R - 0.5876 G - 0.0728 B.
        let expected = to_srgb(Transfer::Linear, 1.6605 * 0.5 - 0.5876 * 0.1 - 0.0728 * 0.1);
        assert!((red[0] - expected).abs() < 2e-3, "{red:?}, {expected}");
        let points = Profile::from_code_points(9, 8).unwrap().unwrap();
        assert!((points.to_srgb([0.5, 0.1, 0.1])[0] - red[0]).abs() < 2e-3);
        assert!(Profile::from_code_points(1, 13).unwrap().is_none());
        assert!(Profile::from_code_points(250, 13).is_err());
        // Diffuse white of HLG is 75 % of the signal, of PQ 58 %.
        for (transfer, white) in [(18, 0.75), (16, 0.5807)] {
            let seen = Profile::from_code_points(9, transfer).unwrap().unwrap().to_srgb([white; 3]);
            assert!(seen.iter().all(|value| (value - 1.0).abs() < 0.02), "{transfer}: {seen:?}");
        }
        let prophoto = encoded(ColorProfile::new_pro_photo_rgb()).unwrap();
        for profile in [&adobe, &light, &points, &prophoto] {
            for colour in [[0.2, 0.5, 0.4], [0.9, 0.8, 0.85], [0.02, 0.01, 0.015], [0.5, 0.5, 0.5]] {
                let stored = profile.in_own_numbers(colour);
                let back = profile.to_srgb(stored);
                assert!(
                    (0..3).all(|c| (back[c] - colour[c]).abs() < 1e-3),
                    "{colour:?}, {stored:?}, {back:?}"
                );
            }
        }
    }

    #[test]
    fn profiles_that_cannot_be_used_say_why() {
        let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
        assert_eq!(Profile::from_icc(&adobe, true).unwrap_err(), ProfileError::Kind("RGB"));
        let gray = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
        assert!(Profile::from_icc(&gray, false).is_err());
        let seen = Profile::from_icc(&gray, true).unwrap().unwrap().to_srgb([0.214; 3]);
        assert!((seen[0] - 0.5).abs() < 1e-2, "{seen:?}");
        for length in 0..adobe.len() {
            let _ = Profile::from_icc(&adobe[..length], false);
        }
        assert!(Profile::from_gamma(f32::NAN, None).is_err());
        assert!(Profile::from_gamma(1.0, Some([[0.0; 2]; 4])).is_err());
    }
}
