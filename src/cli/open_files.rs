//! How many files and sockets the process may have open: the usual limit of a shell is a thousand.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files of the database, of its connections and of the log.
const OTHERS: u64 = 256;

/// Raises the limit as far as these connections need it and the system allows. Each takes two handles.
pub(super) fn allow(connections: usize) {
    let wanted = OTHERS + 2 * connections as u64;
    let now = getrlimit(Resource::Nofile);
    // `None` is no limit.
    if now.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = now.maximum.map_or(wanted, |most| most.min(wanted));
    let raised = Rlimit {
        current: Some(allowed),
        maximum: now.maximum,
    };
    let is_raised = setrlimit(Resource::Nofile, raised).is_ok();
    if !is_raised || allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            "the system allows fewer open files than `connections` needs: raise its limit, or lower the key"
        );
    }
}
