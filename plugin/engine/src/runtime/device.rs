//! Where networks run: what a host asks for, and the execution providers that do it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::DeviceState;

/// The device that a host asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Device {
    /// Which kind of device.
    pub kind: DeviceKind,
    /// Which GPU, counted from 0 as CUDA does; 0 for the processor.
    pub id: u32,
}

/// A kind of device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeviceKind {
    /// The first of TensorRT, CUDA and the processor that runs the network.
    #[default]
    Automatic,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU through CUDA.
    Cuda,
    /// An NVIDIA GPU through TensorRT; what TensorRT does not know runs through CUDA.
    TensorRt,
}

/// A part of ONNX Runtime that runs nodes on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Provider {
    /// NVIDIA GPUs, with a network that was compiled for this one.
    TensorRt,
    /// NVIDIA GPUs.
    Cuda,
    /// The processor.
    Cpu,
}

impl Device {
    /// Whether the host wants this device and no other.
    pub fn is_named(self) -> bool {
        self.kind != DeviceKind::Automatic
    }
}

impl DeviceKind {
    const ALL: [DeviceKind; 4] =
        [DeviceKind::Automatic, DeviceKind::Cpu, DeviceKind::Cuda, DeviceKind::TensorRt];

    /// `automatic`, `cpu`, `cuda` or `tensorrt`.
    pub fn word(self) -> &'static str {
        match self {
            DeviceKind::Automatic => "automatic",
            DeviceKind::Cpu => "cpu",
            DeviceKind::Cuda => "cuda",
            DeviceKind::TensorRt => "tensorrt",
        }
    }

    /// The first provider that can be used, of those that would be tried.
    pub(crate) fn first_of(self, states: &[DeviceState]) -> Option<Provider> {
        let is_usable = |provider: &&Provider| {
            states.iter().any(|state| state.provider == **provider && state.problem.is_none())
        };
        self.candidates().iter().find(is_usable).copied()
    }

    /// The providers to try, the best one first.
    pub(super) fn candidates(self) -> &'static [Provider] {
        match self {
            DeviceKind::Automatic => &[Provider::TensorRt, Provider::Cuda, Provider::Cpu],
            DeviceKind::Cpu => &[Provider::Cpu],
            DeviceKind::Cuda => &[Provider::Cuda],
            DeviceKind::TensorRt => &[Provider::TensorRt],
        }
    }
}

impl Provider {
    /// All providers that derust uses.
    pub const ALL: [Provider; 3] = [Provider::Cpu, Provider::Cuda, Provider::TensorRt];

    /// `cpu`, `cuda` or `tensorrt`.
    pub fn word(self) -> &'static str {
        match self {
            Provider::TensorRt => "tensorrt",
            Provider::Cuda => "cuda",
            Provider::Cpu => "cpu",
        }
    }

    /// The provider with the number of the GPU that was asked for: `cpu`, `cuda:0`.
    pub(crate) fn on(self, asked: Device) -> String {
        match self {
            Provider::Cpu => self.word().into(),
            gpu => format!("{gpu}:{}", asked.id),
        }
    }

    /// What ONNX Runtime calls it.
    pub(super) fn onnx_runtime_name(self) -> &'static str {
        match self {
            Provider::TensorRt => "TensorrtExecutionProvider",
            Provider::Cuda => "CUDAExecutionProvider",
            Provider::Cpu => "CPUExecutionProvider",
        }
    }

    /// The provider's library beside ONNX Runtime's own; the processor's is part of ONNX Runtime.
    pub(super) fn library_file(self) -> Option<String> {
        (self != Provider::Cpu).then(|| {
            format!(
                "{}onnxruntime_providers_{}{}",
                std::env::consts::DLL_PREFIX,
                self.word(),
                std::env::consts::DLL_SUFFIX
            )
        })
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.id) {
            (DeviceKind::Cpu, _) | (_, 0) => f.write_str(self.kind.word()),
            (kind, id) => write!(f, "{}:{id}", kind.word()),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    /// Reads `automatic`, `cpu`, `cuda` or `tensorrt`, where a GPU can be meant with its number: `cuda:1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (word, id) = match text.split_once(':') {
            Some((word, id)) => (word, id.parse().ok()),
            None => (text, Some(0)),
        };
        let kind = DeviceKind::ALL.into_iter().find(|kind| kind.word() == word);
        match (kind, id) {
            (Some(DeviceKind::Cpu), Some(1..)) => Err("there is one processor device, number 0".into()),
            (Some(kind), Some(id)) => Ok(Device { kind, id }),
            _ => {
                Err("automatic, cpu, cuda or tensorrt is needed, with the number of a GPU as in cuda:1"
                    .into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for text in ["automatic", "cpu", "cuda", "tensorrt", "cuda:1", "automatic:2", "tensorrt:7"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!("cuda:0".parse::<Device>(), "cuda".parse());
        for text in ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cpu:1", "cuda:1:2"] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_best_device_is_the_first_one_that_can_be_used() {
        let states = [(Provider::Cpu, true), (Provider::Cuda, true), (Provider::TensorRt, false)].map(
            |(provider, usable)| DeviceState {
                provider,
                name: String::new(),
                problem: (!usable).then(|| "missing".into()),
            },
        );
        assert_eq!(DeviceKind::Automatic.first_of(&states), Some(Provider::Cuda));
        assert_eq!(DeviceKind::Cpu.first_of(&states), Some(Provider::Cpu));
        assert_eq!(DeviceKind::TensorRt.first_of(&states), None);
    }

    #[test]
    fn a_named_device_has_no_other_behind_it() {
        assert_eq!(DeviceKind::Automatic.candidates().last(), Some(&Provider::Cpu));
        for kind in [DeviceKind::Cpu, DeviceKind::Cuda, DeviceKind::TensorRt] {
            assert_eq!(kind.candidates().iter().map(|p| p.word()).collect::<Vec<_>>(), [kind.word()]);
        }
    }
}
