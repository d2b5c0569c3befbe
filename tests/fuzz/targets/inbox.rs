//! `cargo fuzz` on what `gammaq_fuzz::inbox` holds to be true.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gammaq_fuzz::inbox::check(data));
