//! The committed inputs of each target: a file with one JSON string per input, in which each byte
//! is one character, so that changes of the corpus are readable.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64_simd::STANDARD;
use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// Maximum size of a committed corpus, so that all of them are checked in seconds, and are
/// readable.
const MAX_CORPUS_BYTES: usize = 55_000;

/// A larger seed only slows down the fuzzer.
const MAX_SEED_BYTES: u64 = 8_192;

/// The committed inputs of a target; empty if the file does not exist.
#[must_use]
pub fn inputs(target: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(file(target)).unwrap_or_default();
    let bytes = |line: &str| {
        let input: String = serde_json::from_str(line).unwrap();
        input.chars().map(|byte| u8::try_from(byte).unwrap()).collect()
    };
    text.lines().map(bytes).collect()
}

/// Commits the shortest inputs in the files of a folder, up to [`MAX_CORPUS_BYTES`].
pub fn pack(target: &str, folder: &Path) {
    let mut inputs: Vec<_> = files(folder).iter().map(|file| fs::read(file).unwrap()).collect();
    inputs.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    let mut bytes = 0;
    let fits = |input: &Vec<u8>| {
        bytes += input.len();
        bytes <= MAX_CORPUS_BYTES
    };
    let inputs: Vec<_> = inputs.into_iter().take_while(fits).collect();
    let line = |input: Vec<u8>| {
        let input: String = input.into_iter().map(char::from).collect();
        Value::from(input).to_string() + "\n"
    };
    fs::write(file(target), inputs.into_iter().map(line).collect::<String>()).unwrap();
}

/// Writes the committed inputs of a target as files into a folder, for libFuzzer.
pub fn unpack(target: &str, folder: &Path) {
    write_files("input", inputs(target), folder);
}

/// Writes seeds into a folder: the fixtures in `events/`, and the texts and bytes inside them.
pub fn write_seeds(folder: &Path) {
    let mut seeds = BTreeSet::new();
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")) {
        if file.extension().is_some_and(|extension| extension == "json") {
            add_seed(fs::read(file).unwrap(), &mut seeds);
        }
    }
    write_files("seed", seeds, folder);
}

/// Adds a seed, and the texts and bytes inside it.
fn add_seed(bytes: Vec<u8>, seeds: &mut BTreeSet<Vec<u8>>) {
    if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
        add_inside(&value, seeds);
    }
    let mut inflated = Vec::new();
    let mut gzip = MultiGzDecoder::new(&*bytes).take(MAX_SEED_BYTES);
    if io::copy(&mut gzip, &mut inflated).is_ok_and(|length| length > 0) {
        add_seed(inflated, seeds);
    }
    if bytes.len() as u64 <= MAX_SEED_BYTES {
        seeds.insert(bytes);
    }
}

fn add_inside(value: &Value, seeds: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::String(text) => {
            if let Ok(bytes) = STANDARD.decode_to_vec(text) {
                add_seed(bytes, seeds);
            }
            add_seed(text.clone().into_bytes(), seeds);
        }
        Value::Array(elements) => elements.iter().for_each(|element| add_inside(element, seeds)),
        Value::Object(members) => {
            for (name, member) in members {
                // A variable, in the form of the target `settings`.
                if let (Value::String(text), true) = (member, is_variable(name)) {
                    seeds.insert([name.as_bytes(), b"\n", text.as_bytes()].concat());
                }
                seeds.insert(member.to_string().into_bytes());
                add_inside(member, seeds);
            }
        }
        _ => {}
    }
}

fn is_variable(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn file(target: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    folder.join(target).with_extension("ndjson")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(below).collect()
}

fn write_files(name: &str, inputs: impl IntoIterator<Item = Vec<u8>>, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (at, input) in inputs.into_iter().enumerate() {
        fs::write(folder.join(format!("{name}-{at:05}")), input).unwrap();
    }
}
