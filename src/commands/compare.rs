//! `krush compare`.

use crate::cli::CompareArgs;
use crate::error::{Error, Result};

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn compare(_args: &CompareArgs) -> Result<u8> {
    Err(Error::Internal("not there yet".to_owned()))
}
