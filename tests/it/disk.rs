//! Ends and starts of a world in its own folder, and disks that do what tests need: one that waits or
//! fails when told to, one that is soon full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::plans::gateway;
use crate::world::{TOLLGATE, World};

impl World {
    /// Ends it as a loss of power would, but for what the system has in its caches.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it once more in its folder, after it has ended.
    pub(crate) fn start_again(self) -> Self {
        self.start_again_by(|_| {})
    }

    /// Starts it by another command that ends in the gateway.
    pub(crate) fn start_again_by(mut self, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = gateway(Path::new(TOLLGATE), &self.folder);
        change(&mut command);
        self.child = command.spawn().expect("the binary starts");
        self.when_ready()
    }
}

/// A world whose `fdatasync` obeys the test.
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Starts the world again upon such a disk. It was stopped before.
    pub(crate) fn under(world: World) -> (World, Self) {
        let folder = world.folder().join("disk");
        fs::create_dir_all(&folder).expect("the folder can be made");
        let library = library();
        let world = world.start_again_by(|command| {
            command.env("LD_PRELOAD", &library).env("TOLLGATE_TEST_DISK", &folder);
        });
        (world, Self { folder })
    }

    /// Nothing reaches the disk until it is let go.
    pub(crate) fn hold(&self) {
        self.put("hold");
    }

    /// Lets go.
    pub(crate) fn let_go(&self) {
        fs::remove_file(self.folder.join("hold")).expect("it was held");
    }

    /// Nothing reaches the disk any more, and the system says so.
    pub(crate) fn fail(&self) {
        self.put("fail");
    }

    fn put(&self, name: &str) {
        fs::write(self.folder.join(name), "").expect("the file can be written");
    }
}

/// Builds what is preloaded. Tests run at the same time: each builds its own and puts it in place whole.
fn library() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/disk.c");
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disk.so");
    let mine = made.with_extension(std::process::id().to_string());
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&mine).arg(source).arg("-ldl").status();
    assert!(built.expect("a C compiler is there").success());
    fs::rename(mine, &made).expect("it can be put in place");
    made
}

/// Starts the world again with its data on a disk of this size. `None` where the system does not let us
/// mount one.
pub(crate) fn on_small_disk(world: World, megabytes: u32) -> World {
    let mount = format!("mkdir -p data && mount -t tmpfs -o size={megabytes}m tmpfs data && exec \"$0\" \"$@\"");
    world.start_again_by(|command| {
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let binary = command.get_program().to_owned();
        let folder = command.get_current_dir().map(Path::to_owned);
        let mut wrapped = Command::new("unshare");
        wrapped.args(["-rm", "sh", "-c", &mount]).arg(binary).args(args);
        wrapped.current_dir(folder.expect("it has a folder"));
        std::mem::swap(command, &mut wrapped);
    })
}
