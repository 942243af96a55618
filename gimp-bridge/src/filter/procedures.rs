//! What the plug-in offers: two procedures, their parameters and what they return. Both generations of GIMP register
//! these tables; texts are those of the catalogues' left side.

use crate::gimp::{About, Parameter, ParameterKind, Procedure, Return};

/// What a procedure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Takes rust away.
    Derust,
    /// Says where rust is.
    SegmentRust,
}

/// What is said of both.
pub static ABOUT: About = About {
    menu: "<Image>/Filters",
    submenu: "_Rust",
    image_types: "RGB*, GRAY*",
    authors: "The derust authors",
    copyright: "MIT OR Apache-2.0",
    date: "2026",
};

const MODEL: Parameter = Parameter {
    name: "model",
    label: "_Model",
    about: "Name of the model; empty: the one that serves",
    kind: ParameterKind::Text,
    of_layer_filters: false,
};

const DEVICE: Parameter = Parameter {
    name: "device",
    label: "_Device",
    about: "What the model runs on",
    kind: ParameterKind::Choice(&[("automatic", "Automatic"), ("cpu", "CPU"), ("gpu", "GPU")]),
    of_layer_filters: false,
};

const USE_VISIBLE: Parameter = Parameter {
    name: "use-visible",
    label: "Use what I _see",
    about: "Works on the layer as the filters on it show it; the output “this layer” merges them",
    kind: ParameterKind::Toggle,
    of_layer_filters: true,
};

const JUDGE_ANYWAY: Parameter = Parameter {
    name: "judge-anyway",
    label: "_Judge anyway",
    about: "Looks for rust in a layer that cannot be judged, too, such as a gray one; what is found there may mean nothing",
    kind: ParameterKind::Toggle,
    of_layer_filters: false,
};

const STRENGTH: Parameter = Parameter {
    name: "strength",
    label: "Stren_gth (%)",
    about: "How much of the rust goes",
    kind: ParameterKind::Number { from: 0.0, to: 100.0, default: 100.0 },
    of_layer_filters: false,
};

const EDGE_SOFTNESS: Parameter = Parameter {
    name: "edge-softness",
    label: "_Edge softness (pixels)",
    about: "How wide the edges of what was found are",
    kind: ParameterKind::Number { from: 0.0, to: 100.0, default: 0.0 },
    of_layer_filters: false,
};

static DERUST: Procedure = Procedure {
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
            of_layer_filters: false,
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
            of_layer_filters: false,
        },
        DEVICE,
        JUDGE_ANYWAY,
        USE_VISIBLE,
    ],
    returns: &[],
};

static SEGMENT_RUST: Procedure = Procedure {
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
            of_layer_filters: false,
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
            of_layer_filters: false,
        },
        DEVICE,
        JUDGE_ANYWAY,
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
};

/// The procedures.
pub static PROCEDURES: &[&Procedure] = &[&DERUST, &SEGMENT_RUST];

impl Filter {
    /// The procedure that does it.
    pub fn procedure(self) -> &'static Procedure {
        match self {
            Filter::Derust => &DERUST,
            Filter::SegmentRust => &SEGMENT_RUST,
        }
    }

    /// What a procedure does.
    pub fn of(procedure: &Procedure) -> Option<Self> {
        [Filter::Derust, Filter::SegmentRust]
            .into_iter()
            .find(|filter| filter.procedure().name == procedure.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gimp::{Generation, Three, Two};

    #[test]
    fn only_gimp_3_asks_about_filters_on_layers() {
        fn names<G: Generation>(procedure: &Procedure) -> Vec<&'static str> {
            procedure.parameters_in::<G>().map(|parameter| parameter.name).collect()
        }
        for procedure in PROCEDURES {
            let (two, three) = (names::<Two>(procedure), names::<Three>(procedure));
            assert_eq!([&two[..], &["use-visible"]].concat(), three);
        }
    }

    #[test]
    fn mnemonics_are_not_used_twice_in_a_dialog() {
        for procedure in PROCEDURES {
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
