//! `krush merge`.

use crate::cli::MergeArgs;
use crate::error::{Error, Result};

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn merge(_args: &MergeArgs) -> Result<u8> {
    Err(Error::Internal("not there yet".to_owned()))
}
