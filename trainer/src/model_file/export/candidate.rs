//! A network on its way into a model file: what the file says about itself, and whether it computes what it should.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use derust_engine::models::inspect;
use derust_manifest::{Input, InputRole, Kind, Manifest, Output, OutputRole, SCHEMA, Tile};

use super::About;
use crate::data::LONG_SIDE;
use crate::model_file::onnx::{Form, encode};
use crate::model_file::parity;
use crate::model_file::precision::{
    Precision, PrecisionOptions, calibration_inputs, prove_derust, prove_segment, quantise,
};
use crate::networks::architectures::{SIZE_MULTIPLE, names};
use crate::networks::fold::{FoldedNetwork, WeightStorage};
use crate::networks::network::Network;
use crate::whole_file;

/// A network that is to become a model.
pub struct Candidate {
    /// What it is for.
    pub kind: Kind,
    /// As it was trained.
    pub network: Network,
    /// Long side, in pixels, at which photos are analysed; none where the network takes no picture.
    pub long_side: Option<u32>,
    /// Probability from which on a pixel counts as rust.
    pub threshold: f32,
    /// Views of a picture over which its answers are averaged.
    pub views: u32,
    /// Part of the size at which mirror images among them are analysed.
    pub mirror_scale: Option<f32>,
    /// Names of the classes that it tells apart, that of no rust first; none where there is only rust.
    pub classes: Vec<String>,
    /// What was measured when it was trained.
    pub metrics: BTreeMap<String, f64>,
}

/// What the inputs of a graph are fed with, by their names.
const INPUT_ROLES: [(&str, InputRole); 3] =
    [(names::IMAGE, InputRole::Image), (names::MASK, InputRole::Mask), (names::NOISE, InputRole::Noise)];

/// What the outputs of a graph hold, by their names; others are not part of the contract.
const OUTPUT_ROLES: [(&str, OutputRole); 5] = [
    (names::PROBABILITY, OutputRole::Probability),
    (names::LOGITS, OutputRole::Classes),
    (names::FILL, OutputRole::Rgb),
    (names::ALPHA, OutputRole::Alpha),
    (names::TEXTURE, OutputRole::Rgb),
];

fn role<R: Copy>(table: &[(&str, R)], name: &str) -> Option<R> {
    table.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
}

impl Candidate {
    /// A network of which nothing is known but what it is for.
    pub fn new(kind: Kind, network: Network) -> Self {
        Candidate {
            kind,
            network,
            long_side: None,
            threshold: 0.5,
            views: 1,
            mirror_scale: None,
            classes: vec![],
            metrics: BTreeMap::new(),
        }
    }

    /// Writes the model file, whole or not at all.
    ///
    /// # Errors
    /// When the model does not compute what it should, derust would not run it, or it cannot be written.
    pub fn write(&self, about: &About) -> Result<()> {
        let mut manifest = self.manifest(about)?;
        let (bytes, proof) = self.encode(&mut manifest, &about.numbers)?;
        if matches!(self.kind, Kind::SegmentRust | Kind::Derust) {
            inspect(&bytes, None).context("derust would not run the model; no file was written")?;
        }
        whole_file::write(&about.output, &bytes)?;
        let scale = self.long_side.map(|side| format!(", at {side} px, threshold {}", self.threshold));
        println!(
            "{}: {} {}, {:.1} MB, {:.1} GFLOP per megapixel{}, {proof}",
            about.output.display(),
            about.name,
            about.version,
            bytes.len() as f64 / 1e6,
            f64::from(manifest.work()) * self.network.graph.operations_per_pixel() / 1e3,
            scale.unwrap_or_default()
        );
        Ok(())
    }

