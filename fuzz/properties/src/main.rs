//! Writes the corpus as files, and back: see `fuzz/README.md`.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use properties::corpus;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["seeds", folder] => corpus::write_seeds(Path::new(folder)),
        ["unpack", target, folder] => corpus::unpack(target, Path::new(folder)),
        ["pack", target, folder] => corpus::pack(target, Path::new(folder)),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}
