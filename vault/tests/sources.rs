//! The laws of the sources: who may read the file, who writes it first, what a command may do.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tollgate_vault::{BadMaster, COMMAND_TIMEOUT, Context, LoadError, MasterKeys, SealRandom, Source, TEXT_MAX};

const KEY: &str = "v4:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBE=";
const CONTEXT: Context<'_> = Context { tenant: "acme", row: "1", version: 0, base_url: "" };

/// A folder that goes when this goes.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tollgate-vault-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    fn file(&self, text: &[u8], mode: u32) -> PathBuf {
        let path = self.0.join("master");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn file(path: &Path) -> Source {
    Source::File(path.to_owned())
}

fn command(words: &[&str]) -> Source {
    Source::Command(words.iter().map(|&word| word.to_owned()).collect())
}

fn opens(by: &MasterKeys, of: &MasterKeys) -> bool {
    let sealed = of.seal(&CONTEXT, b"sk-1", SealRandom::draw().expect("randomness"));
    by.open(&CONTEXT, &sealed).is_ok()
}

#[test]
fn a_file_of_its_owner_alone_is_read() {
    let folder = Folder::new();
    for mode in [0o600, 0o400] {
        let folder = folder.file(KEY.as_bytes(), mode);
        assert_eq!(file(&folder).load(COMMAND_TIMEOUT).expect("keys").newest(), 4);
        fs::remove_file(folder).expect("removed");
    }
}

#[test]
fn a_file_that_others_can_use_is_refused_with_the_command_that_mends_it() {
    let folder = Folder::new();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777] {
        let path = folder.file(KEY.as_bytes(), mode);
        for error in [file(&path).load(COMMAND_TIMEOUT), file(&path).load_or_generate(COMMAND_TIMEOUT)] {
            let said = error.expect_err("shared").to_string();
            assert!(said.contains(&format!("`chmod 600 {}`", path.display())), "{said}");
            assert!(said.contains(&format!("{mode:o}")), "{said}");
        }
    }
}

#[test]
fn what_is_no_file_of_keys_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    assert!(matches!(file(&folder.0.join("none")).load(COMMAND_TIMEOUT), Err(LoadError::Missing(_))));
    assert!(matches!(file(&folder.0).load(COMMAND_TIMEOUT), Err(LoadError::NotAFile(_))));
    assert!(matches!(file(Path::new("/dev/null")).load(COMMAND_TIMEOUT), Err(LoadError::NotAFile(_))));
    for (text, what) in [(&b""[..], "no master key"), (b"\xff", "not UTF-8"), (&[b'#'; TEXT_MAX + 1], "more than")] {
        let path = folder.file(text, 0o600);
        let said = file(&path).load_or_generate(COMMAND_TIMEOUT).expect_err(what).to_string();
        assert!(said.contains(what), "{said}");
        assert_eq!(fs::read(&path).expect("still there"), text);
    }
    let longest = [KEY.as_bytes(), b"\n", &vec![b'#'; TEXT_MAX - KEY.len() - 1]].concat();
    assert!(file(&folder.file(&longest, 0o600)).load(COMMAND_TIMEOUT).is_ok());
}

#[test]
fn a_missing_file_is_made_once_whole_and_for_its_owner_alone() {
    let folder = Folder::new();
    let path = folder.0.join("master");
    let made = file(&path).load_or_generate(COMMAND_TIMEOUT).expect("made");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o7777, 0o600);
    assert_eq!((made.newest(), folder.names()), (1, vec!["master".to_owned()]));
    let again = file(&path).load_or_generate(COMMAND_TIMEOUT).expect("read");
    assert!(opens(&again, &made));
    let nowhere = folder.0.join("none").join("master");
    assert!(matches!(file(&nowhere).load_or_generate(COMMAND_TIMEOUT), Err(LoadError::Unwritable { .. })));
}

