//! What it takes to look at files of the largest size that are made to take much.
//!
//! ```sh
//! cargo test --release -p derust-engine --test inspection_cost -- --nocapture
//! ```

use std::fs;
use std::time::{Duration, Instant};

use derust_engine::models::{Limits, SIZE_LIMIT, examine};

/// Room for the fields around what fills a file.
const FILLING: usize = SIZE_LIMIT as usize - 64;

/// A field of protobuf's wire format that holds bytes, a text or a message.
fn bytes(number: u32, content: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(content.len() + 10);
    prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut field);
    prost::encoding::encode_varint(content.len() as u64, &mut field);
    field.extend(content);
    field
}

/// A file whose graph is full of `part`.
fn graph_of(part: &[u8]) -> Vec<u8> {
    bytes(7, &part.repeat(FILLING / part.len()))
}

/// A file with one tensor of a single dimension; `number` is the field that its values are in.
fn one_tensor(data_type: u8, elements: usize, number: u32, values: &[u8]) -> Vec<u8> {
    let mut tensor = vec![1 << 3];
    prost::encoding::encode_varint(elements as u64, &mut tensor);
    tensor.extend([2 << 3, data_type]);
    tensor.extend(bytes(number, values));
    bytes(7, &bytes(5, &tensor))
}

/// Many different names of four letters, each one where `field` puts it.
fn names(count: usize, field: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let name = |number: usize| [18, 12, 6, 0].map(|shift| (number >> shift) as u8 & 0x3f | 0x40);
    (0..count).flat_map(|number| field(&name(number))).collect()
}

#[test]
fn looking_at_a_hostile_file_takes_little_memory_and_time() {
    let many = Limits::default().fields as usize - 100;
    let zeros = vec![0; FILLING];
    for (what, file, passes) in [
        ("one large tensor", one_tensor(1, FILLING / 4, 9, &zeros[..FILLING / 4 * 4]), true),
        ("as many nodes as fit", graph_of(b"\x0a\x00"), false),
        ("as many tensors as fit", graph_of(b"\x2a\x00"), false),
        ("as many properties as fit", b"\x72\x00".repeat(FILLING / 2), false),
        ("a tensor of one-byte numbers", one_tensor(7, FILLING, 7, &zeros), false),
        ("many outputs", bytes(7, &bytes(1, &names(many, |name| bytes(2, name)))), false),
        (
            "many attributes",
            bytes(
                7,
                &bytes(1, &[bytes(4, b"Relu"), names(many / 3, |name| bytes(5, &bytes(1, name)))].concat()),
            ),
            true,
        ),
        ("many inputs", bytes(7, &names(many / 3, |name| bytes(11, &bytes(1, name)))), true),
    ] {
        forget_peak();
        let before = memory("VmRSS");
        let begin = Instant::now();
        let examination = examine(&file, &Limits::default());
        let took = begin.elapsed();
        let taken = memory("VmHWM").saturating_sub(before);
        println!(
            "{what}: {} MB, {:.2} s, {} MB beside the file: {:?}",
            file.len() >> 20,
            took.as_secs_f64(),
            taken >> 20,
            examination.verdict
        );
        assert_eq!(examination.verdict.is_ok(), passes, "{what}: {:?}", examination.verdict);
        assert!(taken < SIZE_LIMIT as usize, "{what} takes {taken} bytes");
        // A slow machine gets its time; what would be quadratic takes hours.
        assert!(took < Duration::from_secs(20), "{what} takes {took:?}");
    }
}

/// Resident memory of this process in bytes: `VmRSS` now, `VmHWM` the most since [`forget_peak`].
fn memory(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches([':', '\t', ' ']).trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Lets the peak begin anew (proc(5), `clear_refs`).
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}
