#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| restcast_fuzz::keys::run(data));
