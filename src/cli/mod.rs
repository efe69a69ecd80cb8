//! See the layout in `lib.rs`.
