//! `krush capacity`.

use crate::cli::CapacityArgs;
use crate::error::{Error, Result};

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn capacity(_args: &CapacityArgs) -> Result<u8> {
    Err(Error::Internal("not there yet".to_owned()))
}
