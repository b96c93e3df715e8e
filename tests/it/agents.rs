//! Coding agents, unchanged: `tollgate connect` writes their settings, a vendor of another dialect tells them to
//! make a file with their own tools, and the file is there.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tollgate_simulate::{Profile, ToolCall};

use crate::plans::Plans;
use crate::world::{TOLLGATE, World};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CONTENT: &str = "made by way of the gate";
const TASK: &str = "Create hello.txt";

/// A vendor that has one tool called, then says that it is done.
fn calls(tool: &str, arguments: Value) -> Profile {
    let calls = vec![ToolCall { tool: tool.to_owned(), arguments }];
    Profile { calls, says: Some("It is done.".to_owned()), ..Profile::default() }
}

/// An agent at work in a folder of its own.
struct Agent {
    world: World,
    home: PathBuf,
    work: PathBuf,
}

impl Agent {
    /// A world with the agent's settings in place; the model is `only-vendor`. What its vendor says is made of
    /// where the agent is to write.
    fn connected(client: &str, plan: impl FnOnce(Plans, &str) -> Plans) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("agents").join(client);
        let _ = fs::remove_dir_all(&folder);
        let (home, work) = (folder.join("home"), folder.join("work"));
        fs::create_dir_all(&home).expect("a home");
        fs::create_dir_all(&work).expect("a place to work");
        // Agents look for the repository that they work in, and would find ours.
        let made = Command::new("git").args(["init", "--quiet"]).arg(&work).status().expect("git runs");
        assert!(made.success(), "a repository to work in");
        let world = plan(World::with(), work.join("hello.txt").to_str().expect("a plain path")).start();
        let gate = format!("http://{}", world.clients());
        let arguments = ["connect", client, "--base-url", &gate, "--model", "only-vendor", "--write"];
        let connected = Command::new(TOLLGATE)
            .args(arguments)
            .env("TOLLGATE_KEY", &world.key)
            .env("HOME", &home)
            .env_remove("CODEX_HOME")
            .env_remove("CLAUDE_CONFIG_DIR")
            .output()
            .expect("the binary runs");
        assert!(connected.status.success(), "{}", String::from_utf8_lossy(&connected.stderr));
        Self { world, home, work }
    }

    /// Runs the agent on its task, and looks at the file and at what the vendor was asked.
    fn does(self, program: &str, arguments: &[&str], variables: &[(&str, &str)]) {
        let program = format!("{ROOT}/{program}");
        let ran = Command::new(&program)
            .args(arguments)
            .current_dir(&self.work)
            .env_clear()
            .env("PATH", format!("{ROOT}/.venv/bin:/usr/local/bin:/usr/bin:/bin"))
            .env("HOME", &self.home)
            .env("TOLLGATE_KEY", &self.world.key)
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap_or_else(|e| panic!("{program} cannot be run ({e}); `make test` installs it"));
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{said}");
        let made = fs::read_to_string(self.work.join("hello.txt")).unwrap_or_else(|e| panic!("no file ({e}): {said}"));
        assert_eq!(made.trim_end(), CONTENT, "{said}");
        assert!(self.world.seen("vendor").requests > 0, "{said}");
    }
}

#[test]
fn aider_edits_a_file_over_a_vendor_of_anthropics_dialect() {
    let says = Some(format!("hello.txt\n```\n{CONTENT}\n```\n"));
    let agent = Agent::connected("aider", |plans, _| plans.anthropic("vendor", Profile { says, ..Profile::default() }));
    let arguments = [
        "--yes-always",
        "--no-git",
        "--edit-format",
        "whole",
        "--no-show-model-warnings",
        "--message",
        TASK,
        "hello.txt",
    ];
    let quiet =
        [("AIDER_CHECK_UPDATE", "false"), ("AIDER_ANALYTICS", "false"), ("LITELLM_LOCAL_MODEL_COST_MAP", "True")];
    agent.does(".venvs/aider/bin/aider", &arguments, &quiet);
}

#[test]
fn claude_code_finishes_a_task_over_a_vendor_of_openais_dialect() {
    let agent = Agent::connected("claude-code", |plans, file| {
        plans.openai("vendor", calls("Write", json!({"file_path": file, "content": CONTENT})))
    });
    let quiet = [("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"), ("DISABLE_AUTOUPDATER", "1")];
    let arguments = ["-p", TASK, "--permission-mode", "acceptEdits"];
    agent.does("tests/clients/node_modules/.bin/claude", &arguments, &quiet);
}

#[test]
fn codex_finishes_a_task_over_a_vendor_of_anthropics_dialect() {
    let agent = Agent::connected("codex", |plans, file| {
        plans.anthropic("vendor", calls("exec_command", json!({"cmd": format!("printf '{CONTENT}' > {file}")})))
    });
    let arguments = ["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", TASK];
    agent.does("tests/clients/node_modules/.bin/codex", &arguments, &[]);
}

#[test]
fn gemini_cli_finishes_a_task_over_a_vendor_of_openais_dialect() {
    let agent = Agent::connected("gemini-cli", |plans, file| {
        plans.openai("vendor", calls("write_file", json!({"file_path": file, "content": CONTENT})))
    });
    let arguments = ["--yolo", "-p", TASK];
    agent.does("tests/clients/node_modules/.bin/gemini", &arguments, &[("GEMINI_CLI_TRUST_WORKSPACE", "true")]);
}
