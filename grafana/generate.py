#!/usr/bin/env python3
"""Writes the Grafana dashboards of this folder from their definitions, or says whether they are current.

Usage: generate.py [--check]. Python's standard library only. A dashboard is a list of rows of panels in
a file of its own below `definitions/`; this file knows how Grafana (11, schema 39) wants them written.
"""

import importlib.util
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Colours that mean something keep their meaning on every panel.
COLOURS = {"2xx": "green", "3xx": "blue", "4xx": "yellow", "5xx": "red", "flowing": "green", "probing": "yellow", "tripped": "red"}
WIDTH = 24


def target(query, legend, instant=False):
    return {"expr": query, "legendFormat": legend, "instant": instant, "range": not instant, "datasource": SOURCE}


def panel(kind, title, description, unit, targets, **options):
    """One panel. `targets` are (query, legend) pairs."""
    instant = kind in ("stat", "table")
    overrides = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]}
        for name, colour in COLOURS.items()
    ]
    defaults = {"unit": unit, "color": {"mode": "palette-classic"}, "custom": options.pop("custom", {})}
    if "mappings" in options:
        defaults["mappings"] = options.pop("mappings")
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": [dict(target(query, legend, instant), refId=chr(65 + i)) for i, (query, legend) in enumerate(targets)],
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options,
        "width": options.pop("width", None),
    }


def timeseries(title, description, unit, *targets, stack=False):
    custom = {"lineWidth": 1, "fillOpacity": 20 if stack else 8, "showPoints": "never"}
    if stack:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    return panel(
        "timeseries", title, description, unit, targets, custom=custom,
        legend={"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        tooltip={"mode": "multi", "sort": "desc"},
    )


def stat(title, description, unit, query):
    return panel(
        "stat", title, description, unit, [(query, "")],
        reduceOptions={"calcs": ["lastNotNull"]}, graphMode="none", colorMode="value", textMode="value",
    )


def states(title, description, *targets):
    return panel(
        "state-timeline", title, description, "none", targets,
        mappings=[{"type": "value", "options": {
            "0": {"text": "flowing", "color": "green"}, "1": {"text": "probing", "color": "yellow"}, "2": {"text": "tripped", "color": "red"},
        }}],
        mergeValues=True, showValue="never", legend={"displayMode": "list", "placement": "bottom"},
    )


def variable(name, query, label):
    return {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1,
        "query": {"query": query, "refId": name}, "definition": query,
        "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]},
    }


VARIABLES = [
    {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}},
    variable("job", "label_values(tollgate_build_info, job)", "Job"),
    variable("instance", 'label_values(tollgate_build_info{job=~"$job"}, instance)', "Instance"),
    variable("model", 'label_values(tollgate_requests_total{job=~"$job"}, model)', "Model"),
    variable("endpoint", 'label_values(tollgate_upstream_attempts_total{job=~"$job"}, endpoint)', "Endpoint"),
]


def lay_out(rows):
    """Places panels on Grafana's grid: a row's panels share its width."""
    placed, y, number = [], 0, 1
    for title, height, panels in rows:
        placed.append({"type": "row", "title": title, "id": number, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}})
        y, number = y + 1, number + 1
        width = WIDTH // len(panels)
        for i, each in enumerate(panels):
            each = {k: v for k, v in each.items() if k != "width"}
            placed.append({**each, "id": number, "gridPos": {"x": i * width, "y": y, "w": width, "h": height}})
            number += 1
        y += height
    return placed


def dashboard(uid, title, description, rows):
    return {
        "uid": uid, "title": title, "description": description, "tags": ["tollgate"], "editable": False,
        "schemaVersion": 39, "version": 1, "refresh": "30s", "time": {"from": "now-1h", "to": "now"}, "timezone": "",
        "graphTooltip": 1, "annotations": {"list": []}, "templating": {"list": VARIABLES}, "panels": lay_out(rows),
        "links": [{"type": "dashboards", "tags": ["tollgate"], "title": "Tollgate", "includeVars": True, "keepTime": True, "asDropdown": True}],
    }


def definitions():
    for path in sorted((HERE / "definitions").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield path.stem, dashboard(module.UID, module.TITLE, module.DESCRIPTION, module.rows(sys.modules[__name__]))


def main():
    sys.modules.setdefault("generate", sys.modules["__main__"])
    stale = []
    for name, board in definitions():
        file, text = HERE / "dashboards" / f"{name}.json", json.dumps(board, indent=2) + "\n"
        if "--check" in sys.argv:
            if not file.exists() or file.read_text() != text:
                stale.append(file.name)
        else:
            file.write_text(text)
    if stale:
        sys.exit(f"not current: {', '.join(stale)}; run `make docs`")


if __name__ == "__main__":
    main()
