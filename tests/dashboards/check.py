"""Every dashboard against a running gateway: each panel's query answers without error, and none is empty.

Usage: check.py METRICS_URL BASE_URL KEY. Starts a Prometheus on a private port, sends a bounded mix of
traffic to the gateway while it is scraped, then asks what Grafana would ask. Also holds the dashboards
against the rules of the house: descriptions, units, variables, rates, and names that exist.
"""

import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
GRAFANA = ROOT / "grafana"
# Families without a panel of their own, and why.
NOT_SHOWN = {}
# What may be empty on a demo that does nothing wrong, and why.
MAY_BE_EMPTY = {}
MODELS = ["sim-small", "sim-large", "fallback-demo", "auto", "cut-demo", "estimated-demo", "refused-demo", "failed-demo", "no-such-model"]
# Flex is late now and then, is late often, and has no time at all.
STARTS = ["2s", "1s", "100ms"]
SCRAPES = 14


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(url, body=None, key=None, timeout=20):
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def traffic(base_url, key, stop):
    """Until told to stop, at most a thousand rounds: every kind of request there is in the demo."""
    for _ in range(1000):
        for model in MODELS:
            if stop.is_set():
                return
            body = {"model": model, "messages": [{"role": "user", "content": "Write a Python function"}]}
            for stream in (False, True):
                ask(f"{base_url}/chat/completions", json.dumps({**body, "stream": stream}).encode(), key)
        ask(f"{base_url}/chat/completions", b"{", "tgk_wrong")
        ask(f"{base_url}/chat/completions", b"{")


def races(base_url, key, stop):
    """Until told to stop, at most a thousand rounds: answers that are to start within a time."""
    for _ in range(1000):
        for start in STARTS:
            if stop.is_set():
                return
            body = {"model": "race-demo", "start_within": start, "messages": [{"role": "user", "content": "Hello"}]}
            ask(f"{base_url}/chat/completions", json.dumps({**body, "stream": True}).encode(), key)


def start_prometheus(metrics_url, folder):
    target = urllib.parse.urlparse(metrics_url).netloc
    config = pathlib.Path(folder) / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: ['{GRAFANA / 'rules.yml'}']\n"
        f"scrape_configs: [{{job_name: tollgate, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    port = free_port()
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    return subprocess.Popen(command), f"http://127.0.0.1:{port}"


def until(what, condition, seconds=40):
    patience = time.monotonic() + seconds
    while time.monotonic() < patience:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit(f"gave up waiting until {what}")


def query(prometheus, expression, path="query", **more):
    url = f"{prometheus}/api/v1/{path}?" + urllib.parse.urlencode({"query": expression, **more})
    return json.loads(ask(url))


def substituted(expression):
    expression = expression.replace("$__rate_interval", "6s")
    return re.sub(r"\$(job|instance|model|endpoint)\b", ".*", expression)


def boards():
    for file in sorted((GRAFANA / "dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        yield file.name, board, [p for p in board["panels"] if p["type"] != "row"]


def rules_of_the_house(families):
    """What a linter would say."""
    faults, shown = [], set()
    for name, board, panels in boards():
        if board["editable"] or not board["uid"].startswith("tollgate-"):
            faults.append(f"{name}: not provisioned as read-only under a stable uid")
        for panel in panels:
            at = f"{name}: {panel['title']}"
            unit = panel["fieldConfig"]["defaults"].get("unit")
            if not panel["title"] or not panel["description"] or not unit:
                faults.append(f"{at}: wants title, description and unit")
            for target in panel["targets"]:
                expression = target["expr"]
                if target["datasource"]["uid"] != "${datasource}":
                    faults.append(f"{at}: its data source is not the variable")
                for metric in re.findall(r"\b((?:tollgate|process)_[a-z0-9_]+)", expression):
                    base = re.sub(r"_(bucket|sum|count)$", "", metric)
                    shown.add(base)
                    if base not in families:
                        faults.append(f"{at}: there is no metric {metric}")
                for counter in re.findall(r"\b(tollgate_[a-z0-9_]+_(?:total|bucket))\b", expression):
                    if not re.search(r"(rate|increase)\(\s*" + counter, expression):
                        faults.append(f"{at}: {counter} without rate() or increase()")
    for family in sorted(families):
        if family.startswith("tollgate_") and family not in shown and family not in NOT_SHOWN:
            faults.append(f"{family} is on no dashboard")
    return faults


def families(metrics_url):
    return set(re.findall(r"^# TYPE (\S+)", ask(metrics_url), re.M))


def empty_or_wrong(prometheus):
    now = time.time()
    faults, asked = [], 0
    for name, _, panels in boards():
        for panel in panels:
            for target in panel["targets"]:
                asked += 1
                at = f"{name}: {panel['title']}"
                answer = query(prometheus, substituted(target["expr"]), "query_range", start=now - 12, end=now, step="1s")
                if answer.get("status") != "success":
                    faults.append(f"{at}: {answer.get('error')}")
                    continue
                values = [v for series in answer["data"]["result"] for _, v in series["values"] if v != "NaN"]
                if not values and panel["title"] not in MAY_BE_EMPTY:
                    faults.append(f"{at}: empty: {target['expr']}")
    return faults, asked


def promtool(*arguments):
    done = subprocess.run(["promtool", *arguments], cwd=GRAFANA, capture_output=True, text=True)
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def main():
    metrics_url, base_url, key = sys.argv[1:4]
    faults = []
    done = subprocess.run([sys.executable, str(GRAFANA / "generate.py"), "--check"], capture_output=True, text=True)
    faults += [] if done.returncode == 0 else [done.stderr.strip()]
    faults += promtool("check", "rules", "rules.yml") + promtool("check", "config", "--syntax-only", "prometheus.yml")
    faults += promtool("test", "rules", "rules_test.yml")
    with tempfile.TemporaryDirectory() as folder:
        process, prometheus = start_prometheus(metrics_url, folder)
        stop = threading.Event()
        senders = [threading.Thread(target=of, args=(base_url, key, stop), daemon=True) for of in [traffic, races] * 2]
        try:
            until("Prometheus is ready", lambda: "Ready" in ask(f"{prometheus}/-/ready"))
            for sender in senders:
                sender.start()
            scrapes = "count_over_time(up{job='tollgate'}[10m])"
            enough = lambda: (r := query(prometheus, scrapes)["data"]["result"]) and float(r[0]["value"][1]) >= SCRAPES
            until(f"{SCRAPES} scrapes are in", enough)
            wrong, asked = empty_or_wrong(prometheus)
            faults += wrong + rules_of_the_house(families(metrics_url))
        finally:
            stop.set()
            process.kill()
            process.wait()
    if faults:
        sys.exit("\n".join(faults))
    print(f"{asked} queries answered, none empty")


if __name__ == "__main__":
    main()
