//! Buffers on both sides of the way to a device that are kept from run to run, through ONNX Runtime's I/O binding.
//!
//! Host memory is page-locked where the device is a GPU, which reads and writes such memory by itself, at the full speed
//! of the bus; page-locking is slow, so it is done once for a shape. On the device ONNX Runtime's arena gives the inputs of
//! the next run the blocks of the last one, because they are handed back before.

use std::collections::BTreeMap;

use ndarray::{ArrayD, ArrayViewD};
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, RunOptions, Session, SessionOutputs};
use ort::value::{DynTensor, TensorElementType};

use super::session::failure;
use super::{RuntimeError, elements};

/// Shapes that are kept at a time: whole batches and the last one of a picture.
const KEPT: usize = 2;

/// Whose memory the buffers on the host are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostMemory {
    /// Of the program.
    Ordinary,
    /// Page-locked by CUDA for the GPU with this number.
    PageLocked(i32),
}

/// The buffers of a session for the shapes with which it ran last.
#[derive(Debug)]
pub(super) struct Buffers {
    memory: HostMemory,
    /// The one that was used last is the last one.
    kept: Vec<Bound>,
}

/// The buffers of a session for one shape of every input.
#[derive(Debug)]
struct Bound {
    // The values are dropped before the binding, which holds the session that their memory belongs to.
    inputs: Vec<(String, DynTensor)>,
    binding: IoBinding,
}

impl Buffers {
    pub(super) fn new(memory: HostMemory) -> Self {
        Buffers { memory, kept: Vec::new() }
    }

    /// Runs the session on buffers that are kept; `None` where there are none yet for inputs of these shapes.
    pub(super) fn run(
        &mut self,
        session: &mut Session,
        options: &RunOptions,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
    ) -> Option<Result<BTreeMap<String, ArrayD<f32>>, RuntimeError>> {
        let i = self.kept.iter().position(|bound| bound.fits(inputs))?;
        let bound = self.kept.remove(i);
        self.kept.push(bound);
        Some(self.kept.last_mut()?.run(session, options, inputs))
    }

    /// Makes buffers for inputs like these, to which the network answers with outputs of these types and shapes.
    pub(super) fn keep(
        &mut self,
        session: &Session,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
        outputs: &[(String, TensorElementType, Vec<i64>)],
    ) -> Result<(), ort::Error> {
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        let (to_device, to_host) =
            (self.allocator(session, MemoryType::CPUInput)?, self.allocator(session, MemoryType::CPUOutput)?);
        let mut bound = Bound { inputs: Vec::new(), binding: session.create_binding()? };
        for (name, array) in inputs {
            let port = session.inputs().iter().find(|port| port.name() == *name);
            let declared = port.and_then(|port| port.dtype().tensor_type());
            let element = elements::fed(declared);
            bound.inputs.push(((*name).to_owned(), DynTensor::new(&to_device, element, array.shape())?));
        }
        for (name, element, shape) in outputs {
            bound.binding.bind_output(name, DynTensor::new(&to_host, *element, shape.as_slice())?)?;
        }
        self.kept.push(bound);
        Ok(())
    }

    fn allocator(&self, session: &Session, purpose: MemoryType) -> Result<Allocator, ort::Error> {
        match self.memory {
            HostMemory::Ordinary => Ok(Allocator::default()),
            HostMemory::PageLocked(gpu) => {
                let pinned =
                    MemoryInfo::new(AllocationDevice::CUDA_PINNED, gpu, AllocatorType::Device, purpose)?;
                Allocator::new(session, pinned)
            }
        }
    }

    /// Where the buffers lie that are kept: for every shape those of its inputs.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> Vec<Vec<usize>> {
        let of = |bound: &Bound| bound.inputs.iter().map(|(_, tensor)| tensor.data_ptr() as usize).collect();
        self.kept.iter().map(of).collect()
    }
}

