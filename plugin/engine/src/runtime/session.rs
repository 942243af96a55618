//! One network, ready to run.

use std::collections::BTreeMap;
use std::num::NonZero;

use ndarray::{ArrayD, ArrayViewD};
use ort::environment::Environment;
use ort::ep;
use ort::logging::LogLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::{RuntimeError, elements, one_line};

/// How a session computes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionOptions {
    /// Threads that work on one run; the number of processors when absent.
    pub threads: Option<NonZero<usize>>,
}

impl SessionOptions {
    fn thread_count(&self) -> usize {
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok());
        threads.map_or(1, NonZero::get)
    }
}

/// A network loaded into ONNX Runtime; see [`super::Runtime::session`].
#[derive(Debug)]
pub struct Session {
    inner: ort::session::Session,
}

impl Session {
    pub(super) fn new(
        environment: &Environment,
        onnx: &[u8],
        options: &SessionOptions,
    ) -> Result<Self, RuntimeError> {
        let load = |error: ort::Error| RuntimeError::Load(one_line(&error.to_string()));
        let configure = || -> Result<SessionBuilder, ort::Error> {
            let builder = SessionBuilder::new(environment)?
                .with_execution_providers([ep::CPU::default().build()])?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(options.thread_count())?
                // Waiting threads must not take the processor from the program that derust lives in.
                .with_intra_op_spinning(false)?
                .with_log_level(LogLevel::Fatal)?;
            Ok(builder)
        };
        let inner = configure().and_then(|mut builder| builder.commit_from_memory(onnx)).map_err(load)?;
        Ok(Session { inner })
    }

    /// Names of the graph's inputs.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.inner.inputs().iter().map(|input| input.name())
    }

    /// Names of the graph's outputs.
    pub fn output_names(&self) -> impl Iterator<Item = &str> {
        self.inner.outputs().iter().map(|output| output.name())
    }

    /// Runs the network on named arrays, each converted to the type that the graph declares for the input, and answers
    /// with all outputs by name, as float32; those of other types than float32, float16, uint8, int32 and int64 are
    /// left out.
    ///
    /// # Errors
    /// When an input is missing or has the wrong shape, or the network fails; the text is ONNX Runtime's.
    pub fn run(
        &mut self,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
    ) -> Result<BTreeMap<String, ArrayD<f32>>, RuntimeError> {
        let failed = |error: ort::Error| RuntimeError::Run(one_line(&error.to_string()));
        let mut values = Vec::with_capacity(inputs.len());
        for (name, array) in inputs {
            let port = self.inner.inputs().iter().find(|port| port.name() == *name);
            let declared = port.and_then(|port| port.dtype().tensor_type());
            values.push((*name, elements::encode(array, declared).map_err(failed)?));
        }
        let outputs = self.inner.run(values).map_err(failed)?;
        let mut arrays = BTreeMap::new();
        for (name, value) in outputs.iter() {
            if let Some(array) = elements::decode(&value) {
                arrays.insert(name.to_owned(), array);
            }
        }
        Ok(arrays)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::super::Runtime;
    use super::*;
    use crate::fixtures::Network;

    fn session(onnx: &[u8]) -> Result<Session, RuntimeError> {
        Runtime::load(None).unwrap().session(onnx, &SessionOptions { threads: NonZero::new(1) })
    }

    #[test]
    fn a_network_runs_on_arrays_of_any_layout_and_its_outputs_have_names() {
        let mut session = session(&Network::red_is_rust().to_onnx()).unwrap();
        assert_eq!(session.input_names().collect::<Vec<_>>(), ["image"]);
        assert_eq!(session.output_names().collect::<Vec<_>>(), ["probability"]);
        let planar =
            Array4::from_shape_fn((1, 3, 5, 4), |(_, c, y, x)| ((c + 2 * y + 3 * x) % 7) as f32 / 7.0);
        let interleaved = planar.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
        let strided = interleaved.view().permuted_axes([0, 3, 1, 2]);
        assert!(!strided.is_standard_layout());
        for view in [planar.view(), strided] {
            let outputs = session.run(&[("image", view.into_dyn())]).unwrap();
            let probability = &outputs["probability"];
            assert_eq!(probability.shape(), [1, 1, 5, 4]);
            let red = |c| planar[[0, c, 2, 3]];
            let expected = (red(0) - 0.5 * red(1) - 0.5 * red(2)).clamp(0.0, 1.0);
            assert!((probability[[0, 0, 2, 3]] - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn what_onnx_runtime_refuses_comes_back_as_one_line() {
        let error = session(b"no network").unwrap_err().to_string();
        assert!(
            error.starts_with("ONNX Runtime cannot load the network") && !error.contains('\n'),
            "{error}"
        );
        let mut session = session(&Network::red_is_rust().to_onnx()).unwrap();
        let wrong = ArrayD::<f32>::zeros(vec![1, 2, 8, 8]);
        let error = session.run(&[("image", wrong.view())]).unwrap_err().to_string();
        assert!(error.starts_with("the network failed") && !error.contains('\n'), "{error}");
    }
}
