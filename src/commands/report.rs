//! `krush report`.

use crate::cli::ReportArgs;
use crate::error::{Error, Result};

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn report(_args: &ReportArgs) -> Result<u8> {
    Err(Error::Internal("not there yet".to_owned()))
}
