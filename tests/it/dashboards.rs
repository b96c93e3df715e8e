//! The dashboards against a running gateway, through a real Prometheus.

use std::process::Command;

use crate::demo::Demo;

#[test]
fn every_panel_of_every_dashboard_shows_data() {
    let installed = Command::new("prometheus").arg("--version").output();
    assert!(installed.is_ok(), "prometheus is not installed; `make test` installs it");
    let demo = Demo::start();
    let check = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dashboards/check.py");
    let run = Command::new("python3")
        .args([check, &demo.metrics_url, &demo.base_url, &demo.key])
        .output()
        .expect("python3 runs");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
}
