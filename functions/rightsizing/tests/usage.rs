//! The script of the usage document in the template, with disks that are not there.

#![cfg(test)]

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs, process};

const TEMPLATE: &str = include_str!("../../../templates/cost.yaml");
const HUNDRED_GIB: u64 = 107_374_182_400;

/// The lines of the script, whose indentation does not matter.
fn script() -> String {
    let (_, rest) = TEMPLATE.split_once("runCommand:\n").unwrap();
    let (_, rest) = rest.split_once("- |\n").unwrap();
    rest.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn install(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn nothing_is_printed_of_a_volume_with_a_part_that_is_not_mounted() {
    let folder = env::temp_dir().join(format!("sluice-usage-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    install(&folder, "df", "for last; do :; done\necho head\necho \"100 10 xfs $last\"");
    let disk = (HUNDRED_GIB, "disk", "", "");
    let root = (HUNDRED_GIB, "part", "xfs", "/");
    for (parts, is_printed) in [
        (&[(HUNDRED_GIB, "disk", "xfs", "/")][..], true),
        (&[disk, root, (1_048_576, "part", "", "")], true),
        (&[disk, root, (HUNDRED_GIB, "part", "swap", "[SWAP]")], true),
        (&[(HUNDRED_GIB, "disk", "LVM2_member", ""), (HUNDRED_GIB, "lvm", "xfs", "/")], false),
        (
            &[disk, (HUNDRED_GIB, "part", "LVM2_member", ""), (HUNDRED_GIB, "lvm", "xfs", "/")],
            false,
        ),
        (&[disk, root, (HUNDRED_GIB, "part", "ext4", "")], false),
        // What a database writes to without a file system.
        (&[disk, root, (HUNDRED_GIB, "part", "", "")], false),
    ] {
        // In the order in which columns are asked for.
        let mut lsblk = "case \"$*\" in\n*SERIAL*) echo nvme1n1 vol0b2; exit;;\nesac\n".to_owned();
        for (size, kind, system, mount) in parts {
            let pairs = format!("TYPE=\"{kind}\" FSTYPE=\"{system}\" MOUNTPOINT=\"{mount}\"");
            let without = format!("FSTYPE=\"{system}\" MOUNTPOINT=\"{mount}\"");
            let lines = [
                ("SIZE,TYPE,", format!("SIZE=\"{size}\" {pairs}")),
                ("SIZE,FSTYPE,", format!("SIZE=\"{size}\" {without}")),
                ("-o MOUNTPOINT ", (*mount).to_owned()),
            ];
            for (columns, line) in lines {
                writeln!(lsblk, "case \"$*\" in *'{columns}'*) echo '{line}';; esac").unwrap();
            }
        }
        install(&folder, "lsblk", &lsblk);
        let script = format!("PATH={}:$PATH\n{}", folder.display(), script());
        let run = Command::new("sh").arg("-c").arg(script).output().unwrap();
        let printed = String::from_utf8(run.stdout).unwrap();
        let expected = if is_printed { "volume vol-0b2 100 10 xfs /\n" } else { "" };
        assert_eq!(printed, expected, "{parts:?}: {}", String::from_utf8_lossy(&run.stderr));
    }
    fs::remove_dir_all(&folder).unwrap();
}
