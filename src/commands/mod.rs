//! A verb: from what was typed to an exit status.

pub mod serve;
