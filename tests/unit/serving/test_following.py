"""Runs followed from outside: curves of growing logs, bounded however long they are."""

from __future__ import annotations

import math
from pathlib import Path

from fake_workspace import FakeWorkspace, key, log_line
from held_run import FakeRun
from specc.serving import following
from specc.serving.following import Curve, Follower


def test_a_long_curve_is_kept_as_means_of_neighbours() -> None:
    curve = Curve()
    for step in range(1, 10_001):
        curve.add(step, float(step % 10))
    points = curve.points()
    assert following.MOST_POINTS / 2 <= len(points) <= following.MOST_POINTS
    assert curve.stride == 64  # 240 points of 32 hold 7,680 lines
    assert [step for step, _ in points[:3]] == [64, 128, 192]
    assert points[0][1] == sum(step % 10 for step in range(1, 65)) / 64
    assert points[-1][0] == 10_000


def test_a_value_that_is_not_finite_is_no_number_in_its_point() -> None:
    curve = Curve()
    curve.add(1, 2.0)
    curve.add(2, math.nan)
    assert curve.points() == [(1, 2.0), (2, None)]


def test_the_logs_of_running_steps_are_followed_as_they_grow(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    follower = Follower(workspace.path)
    assert follower.look().status is None
    with FakeRun(workspace) as run:
        workspace.log("a", log_line(1, 3.0) + log_line(2, 2.5) + '{"step": 3, "lo')
        run.status(running=["a", "b"])
        moment = follower.look()
        assert moment.running[key("a")].curve.points() == [(1, 3.0), (2, 2.5)]
        assert moment.running[key("b")].curve.points() == []
        workspace.log("a", 'ss": 2.25}\n{"step": 4, "until": 1.0}\n{"step": 5, "loss": null}\n')
        assert follower.look().running[key("a")].curve.points() == [(1, 3.0), (2, 2.5), (3, 2.25), (5, None)]
        workspace.log("a", log_line(1, 9.0), mode="w")  # it went on from an earlier checkpoint
        assert follower.look().running[key("a")].curve.points() == [(1, 9.0)]


def test_curves_of_steps_that_ended_are_kept_the_latest_first(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    follower = Follower(workspace.path)
    with FakeRun(workspace) as run:
        for number in range(9):
            workspace.log(f"s{number}", log_line(1, float(number)))
            run.status(running=[f"s{number}"])
            follower.look()
            if number % 2:
                workspace.train(f"s{number}", {"corpus0": 64}, log_line(1, float(number)) + log_line(2, 0.5))
        run.status(running=[])
        ended = follower.look().ended
    assert [tail.key for tail in ended] == [key(f"s{number}") for number in (8, 7, 6, 5, 4, 3)]
    assert ended[0].curve.points() == [(1, 8.0)]
    assert ended[1].curve.points() == [(1, 7.0), (2, 0.5)]


def test_many_running_steps_are_followed_up_to_a_bound(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    follower = Follower(workspace.path)
    with FakeRun(workspace) as run:
        run.status(running=[f"s{number}" for number in range(100)])
        assert len(follower.look().running) == following.MOST_FOLLOWED


def test_a_key_that_is_none_is_no_path(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    (tmp_path / "metrics.jsonl").write_text(log_line(1))
    with FakeRun(workspace) as run:
        run.status(running=["a"], keys=["../.."])
        assert not Follower(workspace.path).look().running
