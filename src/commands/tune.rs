//! `krush tune`.

use crate::cli::TuneArgs;
use crate::error::{Error, Result};

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn tune(_args: &TuneArgs) -> Result<u8> {
    Err(Error::Internal("not there yet".to_owned()))
}
