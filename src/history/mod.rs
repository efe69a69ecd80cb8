//! The runs so far, a line each: what a run leaves behind, and what the lines say together. Pure; files are read by `commands`.

mod change;
mod entry;
mod lines;
mod load;
mod noise;
mod show;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod trend;

pub use change::{Shift, Shifts, shifts};
pub use entry::Entry;
pub use lines::{Lines, notes, read};
pub use show::{
    Shown, change_words, day, evolution, machine, minute, resolution, show, title, words,
};
pub use trend::{Change, Resolution, Trend, is_evidence, trends};
