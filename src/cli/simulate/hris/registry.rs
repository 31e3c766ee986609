//! The stand-ins, as `build.rs` found them.

use super::standin::Standin;

include!(concat!(env!("OUT_DIR"), "/standins.rs"));

/// The stand-in of this system.
///
/// # Errors
/// There is none: says which there are.
pub fn find(slug: &str) -> Result<(&'static str, &'static Standin), String> {
    let found = STANDINS.iter().find(|(known, _)| *known == slug);
    found.copied().ok_or_else(|| {
        let known: Vec<_> = STANDINS.iter().map(|(known, _)| *known).collect();
        format!("no stand-in for `{slug}`: there are {}", known.join(", "))
    })
}
