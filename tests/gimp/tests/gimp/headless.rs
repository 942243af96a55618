//! Both filters in GIMPs without a window: pixels, selections, outputs, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use derust_engine::pixels::Transfer;
use derust_test_support::{is_thorough, signal};
use derust_tests_gimp::expected::Expected;
use derust_tests_gimp::gimp::process_of;
use derust_tests_gimp::networks;
use derust_tests_gimp::pictures::{Kind, Picture, decoded, encoded};
use derust_tests_gimp::script_fu::quoted;
use derust_tests_gimp::{Generation, Gimp, Window};

/// A step of 8 bits, and what floats lose on their way.
const TOLERANCE: f32 = 1.001 / 255.0;

/// The part of a mask's pixels that may be on the other side of the threshold after going through a file.
const FEW: f64 = 0.0005;

const EVERY_KIND: [&str; 2] = ["PRECISION-U8-NON-LINEAR", "PRECISION-FLOAT-LINEAR"];

/// GIMP's names of precisions, and whether values are proportional to light.
const PRECISIONS: [(&str, Transfer); 8] = [
    ("PRECISION-U8-NON-LINEAR", Transfer::Srgb),
    ("PRECISION-U16-NON-LINEAR", Transfer::Srgb),
    ("PRECISION-U16-LINEAR", Transfer::Linear),
    ("PRECISION-U32-NON-LINEAR", Transfer::Srgb),
    ("PRECISION-HALF-NON-LINEAR", Transfer::Srgb),
    ("PRECISION-FLOAT-NON-LINEAR", Transfer::Srgb),
    ("PRECISION-FLOAT-LINEAR", Transfer::Linear),
    ("PRECISION-DOUBLE-NON-LINEAR", Transfer::Srgb),
];

/// Runs tests in a GIMP. It takes seconds to start, so that all tests share one.
macro_rules! tests_in {
    ($module:ident $generation:ident $($test:ident)*) => {
        mod $module {
            use super::*;
            static GIMP: OnceLock<Mutex<Gimp>> = OnceLock::new();
            $(#[test]
            fn $test() {
                super::$test(&shared(&GIMP, Generation::$generation));
            })*
        }
    };
}

macro_rules! in_each_gimp {
    ($($test:ident)*; only in GIMP 2: $($test_2:ident)*; only in GIMP 3: $($test_3:ident)*) => {
        tests_in!(gimp_2 Two $($test)* $($test_2)*);
        tests_in!(gimp_3 Three $($test)* $($test_3)*);
    };
}

in_each_gimp! {
    every_kind_of_pixel_is_treated_as_the_engine_does
    results_go_where_they_are_asked_to
    masks_go_where_they_are_asked_to
    only_what_is_selected_is_changed
    a_layer_may_lie_anywhere
    a_layer_may_lie_in_a_group
    strength_threshold_and_model_are_heeded
    what_cannot_be_done_is_refused_with_a_remedy
    a_missing_part_is_told
    a_stopped_filter_leaves_the_image_alone;
    only in GIMP 2:
    a_dark_layer_is_warned_of;
    only in GIMP 3:
    what_filters_show_counts_if_it_is_asked_for
}

