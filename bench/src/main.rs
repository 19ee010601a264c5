//! The command: `cargo run --release` in this folder.

fn main() -> Result<(), bench::Error> {
    bench::run()
}
