//! What it takes to look at files of the largest size that are made to take much.
//!
//! ```sh
//! cargo test --release -p derust-engine --test inspection_cost -- --nocapture
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
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
        let before = HELD.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let begin = Instant::now();
        let examination = examine(&file, &Limits::default());
        let took = begin.elapsed();
        let taken = PEAK.load(Ordering::Relaxed) - before;
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

/// Counts what is held, so that a test can say how much looking at a file takes.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is; the counters touch none of the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
