//! What was typed: clap derive, no I/O.

pub mod serve;
