//! Rosterd keeps the roster: a SCIM 2.0 provisioning server with an HRIS bridge.
//!
//! The table of contents; arrows point one way: `cli → http → service → storage → {domain, scim}`, `http → auth → storage`,
//! `sync → {service, hris} → domain`, `mail → {service, words} → domain`.

pub mod auth;
pub mod cli;
pub mod config;
pub mod domain;
pub mod hris;
pub mod http;
pub mod mail;
pub mod scim;
pub mod service;
pub mod storage;
pub mod sync;
pub mod telemetry;
pub mod words;