impl Bound {
    fn fits(&self, inputs: &[(&str, ArrayViewD<'_, f32>)]) -> bool {
        let is_same =
            |((name, tensor), (wanted, array)): (&(String, DynTensor), &(&str, ArrayViewD<'_, f32>))| {
                let sides = tensor.shape().iter().map(|side| usize::try_from(*side).unwrap_or(0));
                name == wanted && sides.eq(array.shape().iter().copied())
            };
        self.inputs.len() == inputs.len() && self.inputs.iter().zip(inputs).all(is_same)
    }

    fn run(
        &mut self,
        session: &mut Session,
        options: &RunOptions,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
    ) -> Result<BTreeMap<String, ArrayD<f32>>, RuntimeError> {
        let outputs = self.answers(session, options, inputs).map_err(failure)?;
        let mut decoded = BTreeMap::new();
        for (name, value) in outputs.iter() {
            if let Some(array) = elements::decode(&value)? {
                decoded.insert(name.to_owned(), array);
            }
        }
        Ok(decoded)
    }

    fn answers<'s>(
        &'s mut self,
        session: &'s mut Session,
        options: &RunOptions,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
    ) -> Result<SessionOutputs<'s>, ort::Error> {
        self.binding.clear_inputs();
        for ((name, tensor), (_, array)) in self.inputs.iter_mut().zip(inputs) {
            elements::write(array, tensor)?;
            // To a GPU this copies; on the processor the network reads the buffer itself.
            self.binding.bind_input(name.as_str(), tensor)?;
        }
        self.binding.synchronize_inputs()?;
        session.run_binding_with_options(&self.binding, options)
    }
}

#[cfg(test)]
mod tests {
    use derust_manifest::onnx;
    use ndarray::Array4;
    use prost::Message as _;

    use super::super::{NetworkInfo, Runtime, SessionOptions};
    use super::*;
    use crate::control::Control;
    use crate::fixtures::{Convolution, Network};

    fn session(onnx: &[u8], keeps_buffers: bool) -> super::super::Session {
        let network = NetworkInfo { keeps_buffers, ..NetworkInfo::unknown() };
        Runtime::load(None)
            .unwrap()
            .session_of(&network, onnx, &SessionOptions::default(), 0, &Control::default())
            .unwrap()
    }

    fn picture((count, height, width): (usize, usize, usize), seed: usize) -> ArrayD<f32> {
        let colour = |(n, c, y, x)| ((7 * n + 3 * c + 5 * y + 11 * x + 13 * seed) % 17) as f32 / 17.0;
        Array4::from_shape_fn((count, 3, height, width), colour).into_dyn()
    }

    #[test]
    fn runs_on_kept_buffers_answer_as_others_do_and_stay_in_place() {
        let fill = Convolution::pointwise(&[&[0.0, 1.0, 0.5], &[0.2, 1.0, 0.0], &[0.0, 0.3, 1.0]], &[0.1; 3]);
        let onnx = Network::derust("two", fill, Convolution::mean(3), false).to_onnx();
        let (mut keeping, mut plain) = (session(&onnx, true), session(&onnx, false));
        let [small, large, other] = [(1, 16, 24), (3, 32, 24), (2, 16, 24)];
        let mut places = Vec::new();
        for (seed, shape) in
            [small, large, small, large, small, small, other, large, other].into_iter().enumerate()
        {
            let picture = picture(shape, seed);
            let inputs = [("image", picture.view())];
            let outputs = keeping.run(&inputs).unwrap();
            assert_eq!(outputs.len(), 2);
            assert_eq!(outputs, plain.run(&inputs).unwrap(), "{shape:?}");
            let mut now = keeping.buffers.as_ref().expect("buffers are kept").addresses();
            assert!(now.len() <= KEPT);
            now.sort();
            places.push(now);
        }
        assert!(plain.buffers.is_none());
        assert_eq!(places[0].len(), 1);
        // Both shapes have theirs, and keep them until a third one comes.
        assert!(places[1..6].iter().all(|now| *now == places[1] && now.len() == 2), "{places:?}");
        assert_ne!(places[6], places[5]);
        assert_eq!(places[7], places[8]);
    }

    #[test]
    fn answers_of_changing_size_are_not_kept() {
        let port = |name: &str, dims: &[&str]| onnx::ValueInfo::floats(name, dims);
        let mut found = port("found", &["4", "count"]);
        found.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = onnx::data_type::INT64;
        let node = onnx::Node {
            op_type: "NonZero".into(),
            input: vec!["image".into()],
            output: vec!["found".into()],
            ..Default::default()
        };
        let graph = onnx::Graph {
            name: "fixture".into(),
            node: vec![node],
            input: vec![port("image", &["1", "3", "h", "w"])],
            output: vec![found],
            ..Default::default()
        };
        let model = onnx::Model {
            ir_version: 8,
            graph: Some(graph),
            opset_import: vec![onnx::OperatorSet { domain: String::new(), version: 17 }],
            ..Default::default()
        };
        let mut session = session(&model.encode_to_vec(), true);
        for lit in [2, 2, 5, 1] {
            let mut picture = ArrayD::<f32>::zeros(vec![1, 3, 4, 4]);
            picture.iter_mut().take(lit).for_each(|value| *value = 1.0);
            let outputs = session.run(&[("image", picture.view())]).unwrap();
            assert_eq!(outputs["found"].shape(), [4, lit]);
        }
        assert!(session.buffers.is_none());
    }
}
