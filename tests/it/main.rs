//! The built program and the library as its users see them; a module a topic.

#[cfg(feature = "kafka")]
mod kafka;
