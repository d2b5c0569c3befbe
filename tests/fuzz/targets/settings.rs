//! `cargo fuzz` on what `gammaq_fuzz::settings` holds to be true.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // One file for each process: the fuzzer runs one case at a time.
    let file = std::env::temp_dir().join(format!("gammaq-fuzz-{}.toml", std::process::id()));
    gammaq_fuzz::settings::check(data, &file);
});