fn shared(gimp: &'static OnceLock<Mutex<Gimp>>, generation: Generation) -> MutexGuard<'static, Gimp> {
    let gimp = gimp.get_or_init(|| Mutex::new(Gimp::start(generation, Window::None)));
    // A failed test leaves a GIMP that serves the others.
    gimp.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Arguments of `plug-in-derust`.
#[derive(Clone, Copy)]
pub struct Remove {
    pub model: &'static str,
    pub strength: f64,
    pub edge_softness: f64,
    pub threshold: f64,
    pub output: &'static str,
    pub use_visible: bool,
    pub judge_anyway: bool,
}

impl Remove {
    /// The defaults for a layer of this kind: gray ones have to be asked for.
    fn of(kind: Kind) -> Self {
        Remove { judge_anyway: kind.colours() == 1, ..Remove::default() }
    }
}

impl Default for Remove {
    fn default() -> Self {
        Remove {
            model: "",
            strength: 100.0,
            edge_softness: 0.0,
            threshold: 0.0,
            output: "this-layer",
            use_visible: false,
            judge_anyway: false,
        }
    }
}

/// Arguments of `plug-in-segment-rust`.
#[derive(Clone, Copy)]
struct Segment {
    threshold: f64,
    edge_softness: f64,
    output: &'static str,
    judge_anyway: bool,
}

impl Segment {
    /// See [`Remove::of`].
    fn of(kind: Kind) -> Self {
        Segment { judge_anyway: kind.colours() == 1, ..Segment::default() }
    }
}

impl Default for Segment {
    fn default() -> Self {
        Segment { threshold: 0.0, edge_softness: 0.0, output: "channel", judge_anyway: false }
    }
}

/// The call of a procedure: by names in GIMP 3; in GIMP 2.10 in their order, choices as numbers.
fn call(
    gimp: &Gimp,
    procedure: &str,
    (image, layer): (&str, &str),
    arguments: &[(&str, Argument)],
) -> String {
    let arguments: String = arguments
        .iter()
        .map(|(name, argument)| match (gimp.generation, argument) {
            (Generation::Two, Argument::Choice(words, word)) => {
                let number = words.iter().position(|known| known == word);
                format!(" {}", number.map_or(99, |number| number))
            }
            (Generation::Two, Argument::Number(number)) => format!(" {number}"),
            (Generation::Two, Argument::OnlyIn3(_)) => String::new(),
            (Generation::Two, Argument::Toggle(value)) => format!(" {}", u8::from(*value)),
            (Generation::Three, Argument::OnlyIn3(value) | Argument::Toggle(value)) => {
                format!(" #:{name} {}", if *value { "TRUE" } else { "FALSE" })
            }
            (Generation::Two, Argument::Text(text)) => format!(" {}", quoted(text)),
            (Generation::Three, Argument::Number(number)) => format!(" #:{name} {number}"),
            (Generation::Three, Argument::Choice(_, text) | Argument::Text(text)) => {
                format!(" #:{name} {}", quoted(text))
            }
        })
        .collect();
    match gimp.generation {
        Generation::Two => format!("({procedure} RUN-NONINTERACTIVE {image} {layer}{arguments})"),
        Generation::Three => format!(
            "({procedure} #:run-mode RUN-NONINTERACTIVE #:image {image} #:drawables (vector {layer}){arguments})"
        ),
    }
}

enum Argument {
    Number(f64),
    Text(&'static str),
    Choice(&'static [&'static str], &'static str),
    Toggle(bool),
    OnlyIn3(bool),
}

const DEVICE: (&str, Argument) = ("device", Argument::Choice(&["automatic", "cpu", "gpu"], "cpu"));

/// The call of `plug-in-derust`.
pub fn remove_call(gimp: &Gimp, place: (&str, &str), remove: Remove) -> String {
    let Remove { model, strength, edge_softness, threshold, output, use_visible, judge_anyway } = remove;
    let arguments = [
        ("model", Argument::Text(model)),
        ("strength", Argument::Number(strength)),
        ("edge-softness", Argument::Number(edge_softness)),
        ("threshold", Argument::Number(threshold)),
        ("output", Argument::Choice(&["this-layer", "new-layer", "layer-mask"], output)),
        DEVICE,
        ("use-visible", Argument::OnlyIn3(use_visible)),
        ("judge-anyway", Argument::Toggle(judge_anyway)),
    ];
    call(gimp, "plug-in-derust", place, &arguments)
}

/// An open image with one layer at first.
struct Image<'a> {
    gimp: &'a Gimp,
    id: String,
    layer: String,
    transfer: Transfer,
    /// Whether a mask's values are proportional to light for GIMP, which then encodes them for a file.
    linear_masks: bool,
    expected: Expected,
}

impl<'a> Image<'a> {
    fn open(gimp: &'a Gimp, kind: Kind, width: usize, height: usize) -> Self {
        let file = gimp.folder().join(format!("{kind:?}-{width}.png"));
        if !file.exists() {
            Picture::spots(kind, width, height).write(&file);
        }
        let id = gimp.evaluate(&format!("(test-open {})", quoted_path(&file)));
        let layer = gimp.evaluate(&format!("(test-layer {id})"));
        let expected = Expected::beside(&gimp.plug_in());
        Image { gimp, id, layer, transfer: Transfer::Srgb, linear_masks: true, expected }
    }

    fn spots(gimp: &'a Gimp, kind: Kind) -> Self {
        Self::open(gimp, kind, 83, 62)
    }

    fn convert(mut self, (precision, transfer): (&str, Transfer)) -> Self {
        // Loading a file with 16 bits makes an image of this precision, and GIMP refuses a change into the same.
        if precision != "PRECISION-U16-NON-LINEAR" {
            self.evaluate(&format!("(gimp-image-convert-precision {} {precision})", self.id));
        }
        self.transfer = transfer;
        self.linear_masks = precision != "PRECISION-U8-NON-LINEAR";
        self
    }

    fn evaluate(&self, expression: &str) -> String {
        self.gimp.evaluate(expression)
    }

    /// The pixels of what an expression says.
    fn pixels(&self, drawable: &str) -> Picture {
        let file = self.gimp.folder().join("out.png");
        self.evaluate(&format!("(test-save {drawable} {})", quoted_path(&file)));
        Picture::read(&file)
    }

    fn layer(&self) -> Picture {
        self.pixels(&self.layer)
    }

    fn top_layer(&self) -> Picture {
        self.pixels(&format!("(test-top-layer {})", self.id))
    }

    /// The values of a layer mask or a channel.
    fn mask(&self, drawable: &str) -> Picture {
        let mask = self.pixels(drawable);
        self.mask_values(mask)
    }

    fn channel(&self) -> Picture {
        self.mask(&format!("(test-channel {})", self.id))
    }

    /// What is selected, over the whole image.
    fn selection(&self) -> Picture {
        let file = self.gimp.folder().join("out.png");
        self.evaluate(&format!("(test-save-selection {} {})", self.id, quoted_path(&file)));
        self.mask_values(Picture::read(&file))
    }

    fn mask_values(&self, mut mask: Picture) -> Picture {
        if self.linear_masks {
            mask.values.iter_mut().for_each(|value| *value = decoded(*value));
        }
        mask
    }

    /// Numbers of layers and channels, whether the layer has a mask, whether something is selected.
    fn state(&self) -> [usize; 4] {
        let text = self.evaluate(&format!("(test-state {})", self.id));
        let numbers: Vec<_> =
            text.trim_matches(['(', ')']).split(' ').map(|word| word.parse().expect(&text)).collect();
        numbers.try_into().expect("four numbers")
    }

    fn try_remove(&self, remove: Remove) -> Result<String, String> {
        self.gimp.try_evaluate(&remove_call(self.gimp, (&self.id, &self.layer), remove))
    }

    fn try_segment(&self, segment: Segment) -> Result<String, String> {
        let Segment { threshold, edge_softness, output, judge_anyway } = segment;
        self.gimp.try_evaluate(&call(
            self.gimp,
            "plug-in-segment-rust",
            (&self.id, &self.layer),
            &[
                ("model", Argument::Text("")),
                ("threshold", Argument::Number(threshold)),
                ("edge-softness", Argument::Number(edge_softness)),
                ("output", Argument::Choice(&["selection", "layer-mask", "channel", "new-layer"], output)),
                DEVICE,
                ("judge-anyway", Argument::Toggle(judge_anyway)),
            ],
        ))
    }

    fn remove(&self, remove: Remove) {
        self.try_remove(remove).unwrap_or_else(|error| panic!("{error}\n{}", self.gimp.log()));
    }

    /// Returns the rusted fraction and the number of regions.
    fn segment(&self, segment: Segment) -> (f64, usize) {
        let said = self.try_segment(segment).unwrap_or_else(|error| panic!("{error}\n{}", self.gimp.log()));
        let mut numbers = said.trim_matches(['(', ')']).split(' ');
        let mut next = || numbers.next().unwrap_or_else(|| panic!("two numbers are missing in {said:?}"));
        (next().parse().expect(&said), next().parse().expect(&said))
    }

    fn removed(&self, before: &Picture) -> Picture {
        self.expected.removed(before, self.transfer, None, 1.0)
    }

    fn found(&self, before: &Picture) -> Picture {
        self.expected.found(before, self.transfer, None).0
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        let _ = self.gimp.try_evaluate(&format!("(gimp-image-delete {})", self.id));
    }
}

fn quoted_path(path: &Path) -> String {
    quoted(path.to_str().expect("a path of the tests"))
}

fn every_kind_of_pixel_is_treated_as_the_engine_does(gimp: &Gimp) {
    for (index, precision) in PRECISIONS.into_iter().enumerate() {
        // One kind of pixel with each precision; in depth, every kind with integers and with floats.
        let is_with_all = is_thorough() && EVERY_KIND.contains(&precision.0);
        let kinds = if is_with_all { &Kind::ALL[..] } else { &Kind::ALL[index % 4..][..1] };
        for kind in kinds {
            let image = Image::spots(gimp, *kind).convert(precision);
            let before = image.layer();
            let (fraction, regions) = image.segment(Segment::of(*kind));
            assert_eq!(image.state(), [1, 1, 0, 0], "{precision:?} {kind:?}");
            let found = image.channel();
            let (expected, survey) = image.expected.found(&before, image.transfer, None);
            // What goes through a file has 16 bits: a probability may lie right at the threshold.
            let wrong = found.part_beyond(&expected, 0.01);
            assert!(wrong <= FEW, "{precision:?} {kind:?}: {wrong}");
            let rust = survey.rust_pixels as f64 / survey.pixels as f64;
            assert!((0.05..0.95).contains(&rust) && (fraction - rust).abs() < 0.001, "{fraction} {rust}");
            assert_eq!(regions, survey.regions.len(), "{precision:?} {kind:?}");

            image.remove(Remove::of(*kind));
            assert_eq!(image.state(), [1, 1, 0, 0], "{precision:?} {kind:?}");
            let (after, expected) = (image.layer(), image.removed(&before));
            assert!(before.difference(&expected) > 0.3, "the networks leave {kind:?} nearly as it is");
            let difference = after.difference(&expected);
            assert!(difference <= TOLERANCE, "{precision:?} {kind:?}: {}/255", difference * 255.0);
        }
    }
}

/// One kind of pixel, which has all that others have; in depth, each.
fn some_kinds() -> impl Iterator<Item = Kind> {
    let kinds = if is_thorough() { &Kind::ALL[..] } else { &[Kind::Rgba] };
    kinds.iter().copied()
}

fn results_go_where_they_are_asked_to(gimp: &Gimp) {
    for kind in some_kinds() {
        let image = Image::spots(gimp, kind);
        let before = image.layer();
        image.remove(Remove { output: "new-layer", ..Remove::of(kind) });
        assert_eq!(image.state(), [2, 0, 0, 0]);
        assert_eq!(image.layer(), before, "{kind:?}: the layer itself stays");
        assert!(image.top_layer().difference(&image.removed(&before)) <= TOLERANCE, "{kind:?}");

        let image = Image::spots(gimp, kind);
        image.remove(Remove { output: "layer-mask", ..Remove::of(kind) });
        assert_eq!(image.state(), [2, 0, 0, 0]);
        assert_eq!(image.layer(), before, "{kind:?}: the layer itself stays");
        // The new layer has alpha if GIMP needs it; its colours are what counts.
        assert!(image.top_layer().difference(&image.removed(&before)) <= TOLERANCE, "{kind:?}");
        let mask = image.mask(&format!("(test-mask (test-top-layer {}))", image.id));
        assert!(mask.part_beyond(&image.found(&before), 0.01) <= FEW, "{kind:?}");
    }
}

fn masks_go_where_they_are_asked_to(gimp: &Gimp) {
    for kind in some_kinds() {
        let before = Image::spots(gimp, kind).layer();
        let expected = Image::spots(gimp, kind).found(&before);

        let image = Image::spots(gimp, kind);
        image.segment(Segment { output: "selection", ..Segment::of(kind) });
        assert_eq!(image.state(), [1, 0, 0, 1]);
        assert!(image.selection().part_beyond(&expected, 0.01) <= FEW, "{kind:?}");
        assert_eq!(image.layer(), before);

        let image = Image::spots(gimp, kind);
        image.segment(Segment { output: "layer-mask", ..Segment::of(kind) });
        assert_eq!(image.state(), [1, 0, 1, 0]);
        let mask = image.mask(&format!("(test-mask {})", image.layer));
        assert!(mask.part_beyond(&expected, 0.01) <= FEW, "{kind:?}");

        let image = Image::spots(gimp, kind);
        image.segment(Segment { output: "new-layer", ..Segment::of(kind) });
        assert_eq!(image.state(), [2, 0, 0, 0]);
        assert_eq!(image.layer(), before, "the layer itself stays");
        assert!(image.top_layer().difference(&before) > 0.1, "rust is not coloured");

        let image = Image::spots(gimp, kind);
        image.segment(Segment { edge_softness: 6.0, ..Segment::of(kind) });
        let soft = image.channel();
        let between = soft.values.iter().filter(|value| (0.1..0.9).contains(*value)).count();
        assert!(between * 20 > soft.values.len(), "the edges are hard: {between} of {}", soft.values.len());
        let moved = soft.part_beyond(&expected, 0.55);
        assert!(moved < 0.02, "soft edges lie elsewhere: {moved}");
    }
}

fn only_what_is_selected_is_changed(gimp: &Gimp) {
    let select = "(gimp-image-select-ellipse {} CHANNEL-OP-REPLACE 12 8 50 40)";
    for (feather, precision) in [(0, PRECISIONS[0]), (9, PRECISIONS[0]), (9, PRECISIONS[5])] {
        let image = Image::spots(gimp, Kind::Rgb).convert(precision);
        let before = image.layer();
        image.evaluate(&select.replace("{}", &image.id));
        if feather > 0 {
            image.evaluate(&format!("(gimp-selection-feather {} {feather})", image.id));
        }
        let selection = image.selection();
        image.remove(Remove::default());
        assert_eq!(image.selection(), selection, "the selection stays");
        let (after, whole) = (image.layer(), image.removed(&before));
        let blended = |index: usize| {
            let share = selection.values[index / 3];
            // GIMP blends light.
            encoded(decoded(before.values[index]) * (1.0 - share) + decoded(whole.values[index]) * share)
        };
        let expected = Picture { values: (0..before.values.len()).map(blended).collect(), ..before.clone() };
        let difference = after.difference(&expected);
        assert!(difference <= TOLERANCE, "feather {feather}: {}/255", difference * 255.0);
        let outside = selection.values.iter().enumerate().filter(|(_, share)| **share == 0.0);
        for (pixel, _) in outside {
            let pixel = 3 * pixel..3 * pixel + 3;
            assert_eq!(after.values[pixel.clone()], before.values[pixel], "changed outside the selection");
        }

        let image = Image::spots(gimp, Kind::Rgb).convert(precision);
        image.evaluate(&select.replace("{}", &image.id));
        if feather > 0 {
            image.evaluate(&format!("(gimp-selection-feather {} {feather})", image.id));
        }
        image.segment(Segment { output: "selection", ..Segment::default() });
        let found = image.found(&before);
        let limited = selection.values.iter().zip(&found.values).map(|(a, b)| a * b).collect();
        let expected = Picture { values: limited, ..found };
        let wrong = image.selection().part_beyond(&expected, 1.5 / 255.0);
        assert!(wrong <= FEW, "feather {feather}: {wrong}");
    }
}

fn a_layer_may_lie_anywhere(gimp: &Gimp) {
    for (x, y) in [(-13, 9), (21, -17)] {
        let image = Image::spots(gimp, Kind::Rgba);
        let before = image.layer();
        image.evaluate(&format!("(gimp-layer-set-offsets {} {x} {y})", image.layer));
        image.remove(Remove { output: "new-layer", ..Remove::default() });
        let result = image.top_layer();
        assert!(result.difference(&image.removed(&before)) <= TOLERANCE, "at {x}, {y}");
        let place = image.evaluate(&format!(
            "(list (car (gimp-drawable-{0}offsets (test-top-layer {1}))) (cadr (gimp-drawable-{0}offsets (test-top-layer {1}))))",
            if gimp.generation == Generation::Two { "" } else { "get-" },
            image.id
        ));
        assert_eq!(place, format!("({x} {y})"));
        image.segment(Segment::default());
        let channel = image.channel();
        let expected = image.found(&before).window(-x, -y, before.width, before.height);
        assert!(channel.part_beyond(&expected, 0.01) <= FEW, "at {x}, {y}");

        // A selection is made in the image's coordinates.
        let image = Image::spots(gimp, Kind::Rgb);
        let before = image.layer();
        image.evaluate(&format!("(gimp-layer-set-offsets {} {x} {y})", image.layer));
        image.evaluate(&format!("(gimp-image-select-rectangle {} CHANNEL-OP-REPLACE 30 20 25 15)", image.id));
        image.remove(Remove::default());
        let (after, whole) = (image.layer(), image.removed(&before));
        let part = |picture: &Picture| picture.window(30 - x, 20 - y, 25, 15);
        assert!(part(&after).difference(&part(&whole)) <= TOLERANCE, "at {x}, {y}");
        let changed = after.part_beyond(&before, 0.0) * (before.width * before.height) as f64;
        assert!(changed <= 25.0 * 15.0, "at {x}, {y}: {changed} pixels have changed");
    }
}

fn a_layer_may_lie_in_a_group(gimp: &Gimp) {
    let image = Image::spots(gimp, Kind::Rgb);
    let before = image.layer();
    let group = image.evaluate(&format!("(test-new-group {})", image.id));
    image.evaluate(&format!("(gimp-image-insert-layer {} {group} 0 0)", image.id));
    image.evaluate(&format!("(gimp-image-reorder-item {} {} {group} 0)", image.id, image.layer));
    image.remove(Remove { output: "new-layer", ..Remove::default() });
    assert_eq!(image.evaluate(&format!("(vector-length (test-children {group}))")), "2");
    let result = image.pixels(&format!("(vector-ref (test-children {group}) 0)"));
    assert!(result.difference(&image.removed(&before)) <= TOLERANCE, "the new layer is not above the other");
    assert_eq!(image.layer(), before, "the layer itself stays");
    image.remove(Remove::default());
    assert!(image.layer().difference(&image.removed(&before)) <= TOLERANCE);
    assert_eq!(image.state(), [1, 0, 0, 0]);
}

fn what_filters_show_counts_if_it_is_asked_for(gimp: &Gimp) {
    let with_filter = |operation: &str| {
        let image = Image::spots(gimp, Kind::Rgba);
        let filter = image.evaluate(&format!(
            "(gimp-drawable-append-new-filter {} \"{operation}\" \"\" LAYER-MODE-REPLACE 1.0)",
            image.layer
        ));
        (image, filter)
    };
    let images = || gimp.evaluate("(vector-length (car (gimp-get-images)))");
    let stored = Image::spots(gimp, Kind::Rgba).layer();
    // A shadow makes the layer larger.
    for operation in ["gegl:invert-gamma", "gegl:dropshadow"] {
        let (merged, _) = with_filter(operation);
        merged.evaluate(&format!("(gimp-drawable-merge-filters {})", merged.layer));
        let shown = merged.layer();
        assert!(shown.width > stored.width || shown.difference(&stored) > 0.5, "{operation} shows nothing");
        merged.remove(Remove::default());
        let expected = merged.layer();
        assert!(expected.difference(&merged.removed(&shown)) <= TOLERANCE, "{operation}");

        let (image, filter) = with_filter(operation);
        let before = images();
        image.remove(Remove { output: "new-layer", use_visible: true, ..Remove::default() });
        assert_eq!((images(), image.state()), (before, [2, 0, 0, 0]), "{operation}");
        assert!(image.top_layer() == expected, "{operation}: a new layer");
        image.evaluate(&format!("(gimp-drawable-filter-delete {filter})"));
        assert!(image.layer() == stored, "{operation}: the layer itself stays");

        let (image, _) = with_filter(operation);
        image.remove(Remove { use_visible: true, ..Remove::default() });
        let filters =
            image.evaluate(&format!("(vector-length (car (gimp-drawable-get-filters {})))", image.layer));
        assert_eq!((filters.as_str(), image.state()), ("0", [1, 0, 0, 0]), "{operation}");
        assert!(image.layer() == expected, "{operation}: this layer");

        let (image, filter) = with_filter(operation);
        image.remove(Remove::default());
        image.evaluate(&format!("(gimp-drawable-filter-delete {filter})"));
        let difference = image.layer().difference(&image.removed(&stored));
        assert!(difference <= TOLERANCE, "{operation}, not asked for: {}/255", difference * 255.0);
    }
}

fn strength_threshold_and_model_are_heeded(gimp: &Gimp) {
    for strength in [0.0, 37.0] {
        let image = Image::spots(gimp, Kind::Rgb);
        let before = image.layer();
        image.remove(Remove { strength, ..Remove::default() });
        let part = (strength / 100.0) as f32;
        let expected = image.expected.removed(&before, Transfer::Srgb, None, part);
        assert!(image.layer().difference(&expected) <= TOLERANCE, "strength {strength}");
    }
    let image = Image::spots(gimp, Kind::Rgb);
    let before = image.layer();
    image.remove(Remove { model: networks::PAINTING, ..Remove::default() });
    let blue = image.expected.removed(&before, Transfer::Srgb, Some(networks::PAINTING), 1.0);
    assert_eq!(blue.values[..3], [0.0, 0.0, 1.0]);
    assert!(image.layer().difference(&blue) <= TOLERANCE);

    let image = Image::spots(gimp, Kind::Rgb);
    let (fraction, _) = image.segment(Segment { threshold: 20.0, ..Segment::default() });
    let (_, survey) = image.expected.found(&before, Transfer::Srgb, Some(0.2));
    assert!((fraction - survey.rust_pixels as f64 / survey.pixels as f64).abs() < 0.001, "{fraction}");
    let (default, _) = image.segment(Segment::default());
    assert!(fraction > default + 0.05, "{fraction} {default}");
}

/// Checks that `refuse` says what is wrong, and leaves the image as it was.
fn refused(image: &Image<'_>, words: &[&str], refuse: impl Fn(&Image<'_>) -> Result<String, String>) {
    let pixels = || if words.contains(&"palette") { None } else { Some(image.layer()) };
    let (state, before) = (image.state(), pixels());
    let error = refuse(image).expect_err(&format!("not refused, but {words:?} should be told"));
    for word in words {
        assert!(error.contains(word), "{error}");
    }
    assert_eq!((image.state(), pixels()), (state, before), "{error}");
}

fn what_cannot_be_done_is_refused_with_a_remedy(gimp: &Gimp) {
    let remove = |image: &Image<'_>| image.try_remove(Remove::default());
    let remove_to =
        |output| move |image: &Image<'_>| image.try_remove(Remove { output, ..Remove::default() });
    let segment_to =
        |output| move |image: &Image<'_>| image.try_segment(Segment { output, ..Segment::default() });

    let image = Image::spots(gimp, Kind::Rgb).convert(PRECISIONS[0]);
    image.evaluate(&format!(
        "(gimp-image-convert-indexed {} CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 16 FALSE FALSE \"\")",
        image.id
    ));
    refused(&image, &["palette", "RGB"], remove);
    refused(&image, &["palette", "RGB"], segment_to("channel"));

    let image = Image::spots(gimp, Kind::Rgb);
    image.evaluate(&format!("(gimp-item-set-lock-content {} TRUE)", image.layer));
    refused(&image, &["locked", "unlock"], remove);
    refused(&image, &["locked", "unlock"], segment_to("layer-mask"));
    image.remove(Remove { output: "new-layer", ..Remove::default() });

    let image = Image::spots(gimp, Kind::Rgb);
    image.evaluate(&format!("(gimp-image-select-rectangle {} CHANNEL-OP-REPLACE 0 0 10 10)", image.id));
    image.evaluate(&format!("(gimp-layer-set-offsets {} 30 30)", image.layer));
    refused(&image, &["selection does not touch"], remove);
    refused(&image, &["selection does not touch"], segment_to("selection"));

    let image = Image::spots(gimp, Kind::Rgb);
    image.segment(Segment { output: "layer-mask", ..Segment::default() });
    refused(&image, &["layer mask already"], segment_to("layer-mask"));

    let mut image = Image::spots(gimp, Kind::Rgb);
    let group = image.evaluate(&format!("(test-new-group {})", image.id));
    image.evaluate(&format!("(gimp-image-insert-layer {} {group} 0 0)", image.id));
    image.layer = group;
    let error = remove(&image).expect_err("a group was changed");
    assert!(error.contains("group") && error.contains("merge"), "{error}");

    let image = Image::spots(gimp, Kind::Gray);
    let words = ["cannot be judged, because it is gray", "Judge anyway"];
    refused(&image, &words, remove);
    refused(&image, &words, segment_to("channel"));
    image.remove(Remove::of(Kind::Gray));

    let image = Image::spots(gimp, Kind::Rgb);
    refused(&image, &["nonesuch"], |image| {
        image.try_remove(Remove { model: "nonesuch", ..Remove::default() })
    });
    // GIMP 3 looks at values itself: it calls arguments by their numbers, and takes the default for a word that is none of
    // a choice's.
    let is_older = gimp.generation == Generation::Two;
    let too_strong = if is_older { "strength" } else { "out of range" };
    refused(&image, &[too_strong], |image| image.try_remove(Remove { strength: 250.0, ..Remove::default() }));
    if is_older {
        refused(&image, &["output"], remove_to("nowhere"));
    }
}

/// In GIMP 3 what a plug-in tells a script is heard by nobody; the dialog says it there.
fn a_dark_layer_is_warned_of(gimp: &Gimp) {
    let told = || gimp.log().matches("rust in it is easily missed").count();
    let image = Image::spots(gimp, Kind::Rgb);
    let before = told();
    image.segment(Segment::default());
    assert_eq!(told(), before);
    image
        .evaluate(&format!("(gimp-drawable-levels {} HISTOGRAM-VALUE 0 1 FALSE 1 0 0.2 FALSE)", image.layer));
    image.segment(Segment::default());
    image.remove(Remove::default());
    assert_eq!(told(), before + 2, "{}", gimp.log());
}

/// A file that is out of the way for a while.
struct Hidden {
    path: PathBuf,
    aside: PathBuf,
}

impl Hidden {
    fn new(path: PathBuf) -> Self {
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).expect("a file of the plug-in");
        Hidden { path, aside }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A failed test may have taken the folder along.
        let _ = fs::rename(&self.aside, &self.path);
    }
}

