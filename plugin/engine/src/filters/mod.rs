//! The two filters, each a recipe made of the engine's parts.

pub mod derust;
pub mod segment_rust;

/// The scale at which a picture is analysed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scale {
    /// The one that the network knows: larger pictures are reduced to the long side that its manifest names.
    #[default]
    Model,
    /// The picture's own.
    Native,
}

impl Scale {
    fn long_side(self, manifest: &derust_manifest::Manifest) -> Option<u32> {
        manifest.long_side.filter(|_| self == Scale::Model)
    }
}
