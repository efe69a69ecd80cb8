//! The built-in proxy: speaks the REST Proxy's v2 produce and metadata API and v3 topic creation.

pub mod backend;
#[cfg(feature = "kafka")]
pub mod kafka;
