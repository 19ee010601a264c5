#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::bulk_answers(data));
