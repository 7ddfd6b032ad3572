//! The profiles are built into the binary: a changed or new one makes it anew.

fn main() {
    println!("cargo:rerun-if-changed=profiles");
}
