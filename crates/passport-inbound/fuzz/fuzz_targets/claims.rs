#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| passport_inbound::fuzzing::claims(input));
