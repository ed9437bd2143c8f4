//! The image.
#![cfg(target_os = "linux")]

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{REQUIREMENT, file, installed, succeeds};
use crate::child::{PATIENCE, Running};
use crate::skip::skip;
use crate::workspace::Workspace;
use crate::world::World;

/// `buildah`, with all that it stores in a folder of the test.
struct Engine<'a>(&'a Workspace);

impl Engine<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("buildah");
        command
            .args(["--storage-driver", "vfs", "--root"])
            .arg(self.0.path("storage"))
            .arg("--runroot")
            .arg(self.0.path("storage-run"))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }
}

/// Builds the image of the Dockerfile around the command that was built, and returns a container of it.
fn container(engine: &Engine<'_>) -> String {
    let mut root = Command::new(file("image-root"));
    root.arg(env!("CARGO_BIN_EXE_cryptofeed"));
    succeeds(root.arg(engine.0.path("build/image")));
    // It stands for the stage that compiles.
    let stage = format!("build={}", engine.0.path("build").display());
    let mut build = engine.command(&["build", "--quiet", "--isolation", "chroot"]);
    build.args(["--build-context", &stage, "--tag", "cryptofeed", "--file"]);
    build.arg(file("Dockerfile")).arg(engine.0.path("build"));
    succeeds(&mut build);
    let container = succeeds(&mut engine.command(&["from", "--pull-never", "cryptofeed"]));
    container.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_is_the_program_alone_and_streams() {
    let Some(_) = installed("buildah") else {
        return;
    };
    if Path::new("/proc/self").metadata().unwrap().uid() != 0 {
        return skip(REQUIREMENT, "only root may start a container");
    }
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    // A container of this kind has the network of the machine.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = format!("tls: {{ca_file: ca.pem}}\nstatus: {{listen: '127.0.0.1:{port}'}}\n");
    std::fs::create_dir(workspace.path("config")).unwrap();
    workspace.file("config/cryptofeed.yaml", &(world.feeds() + &settings));
    workspace.file("config/ca.pem", &world.ca.pem());
    let engine = Engine(&workspace);
    let container = container(&engine);
    let start = |arguments: &[&str]| {
        let mut run = engine.command(&["run", "--isolation", "chroot"]);
        let config = workspace.path("config");
        run.arg(format!("--volume={}:/etc/cryptofeed:ro", config.display()));
        run.args([&container, "--"]).args(arguments);
        run
    };
    let program = "/usr/local/bin/cryptofeed";
    let arguments = ["--config", "/etc/cryptofeed/cryptofeed.yaml"];
    let run = Running::start(start(&[&[program, "run"], &arguments[..]].concat()));
    run.find(|line| line["type"] == "trade");
    // As the manifests probe it.
    let mut probe = start(&[&[program, "status"], &arguments[..], &["--ready"]].concat());
    let end = Instant::now() + PATIENCE;
    while !probe.output().unwrap().status.success() {
        assert!(Instant::now() < end, "it does not become ready");
    }
    // Its output is closed, so it ends.
    drop(run);
    let mounted = succeeds(&mut engine.command(&["mount", &container]));
    let root = Path::new(mounted.trim());
    assert!(root.join("usr/local/bin/cryptofeed").is_file());
    for folder in ["bin", "sbin", "usr/bin", "usr/sbin"] {
        assert!(!root.join(folder).exists(), "{folder}");
    }
    let user = ["inspect", "--format", "{{.OCIv1.Config.User}}", &container];
    assert_eq!(succeeds(&mut engine.command(&user)).trim(), "65532:65532");
}
