//! The hot path: threads, connections, schedule, stop. Knows bytes and counts, nothing of files, flags or verdicts.

mod http;
mod judge;
mod lexer;
mod verdict;

#[cfg(test)]
mod wire_tests;
