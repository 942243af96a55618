//! A library that says it has the number of today's ABI, and other functions.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;

/// Its table of functions.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = Library)))]
pub struct Functions {
    /// Not what derust's table begins with.
    #[sabi(last_prefix_field)]
    pub greet: extern "C" fn() -> u32,
}

impl RootModule for Library {
    abi_stable::declare_root_module_statics! {Library}

    const BASE_NAME: &'static str = "derust";
    const NAME: &'static str = "derust";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new("1.1.0");
}

extern "C" fn greet() -> u32 {
    0
}

#[abi_stable::export_root_module]
fn table() -> Library {
    Functions { greet }.leak_into_prefix()
}