fn a_missing_part_is_told(gimp: &Gimp) {
    let image = Image::spots(gimp, Kind::Rgb);
    for (file, words) in [
        ("libderust.so.1", ["libderust", "gimp-derust"]),
        ("onnxruntime/libonnxruntime.so.1", ["ONNX Runtime", "onnxruntime"]),
    ] {
        let hidden = Hidden::new(gimp.plug_in().join(file));
        refused(&image, &words, |image| image.try_remove(Remove::default()));
        refused(&image, &words, |image| image.try_segment(Segment::default()));
        // What is there, but is not what its name says, is no better.
        fs::write(&hidden.path, "only a text").expect("a file");
        refused(&image, &words[..1], |image| image.try_remove(Remove::default()));
    }
    image.remove(Remove::default());
}

fn a_stopped_filter_leaves_the_image_alone(gimp: &Gimp) {
    // Large enough that it can be stopped on the way.
    let image = Image::open(gimp, Kind::Rgb, 3000, 2000);
    for output in ["this-layer", "new-layer"] {
        let (state, before) = (image.state(), image.layer());
        let error = thread::scope(|scope| {
            let call = scope.spawn(|| image.try_remove(Remove { output, ..Remove::default() }));
            kill(&gimp.plug_in().join("gimp-derust"), || call.is_finished());
            call.join().expect("an answer").expect_err("the filter came to its end")
        });
        assert!(error.contains("plug-in-derust"), "{error}");
        assert_eq!(image.state(), state);
        assert!(image.layer() == before, "pixels have changed");
    }
    // What is stopped is no obstacle to the next.
    let before = image.layer();
    image.remove(Remove::default());
    assert!(image.layer().difference(&image.removed(&before)) <= TOLERANCE);
}

/// Ends the plug-in at work as GIMP's own Cancel does.
fn kill(program: &Path, over: impl Fn() -> bool) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) && !over() {
        let Some(process) = process_of(program) else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        // Until it computes.
        thread::sleep(Duration::from_millis(400));
        let killed = signal(process.parse().expect("a process's number"), "KILL");
        assert!(killed || over(), "{process} cannot be ended");
        return;
    }
    panic!("no process runs {}", program.display());
}
