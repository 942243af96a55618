//! What the plug-in offers: two procedures, their parameters and what they return. Both generations of GIMP register
//! these tables; texts are those of the catalogues' left side.

use crate::gimp::Generation;

/// What a procedure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Takes rust away.
    Derust,
    /// Says where rust is.
    SegmentRust,
}

/// A procedure of the plug-in.
pub struct Procedure {
    /// What it does.
    pub filter: Filter,
    /// Its name in the procedure browser and in scripts.
    pub name: &'static str,
    /// Its entry in the menu.
    pub label: &'static str,
    /// The title of its dialog.
    pub title: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What it does, in some lines.
    pub help: &'static str,
    /// What it is told beside run mode, image and drawable; see [`Procedure::parameters_in`].
    pub parameters: &'static [Parameter],
    /// What it returns beside a status.
    pub returns: &'static [Return],
}

/// A parameter of a procedure.
pub struct Parameter {
    /// Its name in scripts.
    pub name: &'static str,
    /// Its name in the dialog.
    pub label: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Its type, its range and its default.
    pub kind: ParameterKind,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParameterKind {
    /// A text, empty by default.
    Text,
    /// A number.
    Number {
        /// The smallest.
        from: f64,
        /// The largest.
        to: f64,
        /// The one that counts if nobody says anything.
        default: f64,
    },
    /// Yes or no, no by default.
    Toggle,
    /// One of several words: what scripts call it, and what the dialog does. The first one is the default. GIMP 2.10 counts
    /// them from 0.
    Choice(&'static [(&'static str, &'static str)]),
}

/// What a procedure returns beside a status.
pub struct Return {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Whether it is a whole number.
    pub whole: bool,
}

/// The menu in which both are.
pub const MENU: &str = "<Image>/Filters";
/// The name of its sub-menu.
pub const SUBMENU: &str = "_Rust";
/// Layers that the menu offers the procedures for.
pub const IMAGE_TYPES: &str = "RGB*, GRAY*";
/// Who made it.
pub const AUTHORS: &str = "The derust authors";
/// Under which terms.
pub const COPYRIGHT: &str = "MIT OR Apache-2.0";
/// When.
pub const DATE: &str = "2026";

const MODEL: Parameter = Parameter {
    name: "model",
    label: "_Model",
    about: "Name of the model; empty: the one that serves",
    kind: ParameterKind::Text,
};

const DEVICE: Parameter = Parameter {
    name: "device",
    label: "_Device",
    about: "What the model runs on",
    kind: ParameterKind::Choice(&[("automatic", "Automatic"), ("cpu", "CPU"), ("gpu", "GPU")]),
};

const USE_VISIBLE: Parameter = Parameter {
    name: "use-visible",
    label: "Use what I _see",
    about: "Works on the layer as the filters on it show it; the output “this layer” merges them",
    kind: ParameterKind::Toggle,
};

const STRENGTH: Parameter = Parameter {
    name: "strength",
    label: "Stren_gth (%)",
    about: "How much of the rust goes",
    kind: ParameterKind::Number { from: 0.0, to: 100.0, default: 100.0 },
};

const EDGE_SOFTNESS: Parameter = Parameter {
    name: "edge-softness",
    label: "_Edge softness (pixels)",
    about: "How wide the edges of what was found are",
    kind: ParameterKind::Number { from: 0.0, to: 100.0, default: 0.0 },
};

/// The procedures.
pub const PROCEDURES: [Procedure; 2] = [
    Procedure {
        filter: Filter::Derust,
        name: "plug-in-derust",
        label: "_Derust...",
        title: "Derust",
        about: "Take rust away",
        help: "Finds rust in a layer and replaces it by what clean metal would look like. Pixels in which no rust is found \
               stay as they are, and so does what is not selected.",
        parameters: &[
            MODEL,
            STRENGTH,
            EDGE_SOFTNESS,
            Parameter {
                name: "threshold",
                label: "_Threshold (%)",
                about: "Only where the model for segmentation sees rust that is at least this probable is it taken away; \
                        0: wherever the model finds it",
                kind: ParameterKind::Number { from: 0.0, to: 99.0, default: 0.0 },
            },
            Parameter {
                name: "output",
                label: "O_utput",
                about: "Where the result goes",
                kind: ParameterKind::Choice(&[
                    ("this-layer", "This layer"),
                    ("new-layer", "New layer"),
                    ("layer-mask", "New layer with a layer mask"),
                ]),
            },
            DEVICE,
            USE_VISIBLE,
        ],
        returns: &[],
    },
    Procedure {
        filter: Filter::SegmentRust,
        name: "plug-in-segment-rust",
        label: "_Segment Rust...",
        title: "Segment Rust",
        about: "Select or mask rust",
        help: "Finds rust in a layer and gives it as a selection, a layer mask, a channel, or as colour on a new layer. \
               Returns which part of the layer is rust, and how many regions of rust there are.",
        parameters: &[
            MODEL,
            Parameter {
                name: "threshold",
                label: "_Threshold (%)",
                about: "How probable it must be that a pixel is rust; 0: as the model says",
                kind: ParameterKind::Number { from: 0.0, to: 99.0, default: 0.0 },
            },
            EDGE_SOFTNESS,
            Parameter {
                name: "output",
                label: "O_utput",
                about: "Where the result goes",
                kind: ParameterKind::Choice(&[
                    ("selection", "Selection"),
                    ("layer-mask", "Layer mask"),
                    ("channel", "Channel"),
                    ("new-layer", "New layer"),
                ]),
            },
            DEVICE,
            USE_VISIBLE,
        ],
        returns: &[
            Return {
                name: "rusted-fraction",
                about: "Which part of the layer's pixels is rust, 0 to 1",
                whole: false,
            },
            Return { name: "regions", about: "How many regions of rust there are", whole: true },
        ],
    },
];

impl Procedure {
    /// The parameters that it has in a generation of GIMP. Filters lie on layers in GIMP 3 only; what asks about them is the
    /// last parameter.
    pub fn parameters_in(&self, generation: Generation) -> &'static [Parameter] {
        match (generation, self.parameters) {
            (Generation::Two, [known @ .., last]) if last.name == USE_VISIBLE.name => known,
            (_, all) => all,
        }
    }
}

/// The procedure that GIMP calls `name`.
pub fn named(name: &str) -> Option<&'static Procedure> {
    const { &PROCEDURES }.iter().find(|procedure| procedure.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gimp_3_asks_about_filters_on_layers() {
        for procedure in &PROCEDURES {
            let names = |generation| -> Vec<_> {
                procedure.parameters_in(generation).iter().map(|parameter| parameter.name).collect()
            };
            let (two, three) = (names(Generation::Two), names(Generation::Three));
            assert_eq!([&two[..], &["use-visible"]].concat(), three);
        }
    }

    #[test]
    fn mnemonics_are_not_used_twice_in_a_dialog() {
        for procedure in &PROCEDURES {
            let mut letters: Vec<_> = procedure
                .parameters
                .iter()
                .map(|parameter| parameter.label.split_once('_').expect(parameter.name).1.chars().next())
                .collect();
            letters.sort_unstable();
            letters.dedup();
            assert_eq!(letters.len(), procedure.parameters.len(), "{}", procedure.name);
        }
    }
}
