//! Memory that this process can still have, so that a picture that is too large fails alone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

/// Bytes that can still be had of the machine and of the control groups that this process is in, as far as the system
/// tells. Whoever takes more is ended.
pub fn available() -> Option<u64> {
    [of_machine(), of_control_groups()].into_iter().flatten().min()
}

/// An empty list with room for `length` values.
///
/// # Errors
/// When there is no memory for it.
pub fn list<T>(length: usize) -> anyhow::Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(length).map_err(|_| {
        let bytes = length.saturating_mul(size_of::<T>()) as f64;
        anyhow!("there is too little memory: {:.1} GB more cannot be had", bytes / f64::from(1 << 30))
    })?;
    Ok(list)
}

/// `length` zeros.
///
/// # Errors
/// When there is no memory for them.
pub fn zeros(length: usize) -> anyhow::Result<Vec<u8>> {
    let mut zeros = list(length)?;
    zeros.resize(length, 0);
    Ok(zeros)
}

/// The same bytes once more.
///
/// # Errors
/// When there is no memory for them.
pub fn copy(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut copy = list(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

fn of_machine() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

fn kilobytes(list: &str, name: &str) -> Option<u64> {
    let value = list.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes that `ulimit -v` leaves. Whoever asks for more does not get it.
pub fn address_space() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    let used = kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmSize:")?;
    Some(limit.saturating_sub(used))
}

fn of_control_groups() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(|line| of_groups_above(line, Path::new("/sys/fs/cgroup"))).min()
}

/// The least that a group, or one that holds it, leaves. `line` is one of /proc/self/cgroup.
fn of_groups_above(line: &str, mounted: &Path) -> Option<u64> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (root, limit, used) = match controllers {
        // Version 2 has one tree for everything.
        "" => (mounted.to_owned(), "memory.max", "memory.current"),
        _ if controllers.split(',').any(|controller| controller == "memory") => {
            (mounted.join("memory"), "memory.limit_in_bytes", "memory.usage_in_bytes")
        }
        _ => return None,
    };
    let group = root.join(path.trim_start_matches('/'));
    let left = |group: &Path| {
        let text = |name: &str| fs::read_to_string(group.join(name)).ok();
        let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
        // What was read from files goes when memory is needed.
        let files = text("memory.stat").and_then(|list| {
            let line = list.lines().find_map(|line| line.strip_prefix("inactive_file "))?;
            line.trim().parse().ok()
        });
        Some(number(limit)?.saturating_sub(number(used)?.saturating_sub(files.unwrap_or(0))))
    };
    // In a container the group may be seen as the root itself.
    let above: Vec<PathBuf> =
        group.ancestors().take_while(|g| g.starts_with(&root)).map(Path::to_owned).collect();
    above.iter().filter_map(|group| left(group)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_group_counts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::create_dir_all(at("memory/c")).unwrap();
        for (name, text) in [
            ("a/memory.max", "1000\n"),
            ("a/memory.current", "300\n"),
            ("a/memory.stat", "anon 200\ninactive_file 100\n"),
            ("a/b/memory.max", "max\n"),
            ("a/b/memory.current", "300\n"),
            ("memory/c/memory.limit_in_bytes", "50\n"),
            ("memory/c/memory.usage_in_bytes", "60\n"),
        ] {
            fs::write(at(name), text).unwrap();
        }
        assert_eq!(of_groups_above("0::/a/b", folder.path()), Some(800));
        assert_eq!(of_groups_above("0::/", folder.path()), None);
        assert_eq!(of_groups_above("7:cpu,memory:/c", folder.path()), Some(0));
        assert_eq!(of_groups_above("7:cpu:/c", folder.path()), None);
    }

    #[test]
    fn what_is_more_than_all_memory_is_an_error() {
        assert!(zeros(usize::MAX / 4).is_err() && zeros(10).unwrap() == [0; 10]);
        assert!(available().is_some());
    }
}
