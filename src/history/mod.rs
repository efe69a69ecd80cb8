//! The runs so far, a line each: what a run leaves behind, and what the lines say together. Pure; files are read by `commands`.

mod entry;

pub use entry::Entry;