#[test]
fn of_many_that_start_at_once_all_have_the_keys_of_one() {
    const STARTS: usize = 16;
    for _ in 0..10 {
        let folder = Folder::new();
        let source = file(&folder.0.join("master"));
        let start = Barrier::new(STARTS);
        let loaded: Vec<MasterKeys> = thread::scope(|scope| {
            let one = || {
                start.wait();
                source.load_or_generate(COMMAND_TIMEOUT).expect("keys")
            };
            let threads: Vec<_> = (0..STARTS).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(loaded.iter().all(|keys| opens(keys, &loaded[0])));
        assert_eq!(folder.names(), ["master"]);
    }
}

#[test]
fn a_variable_that_is_not_set_and_one_that_is_something_else_are_no_keys() {
    let unset = Source::Environment("TOLLGATE_VAULT_TEST_NOT_SET".to_owned());
    assert!(matches!(unset.load(COMMAND_TIMEOUT), Err(LoadError::Unset(_))));
    let value = std::env::var("PATH").expect("every test has a path");
    let error = Source::Environment("PATH".to_owned()).load(COMMAND_TIMEOUT).expect_err("no keys");
    assert!(matches!(error, LoadError::Bad(_)));
    assert!(!format!("{error} {error:?}").contains(&value));
}

#[test]
fn what_a_command_prints_is_the_text_and_no_shell_reads_its_words() {
    assert_eq!(command(&["echo", KEY]).load(COMMAND_TIMEOUT).expect("keys").newest(), 4);
    let shell = format!("$(echo {KEY})");
    assert!(matches!(command(&["echo", &shell]).load(COMMAND_TIMEOUT), Err(LoadError::Bad(_))));
    assert!(matches!(command(&[&format!("echo {KEY}")]).load(COMMAND_TIMEOUT), Err(LoadError::NotRun { .. })));
    assert!(matches!(command(&[]).load(COMMAND_TIMEOUT), Err(LoadError::NoProgram)));
    assert!(matches!(command(&[""]).load(COMMAND_TIMEOUT), Err(LoadError::NoProgram)));
}

#[test]
fn a_command_has_nothing_to_read() {
    assert!(matches!(command(&["cat"]).load(COMMAND_TIMEOUT), Err(LoadError::Bad(BadMaster::Empty))));
}

#[test]
fn a_command_that_never_ends_is_stopped() {
    let begun = Instant::now();
    let limit = Duration::from_millis(50);
    for words in [&["sleep", "600"][..], &["sh", "-c", "exec >&- 2>&-; exec sleep 600"]] {
        assert!(matches!(command(words).load(limit), Err(LoadError::TimedOut { .. })), "{words:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_command_that_prints_without_end_is_stopped() {
    assert!(matches!(command(&["cat", "/dev/zero"]).load(COMMAND_TIMEOUT), Err(LoadError::TooLong)));
}

#[test]
fn a_command_that_complains_much_is_heard_out() {
    let words = ["sh", "-c", "head -c 1000000 /dev/zero >&2 || exit 1; echo $0", KEY];
    assert_eq!(command(&words).load(COMMAND_TIMEOUT).expect("keys").newest(), 4);
}

#[test]
fn what_a_command_leaves_running_does_not_hold_up_its_keys() {
    // It keeps standard error open, for longer than the limit.
    let words = ["sh", "-c", "sleep 20 >/dev/null & echo $0", KEY];
    let begun = Instant::now();
    assert!(command(&words).load(Duration::from_secs(15)).is_ok());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn of_a_failed_command_200_bytes_of_complaint_are_shown_and_never_what_it_printed() {
    let script = r#"echo "$0"; printf 'no\033[2J such\nvault ' >&2; head -c 500 /dev/zero | tr '\0' x >&2; exit 3"#;
    let source = command(&["sh", "-c", script, KEY]);
    let error = source.load(COMMAND_TIMEOUT).expect_err("failed");
    let said = error.to_string();
    assert!(said.contains("`sh` failed (exit status: 3)") && said.contains("no [2J such vault xxx"), "{said}");
    assert!(said.matches('x').count() > 150 && said.matches('x').count() <= 200, "{said}");
    for shown in [said, format!("{error:?}"), format!("{source:?}")] {
        assert!(!shown.contains("BBBB") && !shown.contains("printf"), "{shown}");
    }
}
