#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| passport_inbound::fuzzing::compact_token(input));
