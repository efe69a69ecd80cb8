//! One integration binary; a module a topic.

mod cli;
mod layers;
