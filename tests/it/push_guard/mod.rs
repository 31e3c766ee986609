//! The push side's safety over HTTP: the breaker, what is parked, sessions with undo, revoke now, break-glass admins.

mod acceptance;
mod admins;
mod corners;
mod sessions;
mod shell;
mod world;
