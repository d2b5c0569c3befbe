//! `cargo fuzz` on what `gammaq_fuzz::retry_after` holds to be true.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gammaq_fuzz::retry_after::check(data));
