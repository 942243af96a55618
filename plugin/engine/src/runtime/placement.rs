//! The truth about a session: which providers run how much of its network, and why others do not.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::ptr;

use ort::AsPointer;
use serde::{Deserialize, Serialize};

use super::device::{Device, Provider};
use super::one_line;

/// The session's configuration entry (onnxruntime_session_options_config_keys.h) that makes ONNX Runtime keep the
/// record that [`Placement`] is made of.
pub(super) const RECORD: &str = "session.record_ep_graph_assignment_info";

/// Where the nodes of a network run, by ONNX Runtime's own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// What the host asked for.
    pub asked: Device,
    /// The providers that were offered the network, the first one first.
    pub registered: Vec<Provider>,
    /// How many nodes of each operator run on each provider, which is called as ONNX Runtime calls it.
    pub nodes: BTreeMap<String, BTreeMap<String, usize>>,
    /// The providers that were to be tried and do not serve, and why.
    pub skipped: Vec<(Provider, String)>,
}

impl Placement {
    /// Where the network runs: the first provider that was offered it, which also took a part.
    pub fn provider(&self) -> Provider {
        let used = self.registered.iter().find(|provider| self.nodes_on(**provider) > 0);
        used.copied().unwrap_or(Provider::Cpu)
    }

    /// How many nodes run on a provider.
    pub fn nodes_on(&self, provider: Provider) -> usize {
        self.nodes.get(provider.onnx_runtime_name()).map_or(0, |operators| operators.values().sum())
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.values().flat_map(BTreeMap::values).sum()
    }

    /// Where the network runs, with the number of the GPU: `cpu`, `cuda:0`, `tensorrt:1`.
    pub fn device(&self) -> String {
        self.provider().on(self.asked)
    }

    /// Checks that a provider that was asked for runs at least a part of the network.
    pub(super) fn check_used(&self, provider: Provider) -> Result<(), String> {
        match self.nodes_on(provider) {
            0 => Err(format!("ONNX Runtime gave it none of the network's {} nodes", self.node_count())),
            _ => Ok(()),
        }
    }

    /// The record of a session.
    pub(super) fn of(
        session: &ort::session::Session,
        asked: Device,
        registered: Vec<Provider>,
    ) -> Result<Self, String> {
        Ok(Placement { asked, registered, nodes: record(session)?, skipped: Vec::new() })
    }
}

impl fmt::Display for Placement {
    /// One line: `cuda:0: 60 of 62 nodes, on the processor Resize (2); asked for automatic; tensorrt is not used: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (provider, all) = (self.provider(), self.node_count());
        write!(f, "{}: {} of {all} nodes", self.device(), self.nodes_on(provider))?;
        for (name, operators) in &self.nodes {
            if name == provider.onnx_runtime_name() {
                continue;
            }
            let known = Provider::ALL.into_iter().find(|provider| provider.onnx_runtime_name() == name);
            write!(f, ", on {}", known.map_or(name.as_str(), |provider| provider.word()))?;
            for (i, (operator, count)) in operators.iter().enumerate() {
                write!(f, "{} {operator} ({count})", if i == 0 { "" } else { "," })?;
            }
        }
        write!(f, "; asked for {}", self.asked)?;
        for (provider, reason) in &self.skipped {
            write!(f, "; {provider} is not used: {reason}")?;
        }
        Ok(())
    }
}

/// The nodes by provider and operator.
fn record(session: &ort::session::Session) -> Result<BTreeMap<String, BTreeMap<String, usize>>, String> {
    let api = ort::api();
    let (mut subgraphs, mut count) = (ptr::null(), 0);
    // SAFETY: the session lives during the call, and ONNX Runtime writes a pointer and a number to places that are
    // good for it; the table has the function since API 24, which is the least that is loaded.
    let status =
        unsafe { (api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &raw mut subgraphs, &raw mut count) };
    check(status)?;
    let mut nodes = BTreeMap::<String, BTreeMap<String, usize>>::new();
    // SAFETY: the answer is an array of `count` pointers that belongs to the session.
    for subgraph in unsafe { slice(subgraphs, count) } {
        // SAFETY: the subgraph is one of the session's; the text lives as long as it.
        let provider = unsafe { text(|out| (api.EpAssignedSubgraph_GetEpName)(*subgraph, out)) }?;
        let operators = nodes.entry(provider).or_default();
        let (mut members, mut count) = (ptr::null(), 0);
        // SAFETY: as above.
        check(unsafe { (api.EpAssignedSubgraph_GetNodes)(*subgraph, &raw mut members, &raw mut count) })?;
        // SAFETY: as above.
        for node in unsafe { slice(members, count) } {
            // SAFETY: the node is one of the subgraph's; the text lives as long as it.
            let operator = unsafe { text(|out| (api.EpAssignedNode_GetOperatorType)(*node, out)) }?;
            *operators.entry(operator).or_default() += 1;
        }
    }
    Ok(nodes)
}

/// # Safety
/// `pointer` is NULL or has `count` elements that live as long as the answer is used.
unsafe fn slice<'a, T>(pointer: *const T, count: usize) -> &'a [T] {
    if pointer.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(pointer, count) }
}

/// The text that a function of ONNX Runtime writes the place of.
///
/// # Safety
/// What `get` writes is NULL or a text that ends with a zero and lives at least until this returns.
unsafe fn text(get: impl FnOnce(*mut *const c_char) -> ort::sys::OrtStatusPtr) -> Result<String, String> {
    let mut out = ptr::null();
    check(get(&raw mut out))?;
    if out.is_null() {
        return Ok(String::new());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { CStr::from_ptr(out) }.to_string_lossy().into_owned())
}

fn check(status: ort::sys::OrtStatusPtr) -> Result<(), String> {
    // SAFETY: the status comes from ONNX Runtime and is given away.
    unsafe { ort::Error::result_from_status(status) }.map_err(|error| one_line(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::device::DeviceKind;
    use super::*;

    fn placement(nodes: &[(Provider, &str, usize)]) -> Placement {
        let mut placement = Placement {
            asked: Device { kind: DeviceKind::Automatic, id: 1 },
            registered: vec![Provider::Cuda, Provider::Cpu],
            nodes: BTreeMap::new(),
            skipped: vec![(Provider::TensorRt, "libnvinfer.so.10 is missing".into())],
        };
        for (provider, operator, count) in nodes {
            let operators = placement.nodes.entry(provider.onnx_runtime_name().into()).or_default();
            operators.insert((*operator).into(), *count);
        }
        placement
    }

    #[test]
    fn a_provider_that_took_nothing_is_not_where_the_network_runs() {
        let both = placement(&[
            (Provider::Cuda, "Conv", 3),
            (Provider::Cpu, "Resize", 2),
            (Provider::Cpu, "Add", 1),
        ]);
        assert_eq!((both.provider(), both.device().as_str()), (Provider::Cuda, "cuda:1"));
        assert_eq!(
            both.to_string(),
            "cuda:1: 3 of 6 nodes, on cpu Add (1), Resize (2); asked for automatic:1; tensorrt is not used: \
             libnvinfer.so.10 is missing"
        );
        let idle = placement(&[(Provider::Cpu, "Conv", 3)]);
        assert_eq!((idle.provider(), idle.device().as_str()), (Provider::Cpu, "cpu"));
        assert_eq!(both.check_used(Provider::Cuda), Ok(()));
        assert!(idle.check_used(Provider::Cuda).unwrap_err().contains("none of the network's 3 nodes"));
    }
}
