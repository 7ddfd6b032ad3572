//! Tests the JSON Schemas in an editor: an independent validator, and the YAML language server with diagnostics and
//! completion. The checks are in `editor/check.mjs`.

use crate::support::root;
use std::process::Command;

#[test]
fn editor_validates_and_completes_profiles() {
    let folder = root().join("tests/editor");
    assert!(
        folder.join("node_modules").is_dir(),
        "what an editor is made of is not installed: `tests/run` does it, or `npm ci --prefix tests/editor`"
    );
    let check = Command::new("node").arg(folder.join("check.mjs")).output();
    let check = check.expect("`node` starts: Node.js 18 or newer is installed");
    let output = String::from_utf8_lossy(&check.stdout);
    let failed: Vec<&str> = output.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert!(check.status.success(), "{}\n{}", failed.join("\n"), String::from_utf8_lossy(&check.stderr));
}
