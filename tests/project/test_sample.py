"""The made-up data set: the same bytes for the same arguments, and the numbers it promises."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from engine.cli.sample import DEVICES, GENRES, PLANS, SampleReport, generate
from engine.core.errors import ProjectError

DIGESTS = {
    "users.csv": "0ce9fb2bbe6ffe30",
    "viewing_sessions.csv": "8d3e863517e2b40a",
    "content.json": "0548ef594009f4bc",
}
"""Of 200 users, 3,000 sessions, seed 7: they change only when the generator is meant to write something else."""


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    return generate(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    return generate(tmp_path_factory.mktemp("clean"), dirty=0)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    generate(tmp_path, users=200, sessions=3_000)
    assert {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:16] for name in DIGESTS} == DIGESTS


def test_another_seed_gives_other_rows(tmp_path: Path) -> None:
    for seed in (1, 2):
        generate(tmp_path / str(seed), users=50, sessions=500, seed=seed)
    for name in DIGESTS:
        assert (tmp_path / "1" / name).read_bytes() != (tmp_path / "2" / name).read_bytes()


def test_nothing_is_left_beside_the_files(default: SampleReport) -> None:
    assert sorted(p.name for p in default.folder.iterdir()) == sorted(DIGESTS)


def test_headline_figures(clean: SampleReport) -> None:
    users = rows_of(clean.folder / "users.csv")
    sessions = rows_of(clean.folder / "viewing_sessions.csv")
    active = {u[0] for u in users if float(u[5]) > 100}
    assert (len(users), len(active)) == (5_000, 4_271)
    assert (len(sessions), sum(s[1] in active for s in sessions)) == (222_785, 191_807)
    assert len({s[0] for s in sessions}) == 222_785
    assert {s[3][:7] for s in sessions} == {f"2024-0{month}" for month in range(1, 9)}
    assert {s[6] for s in sessions} == set(DEVICES)
    assert Counter(u[3] for u in users).keys() == set(PLANS)


def test_clean_rows_keep_every_rule(clean: SampleReport) -> None:
    signup = {u[0]: dt.date.fromisoformat(u[4]) for u in rows_of(clean.folder / "users.csv")}
    titles = {s[2] for s in rows_of(clean.folder / "viewing_sessions.csv")}
    for row in rows_of(clean.folder / "viewing_sessions.csv"):
        assert dt.date.fromisoformat(row[3]) >= signup[row[1]]
        assert 2 <= int(row[4]) <= 180
        assert 10 <= float(row[5]) <= 100
    assert len(titles) == 300


def test_the_catalogue(clean: SampleReport) -> None:
    content = json.loads((clean.folder / "content.json").read_text(encoding="utf-8"))
    titles = content["movies"] + content["series"]
    assert (len(content["movies"]), len(content["series"])) == (200, 100)
    assert len({t["content_id"] for t in titles}) == len({t["title"] for t in titles}) == 300
    assert {g for t in titles for g in t["genre"]} == set(GENRES)
    assert all(s["seasons"] == len(s["episodes_per_season"]) for s in content["series"])
    assert sum(len(t["genre"]) for t in titles) == clean.rows["silver.content_genres"]


def test_every_kind_of_fault_is_planted(default: SampleReport) -> None:
    kinds = {(p.file, p.kind) for p in default.planted if p.rows}
    assert {"duplicate_row", "duplicate_key", "null_key", "bad_date", "text_in_number", "malformed_line"} <= {
        kind for file, kind in kinds if file == "users.csv"}
    assert {"duplicate_row", "duplicate_key", "null_key", "bad_date", "text_in_number", "malformed_line", "bad_duration",
            "bad_completion", "orphan_user", "orphan_title", "missing_user", "unknown_device", "future_date",
            "device_spelling"} == {kind for file, kind in kinds if file == "viewing_sessions.csv"}


def test_the_books_balance(default: SampleReport) -> None:
    for file, table in (("users.csv", "bronze.users"), ("viewing_sessions.csv", "bronze.viewing_sessions"),
                        ("content.json", "bronze.content")):
        gone = default.count("quarantined", table) + default.count("deduplicated", table)
        assert default.files[file] == default.rows[table] + gone, table
    valid = default.rows["bronze.viewing_sessions"] - default.count("quarantined", "silver.all_viewing_sessions")
    assert valid == default.rows["silver.all_viewing_sessions"] == 222_785


def test_planted_faults_are_in_the_file(default: SampleReport) -> None:
    planted = {p.kind: p.rows for p in default.planted if p.file == "viewing_sessions.csv"}
    rows = rows_of(default.folder / "viewing_sessions.csv")
    whole = [r for r in rows if len(r) == 8]
    ids = Counter(r[0] for r in whole if r[0])
    assert len(rows) - len(whole) == planted["malformed_line"]
    assert sum(not r[0] for r in whole) == planted["null_key"]
    assert sum(n - 1 for n in ids.values()) == planted["duplicate_row"] + planted["duplicate_key"]
    assert sum(r[4].lstrip("-").isdigit() and int(r[4]) <= 0 for r in whole) == planted["bad_duration"]
    assert sum(r[6] in ("Smart Fridge", "Pager") for r in whole) == planted["unknown_device"]
    assert sum(r[1].startswith("X") for r in whole) == planted["orphan_user"]


def test_faults_do_not_move_the_valid_rows(default: SampleReport, clean: SampleReport) -> None:
    kept = set((clean.folder / "viewing_sessions.csv").read_text().splitlines())
    found = set((default.folder / "viewing_sessions.csv").read_text().splitlines())
    respelt = next(p.rows for p in default.planted if p.kind == "device_spelling")
    assert len(kept - found) == respelt


@pytest.mark.parametrize(("users", "sessions"), [(1, 0), (1, 7), (3, 1_000), (10, 100), (1_000, 44_557)])
def test_other_sizes_keep_the_proportions(tmp_path: Path, users: int, sessions: int) -> None:
    report = generate(tmp_path, users=users, sessions=sessions, dirty=0)
    people, watched = rows_of(tmp_path / "users.csv"), rows_of(tmp_path / "viewing_sessions.csv")
    active = {u[0] for u in people if float(u[5]) > 100}
    assert (len(people), len(watched)) == (users, sessions)
    assert len(active) == report.rows["silver.users"] == round(users * 4_271 / 5_000)
    assert sum(s[1] in active for s in watched) == report.rows["silver.viewing_sessions"]


@pytest.mark.parametrize("wrong", [{"users": 0}, {"sessions": -1}, {"dirty": -0.1}, {"dirty": 0.9}])
def test_numbers_that_make_no_data_set(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(ProjectError):
        generate(tmp_path, **wrong)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