    fn manifest(&self, about: &About) -> Result<Manifest> {
        let graph = &self.network.graph;
        let inputs = graph.inputs().map(|id| {
            let name = &graph.nodes[id].name;
            let role = role(&INPUT_ROLES, name).with_context(|| format!("the input {name} has no role"))?;
            Ok(Input::new(name.clone(), role))
        });
        let outputs = graph.outputs.iter().filter_map(|(name, _)| {
            let output = Output::new(name.clone(), role(&OUTPUT_ROLES, name)?);
            Some(match output.role {
                OutputRole::Classes => self.with_classes(output, &about.rust),
                _ => output,
            })
        });
        let manifest = Manifest {
            schema: SCHEMA,
            kind: self.kind,
            name: about.name.clone(),
            version: about.version.clone(),
            licence: "MIT OR Apache-2.0".into(),
            trained_on: about.trained_on.clone(),
            metrics: self.metrics.clone(),
            inputs: inputs.collect::<Result<_>>()?,
            outputs: outputs.collect(),
            tile: Tile { size: LONG_SIDE, overlap: LONG_SIDE / 4, multiple: SIZE_MULTIPLE },
            long_side: self.long_side,
            threshold: self.threshold,
            views: self.views,
            mirror_scale: self.mirror_scale,
        };
        manifest.check()?;
        Ok(manifest)
    }

    fn with_classes(&self, output: Output, rust: &[String]) -> Output {
        let rust =
            if rust.is_empty() { self.classes.iter().skip(1).cloned().collect() } else { rust.to_vec() };
        Output { classes: self.classes.clone(), rust, ..output }
    }

    /// The model file's bytes, and how they were found to be right.
    fn encode(&self, manifest: &mut Manifest, options: &PrecisionOptions) -> Result<(Vec<u8>, String)> {
        let storage = match options.precision {
            Precision::Float32 if options.full_weights => WeightStorage::Float32,
            Precision::Float32 | Precision::Float16 => WeightStorage::Float16,
            Precision::Int8 => WeightStorage::Float32,
        };
        let folded = FoldedNetwork::new(&self.network, storage);
        let (form, tolerance) = match options.precision {
            Precision::Float32 => (Form::Float32, parity::TOLERANCE),
            Precision::Float16 => (Form::Float16, parity::HALF_TOLERANCE),
            Precision::Int8 => return self.encode_int8(&folded, manifest, options),
        };
        let bytes = encode(&folded, form, manifest);
        let difference = parity::check(&folded.network, &bytes, tolerance)?;
        Ok((bytes, format!("ONNX Runtime agrees within {difference:.1e}")))
    }

    fn encode_int8(
        &self,
        folded: &FoldedNetwork,
        manifest: &mut Manifest,
        options: &PrecisionOptions,
    ) -> Result<(Vec<u8>, String)> {
        let is_pair = manifest.output(OutputRole::Alpha).is_some();
        ensure!(
            is_pair || manifest.output(OutputRole::Probability).is_some(),
            "int8 is for networks that find rust of one class, or find and fill; use float32 or float16"
        );
        let long_side = self.long_side.unwrap_or(LONG_SIDE);
        let (learnt, held_out) = options.photos()?;
        ensure!(
            !held_out.photos.is_empty(),
            "int8 is measured on photos that are set aside, and there are none; name more --data or --held-out"
        );
        let takes_mask = manifest.input(InputRole::Mask).is_some();
        let inputs = calibration_inputs(&learnt.photos, long_side, takes_mask);
        let quantisation = quantise(&folded.network, &inputs);
        let models = [Form::Float32, Form::Int8(&quantisation)].map(|form| encode(folded, form, manifest));
        // Rounded, it cannot agree; but it has to run at every size.
        parity::difference(&folded.network, &models[1])?;
        let both = [&models[0][..], &models[1]];
        let proofs = match is_pair {
            true => prove_derust(both, held_out.photos)?.into(),
            false => vec![prove_segment(both, &held_out.photos, long_side, self.threshold)?],
        };
        let mut found = vec![];
        for proof in &proofs {
            proof.check()?;
            found.push(format!("{} {:.4}, in float32 {:.4}", proof.figure, proof.int8, proof.float32));
            manifest.metrics.insert(format!("{}_int8", proof.name), proof.int8);
            manifest.metrics.insert(format!("{}_float32", proof.name), proof.float32);
        }
        Ok((encode(folded, Form::Int8(&quantisation), manifest), found.join("; ")))
    }
}
