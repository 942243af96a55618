//! The environment of the process, which belongs to the host.

/// Adds a variable that is not there. Other threads may read the environment meanwhile, in C as well; none may change it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn add(name: &str, value: &str) {
    use std::ffi::{CString, c_char};
    use std::sync::atomic::{AtomicPtr, Ordering};

    /// The list that was made last: it stays, and whoever looks for lost memory sees who holds it. (Nobody reads it, so
    /// that the compiler would leave it out.)
    #[used]
    static KEPT: AtomicPtr<*mut c_char> = AtomicPtr::new(std::ptr::null_mut());

    unsafe extern "C" {
        static mut environ: *mut *mut c_char;
    }
    let Ok(entry) = CString::new(format!("{name}={value}")) else { return };
    // `setenv` would move the list, and free the one that readers are at, where the host has changed its environment before.
    // So the list becomes a longer one, and the old one stays: glibc extends that one when the host changes the environment
    // the next time, and takes over what stands in the new one.
    let mut list = Vec::new();
    // SAFETY: `environ` is NULL or a list of texts that ends with NULL (environ(7)). It is not freed while it is read, since
    // nobody changes the environment meanwhile: the promise that hosts are asked for.
    unsafe {
        let mut place = environ;
        while !place.is_null() && !(*place).is_null() {
            list.push(*place);
            place = place.add(1);
        }
    }
    // Both stay for ever: whoever reads the environment may hold pointers to them.
    list.extend([entry.into_raw(), std::ptr::null_mut()]);
    let list = Vec::leak(list).as_mut_ptr();
    KEPT.store(list, Ordering::Relaxed);
    // SAFETY: a pointer is written whole, so that readers see the old list or the new one, both of which stay.
    unsafe { (&raw mut environ).write_volatile(list) };
}

/// Adds a variable that is not there, while no other thread reads or changes the environment.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn add(name: &str, value: &str) {
    // SAFETY: the promise that hosts are asked for.
    unsafe { std::env::set_var(name, value) };
}
