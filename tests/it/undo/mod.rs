//! Undo of a run (SEMANTICS §7): everybody as before, the next pull does not do it again, and what somebody changed since
//! stays.

mod api;
pub mod firm;
mod holds;
mod kill;
mod names;
mod random;
