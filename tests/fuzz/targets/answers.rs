//! `cargo fuzz` on what `gammaq_fuzz::answers` holds to be true.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gammaq_fuzz::answers::check(data));
